"""Keeping an account tidy: what is of no use any more, and the end of what serves."""

from collections.abc import Callable

from ml import clean_up, registry
from ml.operate.aws import Aws
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.state import serving_now


def clients(aws: Aws) -> clean_up.Clients:
    """Return what the clean-up needs."""
    return clean_up.Clients(
        sagemaker=aws.client("sagemaker"),
        autoscaling=aws.client("application-autoscaling"),
        codebuild=aws.client("codebuild"),
    )


def orphans(aws: Aws, stack: Stack) -> Answer:
    """Return what carries the endpoint's name and is of no use: no configuration serves it or waits as a way back."""
    found = clean_up.serving_resources(clients(aws), stack.endpoint_name)
    _, serves = serving_now(aws, stack)
    needed = {config.rpartition("-")[0] for config in found.endpoint_configs}
    rows = [
        {"kind": "model", "name": name, "why": "no configuration serves it"}
        for name in found.models
        if name not in needed
    ]
    if serves is None:
        lone = [("endpoint configuration", name) for name in found.endpoint_configs]
        lone += [("scalable target", name) for name, _ in found.scalable_targets]
        rows += [{"kind": kind, "name": name, "why": "there is no endpoint"} for kind, name in lone]
    notes = ["Remove them with: python -m ml teardown"] if rows and serves is None else ()
    return Answer(title="orphans", columns=("kind", "name", "why"), rows=rows, notes=notes, exit_status=int(bool(rows)))


def teardown(aws: Aws, stack: Stack, *, do: bool, say: Callable[[str], None]) -> Answer:
    """Remove everything that the deploy step made; without `do` only tell what that is (exit status 1 if anything)."""
    found = clean_up.serving_resources(clients(aws), stack.endpoint_name).labels()
    if do:
        clean_up.stop_builds(aws.client("codebuild"), stack.build_projects, pauses=registry.growing_pauses, say=say)
        clean_up.remove_all(clients(aws), stack.endpoint_name, pauses=registry.growing_pauses, say=say)
    rows = [{"what": label, "removed": do} for label in found]
    notes = () if do or not rows else ["Nothing was removed. Repeat with --yes to remove it; versions and data stay."]
    return Answer(
        title=f"what serves as {stack.endpoint_name}",
        columns=("what", "removed"),
        rows=rows,
        notes=notes,
        exit_status=int(bool(rows) and not do),
    )
