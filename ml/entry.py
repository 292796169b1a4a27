"""What the build stages' entries have in common: environment, clients, printing and the exit status."""

import gc
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

from ml.errors import InputError, RoadError
from ml.gate import one_line

LONGEST_CAUSE = 500
ATTEMPTS = 8
"""Of each AWS call. botocore's own three give up after a few seconds of throttling."""


def client(service: str) -> Any:
    """Return a client for `service` in the environment's region, with our retries."""
    config = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # by name


def values(environment: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Return `keys` with their values. Raises InputError that names every key without one."""
    found = {key: environment.get(key, "").strip() for key in keys}
    absent = [key for key, value in found.items() if not value]
    if absent:
        raise InputError(
            f"environment: {', '.join(absent)} not set. The build project and its pipeline action set them"
        )
    return found


def json_object(environment: Mapping[str, str], key: str) -> dict[str, Any]:
    """Return the JSON object under `key`. Raises InputError when it is none."""
    try:
        content = json.loads(environment.get(key, ""))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise InputError(f"environment: {key} is not a JSON object. Deploy the program again")
    return content


def say(text: str) -> None:
    """Print one line of progress, at once."""
    print(text, flush=True)


def interrupted(_signal: int, _frame: object) -> None:
    """Raise RoadError: what a process that is told to end, as a stopped build is, should make of the signal."""
    raise RoadError("the build was told to end. Start it again when it may go on")


def fail(cause: str, status: int) -> None:
    """Print the one line on standard error that says why the process ends. Whoever reads the status has it already."""
    print(f"error: {cause}", file=sys.stderr, flush=True)


def run(main: Callable[[], None], *, tell: Callable[[str, int], None] = fail) -> int:
    """Call `main` as the last thing of this process, and return the exit status.

    What a person or AWS can repair is one line, which `tell` is handed with the exit status; a defect keeps its trace.
    """
    try:
        main()
    except RoadError as error:
        cause, status = str(error), error.exit_status
    except ClientError as error:
        said = error.response["Error"]
        cause, status = f"{error.operation_name}: {said.get('Code')}: {said.get('Message')}", RoadError.exit_status
    except BotoCoreError as error:
        cause, status = f"AWS cannot be reached: {error}", RoadError.exit_status
    else:
        return 0
    finally:
        # Python looks through everything once more when it ends: most of a second, with scikit-learn and matplotlib.
        gc.freeze()
    tell(one_line(cause, LONGEST_CAUSE), status)
    return status
