"""CodePipeline's event about the action that waits for a person, as EventBridge delivers it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ml import contract
from ml.errors import InputError

SOURCE = "aws.codepipeline"
DETAIL_TYPE = "CodePipeline Action Execution State Change"
STARTED = "STARTED"
FAILED = "FAILED"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class ApprovalEvent:
    """Which approval changed. What became of it is read from CodePipeline itself."""

    execution_id: str
    action_id: str
    """Empty where the event does not carry it: older published samples lack it."""
    state: str


def parse(event: Mapping[str, Any], pipeline: str) -> ApprovalEvent:
    """Return which approval of `pipeline` the event is about. Raises InputError unless it is about one of them."""
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise InputError("the pipeline event has no detail. Invoke the function by its rule")
    place = tuple(detail.get(key) for key in ("pipeline", "stage", "action"))
    if place != (pipeline, contract.APPROVAL_STAGE, contract.MANUAL_APPROVAL_ACTION):
        raise InputError(f"the event is not about an approval of {pipeline}. Invoke the function by its rule")
    if detail.get("state") not in (STARTED, FAILED):
        raise InputError(f"the event is neither {STARTED} nor {FAILED}. Invoke the function by its rule")
    execution_id, action_id = detail.get("execution-id"), detail.get("action-execution-id", "")
    if not _is_id(execution_id) or not (action_id == "" or _is_id(action_id)):
        raise InputError("the event names no execution. Invoke the function by its rule")
    return ApprovalEvent(execution_id=execution_id, action_id=action_id, state=detail["state"])


def _is_id(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and _ID.fullmatch(text) is not None
