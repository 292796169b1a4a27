"""The operator's own machine, as the doctor looks at it: Python, packages, the Pulumi CLI, credentials."""

import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from ml import runtimes, stack_file
from ml.gate import one_line
from ml.operate.aws import Aws
from ml.operate.check import Check, open_question, wrong
from ml.operate.stack import Stack

LEAST_PYTHON = (3, 11)
REQUIREMENTS = stack_file.PROJECT / "requirements.txt"
_INSTALL = "python -m pip install -r requirements.txt"
_INSTALL_PULUMI = "install the newest: pulumi.com/docs/install"
_PULUMI_SECONDS = 30
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def credentials(aws: Aws, stack: Stack | None) -> Iterator[Check]:
    """Tell whose credentials these are, and whether they fit the stack. Without any, the first check is a finding."""
    try:
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        # Only a stack tells a region: without one, the person's own is asked, and may be absent.
        lost = isinstance(error, NoRegionError)
        repair = "export AWS_REGION" if lost else "sign in (aws sso login, or AWS_PROFILE)"
        yield wrong("credentials", one_line(str(error), 200), repair)
        return
    yield Check(name="credentials", found=caller["Arn"])
    if stack is None:
        return
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


def tools(*, needs_pulumi: bool) -> Iterator[Check]:
    """Tell which versions of Python, of the packages and of the Pulumi CLI are here."""
    found = platform.python_version()
    if sys.version_info < LEAST_PYTHON:
        yield wrong("Python", found, f"use Python {LEAST_PYTHON[0]}.{LEAST_PYTHON[1]} or newer")
    else:
        yield Check(name="Python", found=found)
    pinned = _pins(REQUIREMENTS.read_text(encoding="utf-8"))
    yield _packages("packages of requirements.txt", pinned, _INSTALL)
    trains = {"scikit-learn": runtimes.CONTAINER_LIBRARIES["scikit-learn"]}
    yield _packages("scikit-learn, as the serving container's", trains, _INSTALL)
    yield pulumi_cli(stack_file.required_pulumi_version(stack_file.PROJECT), needed=needs_pulumi)


def pulumi_cli(required: str, *, needed: bool) -> Check:
    """Tell whether the Pulumi CLI is here, and is what the project requires (">=3.260.0").

    Without it, and where the outputs came from elsewhere, whether it is needed here stays open.
    """
    name = f"Pulumi CLI {required}"
    try:
        done = subprocess.run(
            ["pulumi", "version"], capture_output=True, text=True, timeout=_PULUMI_SECONDS, check=False
        )
    except FileNotFoundError:
        absent = wrong if needed else open_question
        return absent(name, "not on PATH: pulumi up and destroy are for another machine", _INSTALL_PULUMI)
    except subprocess.TimeoutExpired:
        return open_question(name, f"pulumi version took more than {_PULUMI_SECONDS} s", "run it by hand and see why")
    there, least = _VERSION.search(done.stdout), _VERSION.search(required)
    if done.returncode != 0 or there is None or least is None:
        said = one_line(f"{done.stdout} {done.stderr}", 200)
        return open_question(name, f"pulumi version says {said!r}", "run it by hand and see why")
    if tuple(map(int, there.groups())) < tuple(map(int, least.groups())):
        return wrong(name, there[0], _INSTALL_PULUMI)
    return Check(name=name, found=there[0])


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
