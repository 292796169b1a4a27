"""Is everything sound? Credentials, versions and end dates here; the stack's own parts in `ml.operate.parts`."""

import platform
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ml import runtimes
from ml.errors import InputError
from ml.gate import one_line
from ml.operate import parts
from ml.operate.aws import Aws
from ml.operate.check import Check, open_question, wrong
from ml.operate.show import Answer
from ml.operate.stack import Stack

DAYS_OF_WARNING = 180
LEAST_PYTHON = (3, 11)
REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"
_INSTALL = "python -m pip install -r requirements.txt"


def doctor(aws: Aws, stack: Stack, today: date | None = None) -> Answer:
    """Return every check with its result and, where it fails, the repair; exit status 1 when one fails."""
    today = today or datetime.now(tz=UTC).date()
    checks = [
        *_credentials(aws, stack),
        *_tools(),
        *_ends(stack, today),
        *parts.checks(aws, stack),
        *parts.quotas(aws, stack),
    ]
    failed = sum(check.ok is False for check in checks)
    open_ones = sum(check.ok is None for check in checks)
    return Answer(
        title=f"doctor: {stack.pipeline_name}",
        columns=("check", "ok", "found", "repair"),
        rows=[check.row for check in checks],
        notes=[f"{len(checks)} checks: {failed} to repair, {open_ones} that AWS does not answer (-)"],
        exit_status=int(failed > 0),
    )


def _credentials(aws: Aws, stack: Stack) -> Iterator[Check]:
    try:
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise InputError(
            f"no usable AWS credentials: {one_line(str(error), 200)}. Sign in (aws sso login, or AWS_PROFILE)"
        ) from error
    yield Check(name="credentials", found=caller["Arn"])
    if caller["Account"] == stack.account:
        yield Check(name="account", found=stack.account)
    else:
        found = f"these are of account {caller['Account']}, the stack is in {stack.account}"
        yield wrong("account", found, "name the stack's own: --profile or AWS_PROFILE")
    if aws.usual_region in (None, stack.region):
        yield Check(name="region", found=stack.region)
    else:
        found = f"other tools use {aws.usual_region}, the stack is in {stack.region}"
        yield wrong("region", found, f"export AWS_REGION={stack.region}")


def _tools() -> Iterator[Check]:
    found = platform.python_version()
    if sys.version_info < LEAST_PYTHON:
        yield wrong("Python", found, f"use Python {LEAST_PYTHON[0]}.{LEAST_PYTHON[1]} or newer")
    else:
        yield Check(name="Python", found=found)
    pinned = _pins(REQUIREMENTS.read_text(encoding="utf-8"))
    yield _packages("packages of requirements.txt", pinned, _INSTALL)
    trains = {"scikit-learn": runtimes.CONTAINER_LIBRARIES["scikit-learn"]}
    yield _packages("scikit-learn, as the serving container's", trains, _INSTALL)


def _pins(text: str) -> dict[str, str]:
    """Return package -> version of a requirements file's exact pins."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {name: wanted for name, separator, wanted in (line.partition("==") for line in lines) if separator}


def _packages(name: str, wanted: Mapping[str, str], repair: str) -> Check:
    others = [
        f"{package} {there or 'absent'}, not {pin}"
        for package, pin in wanted.items()
        if (there := _there(package)) != pin
    ]
    if others:
        return wrong(name, "; ".join(others), repair)
    return Check(name=name, found=f"{len(wanted)} as pinned" if len(wanted) > 1 else next(iter(wanted.values())))


def _there(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _ends(stack: Stack, today: date) -> Iterator[Check]:
    chosen: dict[str, tuple[str, Mapping[str, date], str]] = {
        "Lambda runtime": (runtimes.LAMBDA_RUNTIME, runtimes.LAMBDA_RUNTIME_ENDS, "a newer one in ml/runtimes.py"),
        "build image": (stack.training["image"], runtimes.BUILD_IMAGE_ENDS, "set training.image to a newer one"),
        "Python of builds and container": (runtimes.PYTHON_VERSION, runtimes.PYTHON_ENDS, "a newer container image"),
    }
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
