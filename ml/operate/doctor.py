"""Is everything sound? What is asked and in which order; the looks themselves are in the modules beside."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from ml import runtimes
from ml.operate import parts, quotas, tools
from ml.operate.aws import Aws
from ml.operate.check import Check, open_question, wrong
from ml.operate.show import Answer
from ml.operate.stack import Found, Stack

DAYS_OF_WARNING = 180
DRIFT = "pulumi preview --refresh --diff"
"""Compares each resource of the program with what is there."""


def doctor(aws: Aws, found: Found, today: date | None = None) -> Answer:
    """Return every check with its result and, where it fails, the repair; exit status 1 when one fails.

    Without the stack's outputs, or without credentials, it is about what needs none.
    """
    today, stack = today or datetime.now(tz=UTC).date(), found.stack
    mine = list(tools.credentials(aws, stack))
    checks = [
        _outputs(found),
        *mine,
        *tools.tools(needs_pulumi=bool(found.problem)),
        *_ends(stack, today),
    ]
    if stack is not None and mine[0].ok:
        checks += [*parts.checks(aws, stack), *quotas.quotas(aws, stack), _drift()]
    failed = sum(check.ok is False for check in checks)
    open_ones = sum(check.ok is None for check in checks)
    return Answer(
        title=f"doctor: {stack.pipeline_name if stack else 'this machine alone'}",
        columns=("check", "ok", "found", "repair"),
        rows=[check.row for check in checks],
        notes=[f"{len(checks)} checks: {failed} to repair, {open_ones} without an answer (-)"],
        exit_status=int(failed > 0),
    )


def _outputs(found: Found) -> Check:
    name = "stack outputs"
    if found.stack is None:
        return wrong(name, found.problem, "without them nothing of the stack was looked at: name it, or pulumi up")
    if found.problem:
        return wrong(name, f"{found.problem}; looked at by {found.source}", "pulumi up, unless it is gone on purpose")
    return Check(name=name, found=found.source)


def _drift() -> Check:
    """Say who tells the rest: the outputs have no policies or settings that could be compared.

    That the provider does not read a function's code back, and so tells no change of it, is not verified.
    """
    looked = "not looked at: policies of roles, buckets and key; settings of functions, rules, builds and pipeline"
    return open_question("changed by hand", looked, f"{DRIFT}; a function's code it does not compare")


def _ends(stack: Stack | None, today: date) -> Iterator[Check]:
    chosen: dict[str, tuple[str, Mapping[str, date], str]] = {
        "Lambda runtime": (runtimes.LAMBDA_RUNTIME, runtimes.LAMBDA_RUNTIME_ENDS, "a newer one in ml/runtimes.py"),
        "Python of builds and container": (runtimes.PYTHON_VERSION, runtimes.PYTHON_ENDS, "a newer container image"),
    }
    if stack is not None:
        image = stack.training["image"]
        chosen["build image"] = (image, runtimes.BUILD_IMAGE_ENDS, "set training.image to a newer one")
    for kind, (what, ends, repair) in chosen.items():
        name = f"{kind} {what}"
        if what not in ends:
            yield open_question(
                name, "nobody noted until when it is supported", "look it up, and note it in ml/runtimes.py"
            )
            continue
        left = (ends[what] - today).days
        found = f"supported until {ends[what]}, {left} days"
        yield (
            Check(name=name, found=found) if left > DAYS_OF_WARNING else wrong(name, found, f"{repair}, then pulumi up")
        )
