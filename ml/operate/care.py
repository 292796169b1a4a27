"""Keeping an account tidy: what is of no use any more, and the end of what serves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ml import clean_up, pruning, registry
from ml.endpoint import CHANGING, DELETING, ROLLBACK_FAILED
from ml.errors import RoadError
from ml.operate import planned
from ml.operate.aws import Aws
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.state import serving_now
from ml.operate.tags import Tagged, exists, tagged
from ml.serving import Serving

Say = Callable[[str], None]

TARGET, CONFIG, MODEL = "scalable target", "endpoint configuration", "model"
"""Kinds of things, as the commands call them."""


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A thing of no use. `ours` says that names and tags agree that a release of this stack made it.

    `settled` says that no release under way can have made it or wait for it.
    """

    kind: str
    name: str
    why: str
    ours: bool = True
    settled: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """What there is to tell: the orphans, what is under way (empty for nothing), and whether an endpoint is there.

    `targets` are resource id and dimension of the scalable targets among the orphans.
    """

    orphans: tuple[Orphan, ...]
    targets: tuple[tuple[str, str], ...]
    under_way: str
    live: bool
    tags: Tagged


def clients(aws: Aws) -> clean_up.Clients:
    """Return what the clean-up needs."""
    return clean_up.Clients(
        sagemaker=aws.client("sagemaker"),
        autoscaling=aws.client("application-autoscaling"),
        codebuild=aws.client("codebuild"),
    )


# --- what is of no use -----------------------------------------------------------------------------------------------


def orphans(aws: Aws, stack: Stack, *, do: bool, say: Say) -> Answer:
    """Return what is of no use by the rules of a release, and with `do` remove it; exit status 1 if anything stays.

    What serves, what is kept as a way back, what may belong to a release under way and what lacks the stack's tags is
    never removed. Raises RoadError, with nothing removed, for `do` while a release is under way.
    """
    found = look(aws, stack)
    if do:
        remove(aws, stack, found, say=say)
    rows = [
        {"kind": each.kind, "name": each.name, "why": each.why, "removed": do and each.ours} for each in found.orphans
    ]
    left = [row for row in rows if not row["removed"]]
    return Answer(
        title="orphans",
        columns=("kind", "name", "why", "removed"),
        rows=rows,
        notes=list(_notes(found, removed=do)),
        exit_status=int(bool(left)),
    )


def look(aws: Aws, stack: Stack) -> Found:
    """Return what is of no use now.

    The things are listed before anybody asks whether a release is under way: what one makes later is not among them.
    """
    plan, sagemaker = planned.plan(stack), aws.client("sagemaker")
    tags = tagged(aws, stack)
    inventory = pruning.inventory_of(sagemaker, plan)
    targets = clean_up.scalable_targets(aws.client("application-autoscaling"), stack.endpoint_name)
    state, serves = serving_now(aws, stack)
    under_way = _under_way(aws, stack, state)
    if serves is None:
        named = list(_without_endpoint(inventory, [name for name, _ in targets]))
    else:
        named = list(_beside(serves, inventory, plan.keep_versions))
    told = [_held_against(tags, each) for each in named if each.settled or not under_way]
    stray = [each for each in _strays(aws, stack, tags, plan.prefix) if each.name not in _in_service(serves)]
    return Found(
        orphans=(*told, *stray),
        targets=tuple(targets) if serves is None else (),
        under_way=under_way,
        live=serves is not None,
        tags=tags,
    )


def remove(aws: Aws, stack: Stack, found: Found, *, say: Say) -> None:
    """Remove what is ours. Raises RoadError with nothing removed while a release is under way.

    One that begins at this very moment may want a model or a configuration of an earlier try: it fails then, changes
    nothing, and its stage can be retried.
    """
    if found.under_way:
        raise RoadError(f"{found.under_way} and may need what is there: nothing was removed. Repeat when that is over")
    names = {kind: [each.name for each in found.orphans if each.ours and each.kind == kind] for kind in (CONFIG, MODEL)}
    resources = clean_up.ServingResources(
        endpoint="", scalable_targets=found.targets, endpoint_configs=names[CONFIG], models=names[MODEL]
    )
    clean_up.remove(clients(aws), resources, pauses=registry.growing_pauses, say=say)


def _under_way(aws: Aws, stack: Stack, state: str) -> str:
    """Return what changes or may soon change the endpoint, empty for nothing.

    One whose update could not be taken back serves both configurations, the newer one as well (`endpoint.broken`).
    """
    if state in CHANGING | {DELETING, ROLLBACK_FAILED}:
        return f"endpoint {stack.endpoint_name} is {state}"
    builds = clean_up.running_builds(aws.client("codebuild"), stack.build_projects)
    return f"build {builds[0]} runs" if builds else ""


def _beside(serves: Serving, inventory: pruning.Inventory, versions: int) -> Iterator[Orphan]:
    """Yield what is of no use beside a live endpoint."""
    serving = pruning.Config(name=serves.config_name, created=serves.created)
    found = pruning.of_no_use(inventory, serving, versions)
    for name in found.beyond:
        yield Orphan(kind=CONFIG, name=name, why=f"beyond the {versions} versions to keep", settled=True)
    for name in found.unfinished:
        yield Orphan(kind=CONFIG, name=name, why="newer than the one in service: it never came to serve, or was undone")
    for name in found.models:
        if name not in _in_service(serves):
            yield Orphan(kind=MODEL, name=name, why="no configuration that is needed serves it")


def _in_service(serves: Serving | None) -> set[str]:
    """Return the names of what serves: somebody may have made a configuration whose name says nothing of its models."""
    if serves is None:
        return set()
    return {serves.config_name, *(variant["ModelName"] for variant in serves.config["ProductionVariants"])}


def _without_endpoint(inventory: pruning.Inventory, targets: list[str]) -> Iterator[Orphan]:
    names = {TARGET: targets, CONFIG: [config.name for config in inventory.configs], MODEL: inventory.models}
    for kind, found in names.items():
        yield from (Orphan(kind=kind, name=name, why="there is no endpoint") for name in found)


def _held_against(tags: Tagged, orphan: Orphan) -> Orphan:
    """Return the orphan, as not ours where the tags are known and not on it. A scalable target gets none."""
    if tags.unknown or orphan.kind == TARGET or tags.holds(orphan.kind, orphan.name):
        return orphan
    why = f"{orphan.why}; it lacks this stack's tags"
    return Orphan(kind=orphan.kind, name=orphan.name, why=why, ours=False, settled=orphan.settled)


def _strays(aws: Aws, stack: Stack, tags: Tagged, prefix: str) -> Iterator[Orphan]:
    """Yield what has the stack's tags and is there, but carries another endpoint's name."""
    for kind, name in sorted(tags.things):
        own = name.lower() == stack.endpoint_name.lower() or name.lower().startswith(prefix.lower())
        if not own and exists(aws.client("sagemaker"), kind, name):
            why = "it has this stack's tags, but not its endpoint's name"
            yield Orphan(kind=kind, name=name, why=why, ours=False, settled=True)


def _notes(found: Found, *, removed: bool) -> Iterator[str]:
    if found.under_way:
        yield f"{found.under_way}: what may be needed until that is over is left out"
    elif any(each.ours for each in found.orphans) and not removed:
        if found.live:
            yield "The next release that comes to serve removes what has its endpoint's name"
        yield "Remove it now: python -m ml orphans --remove --yes"
    if any(not each.ours for each in found.orphans):
        yield "What lacks the tags or the name stays (AWS's index of tags is a little late): find out who made it"
    if found.tags.unknown:
        yield f"Names alone tell what is ours, for the tags are not known: {found.tags.unknown}"


# --- the end of what serves ------------------------------------------------------------------------------------------


def teardown(aws: Aws, stack: Stack, *, do: bool, say: Say) -> Answer:
    """Remove everything that the deploy step made; without `do` only tell what that is (exit status 1 if anything)."""
    found = clean_up.serving_resources(clients(aws), stack.endpoint_name).labels()
    if do:
        clean_up.stop_builds(aws.client("codebuild"), stack.build_projects, pauses=registry.growing_pauses, say=say)
        clean_up.remove_all(clients(aws), stack.endpoint_name, pauses=registry.growing_pauses, say=say)
    rows: list[dict[str, Any]] = [{"what": label, "removed": do} for label in found]
    notes = () if do or not rows else ["Nothing was removed. Repeat with --yes to remove it; versions and data stay."]
    return Answer(
        title=f"what serves as {stack.endpoint_name}",
        columns=("what", "removed"),
        rows=rows,
        notes=notes,
        exit_status=int(bool(rows) and not do),
    )
