"""Keeping an account tidy and sound: orphans, teardown and the doctor's findings, each with its repair."""

import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ml import clean_up, contract, registry
from ml.errors import InputError
from ml.gate import one_line
from ml.operate.aws import Aws
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.state import serving_now

DAYS_OF_WARNING = 180
ENDS = {
    # What ends, when, and where that is said. Checked 2026-11.
    f"Lambda runtime {contract.LAMBDA_RUNTIME}": (date(2029, 6, 30), "AWS Lambda runtimes page"),
    f"Python {contract.PYTHON_VERSION}": (date(2028, 10, 31), "devguide.python.org/versions"),
    f"build image {contract.BUILD_IMAGE}": (date(2027, 6, 1), "Ubuntu 22.04's standard support; AWS names no date"),
}
LEAST_PYTHON = (3, 11)
_ABSENT = "is not there. Run pulumi up"


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


def doctor(aws: Aws, stack: Stack, today: date | None = None) -> Answer:
    """Return every check with its result and, where it fails, the repair; exit status 1 when one fails."""
    today = today or datetime.now(tz=UTC).date()
    checks = [*_credentials(aws, stack), *_tools(), *_ends(today), *_resources(aws, stack)]
    rows = [{"check": check, "ok": not repair, "found": found, "repair": repair} for check, found, repair in checks]
    return Answer(
        title=f"doctor: {stack.pipeline_name}",
        columns=("check", "ok", "found", "repair"),
        rows=rows,
        exit_status=int(any(not row["ok"] for row in rows)),
    )


Check = tuple[str, str, str]
"""What was checked, what was found, and the repair; empty when all is well."""


def _credentials(aws: Aws, stack: Stack) -> Iterator[Check]:
    try:
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise InputError(
            f"no usable AWS credentials: {one_line(str(error), 200)}. Sign in (aws sso login, or AWS_PROFILE)"
        ) from error
    yield "credentials", caller["Arn"], ""
    yield "region", stack.region, ""


def _tools() -> Iterator[Check]:
    old = sys.version_info < LEAST_PYTHON
    yield "Python", platform.python_version(), f"use Python {LEAST_PYTHON[0]}.{LEAST_PYTHON[1]} or newer" if old else ""
    wanted = contract.CONTAINER_LIBRARIES["scikit-learn"]
    try:
        found = version("scikit-learn")
    except PackageNotFoundError:
        found = "not installed"
    different = "a model trained here would not load in the container: install requirements.txt"
    yield "scikit-learn, as the serving container's", found, "" if found == wanted else different


def _ends(today: date) -> Iterator[Check]:
    for name, (end, source) in ENDS.items():
        left = (end - today).days
        repair = "" if left > DAYS_OF_WARNING else "move to a newer version in ml/contract.py, then make check test"
        yield name, f"supported until {end} ({source}), {left} days", repair


def _resources(aws: Aws, stack: Stack) -> Iterator[Check]:
    looks: dict[str, Callable[[], Any]] = {
        f"pipeline {stack.pipeline_name}": lambda: aws.client("codepipeline").get_pipeline(name=stack.pipeline_name),
        f"registry group {stack.model_package_group}": lambda: aws.client("sagemaker").describe_model_package_group(
            ModelPackageGroupName=stack.model_package_group
        ),
    }
    for name, look in looks.items():
        try:
            look()
        except ClientError as error:
            yield name, str(error.response["Error"].get("Code")), _ABSENT
        else:
            yield name, "there", ""
    yield from _bucket(aws, stack)
    yield from _instances(aws, stack)


def _bucket(aws: Aws, stack: Stack) -> Iterator[Check]:
    name = f"model bucket {stack.model_bucket}"
    try:
        state = aws.client("s3").get_bucket_versioning(Bucket=stack.model_bucket).get("Status", "off")
    except ClientError as error:
        yield name, str(error.response["Error"].get("Code")), _ABSENT
        return
    yield name, f"versioning {state}", "" if state == "Enabled" else "somebody switched it off: pulumi up --refresh"


def _instances(aws: Aws, stack: Stack) -> Iterator[Check]:
    """Compare how many instances an update needs with what is asked; the quota itself is AWS's to tell."""
    if stack.endpoint["kind"] != contract.REALTIME:
        return
    count, kind = stack.endpoint["max_instance_count"], stack.endpoint["instance_type"]
    yield (
        f"instances of {kind}",
        f"an update needs {count} beside {count}: compare with the quota '{kind} for endpoint usage' in Service Quotas",
        "",
    )
