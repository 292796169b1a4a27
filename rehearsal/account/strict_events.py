"""A correction of moto's EventBridge: nobody but AWS speaks in the name of AWS."""

from typing import TYPE_CHECKING, Any

from rehearsal.account.calls import Caller, Reply
from rehearsal.account.gateway import Proceed
from rehearsal.account.operations import json_result

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

_RESERVED = "aws."
_REFUSAL = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}


def install_put_events(cloud: "Cloud") -> None:
    """Refuse, entry by entry, events whose source is an AWS service."""
    cloud.correct("events", "PutEvents", _put_events)


def _put_events(params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply | dict[str, Any]:
    entries = params["Entries"]
    own = [entry for entry in entries if not entry.get("Source", "").startswith(_RESERVED)]
    if len(own) == len(entries):
        return proceed(params)
    answered = json_result(proceed({**params, "Entries": own}))["Entries"] if own else []
    in_order = iter(answered)
    results = [next(in_order) if entry in own else dict(_REFUSAL) for entry in entries]
    return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}
