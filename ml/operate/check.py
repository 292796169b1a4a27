"""One look of the doctor's: what was looked at, whether it is sound, and the repair where it is not. No AWS, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ml import endpoint
from ml.gate import one_line

_LONGEST_CAUSE = 160
ABSENT = "it is not there: pulumi up"
MENDED = "pulumi up --refresh"
"""Makes what a person changed by hand as the program has it."""
AGAIN = "run the doctor again in a while"
_REFUSALS = ("AccessDenied", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError")
_ABSENCES = ("NotFound", "404", "NoSuchBucket", "NonExistentQueue", "QueueDoesNotExist")
"""Parts of error codes."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A result. `ok` is None where nobody tells: `repair` then says how a person finds out."""

    name: str
    found: str
    ok: bool | None = True
    repair: str = ""

    @property
    def row(self) -> dict[str, Any]:
        """The result as the command shows it."""
        return {"check": self.name, "ok": self.ok, "found": self.found, "repair": self.repair}


def wrong(name: str, found: str, repair: str) -> Check:
    """Return a finding."""
    return Check(name=name, found=found, ok=False, repair=repair)


def open_question(name: str, found: str, repair: str) -> Check:
    """Return what AWS does not tell."""
    return Check(name=name, found=found, ok=None, repair=repair)


def seen(name: str, look: Callable[[], Check]) -> Check:
    """Return what `look` found; a refused call is a finding as well, because nothing vouches for the part.

    Any other fault, as of a busy service or of the network, leaves the question open.
    """
    try:
        return look()
    except ClientError as error:
        cause = error.response["Error"]
        code, said = str(cause.get("Code")), str(cause.get("Message"))
        if any(word in code for word in _REFUSALS):
            return wrong(name, code, f"ask for the right to call {error.operation_name}")
        # SageMaker has no code of its own for what is not there: the message tells.
        if any(word in code for word in _ABSENCES) or "does not exist" in said or endpoint.is_absent(error):
            return wrong(name, code, ABSENT)
        return open_question(name, f"{code}: {one_line(said, _LONGEST_CAUSE)}", AGAIN)
    except BotoCoreError as error:
        # No answer at all: the next part may have one.
        return open_question(name, f"AWS cannot be reached: {one_line(str(error), _LONGEST_CAUSE)}", AGAIN)
