"""One look of the doctor's: what was looked at, whether it is sound, and the repair where it is not. No AWS, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

ABSENT = "it is not there: pulumi up"
_REFUSALS = ("AccessDenied", "UnauthorizedOperation", "NotAuthorized")


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
    """Return what `look` found; a refused call is a finding as well, because nothing vouches for the part."""
    try:
        return look()
    except ClientError as error:
        code = str(error.response["Error"].get("Code"))
        refused = any(word in code for word in _REFUSALS)
        return wrong(name, code, f"ask for the right to call {error.operation_name}" if refused else ABSENT)
