"""What changes a decision or what serves: approve, reject, rollback. All of it through the road, nothing around it."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from ml import contract, ledger, registry
from ml.errors import InputError, RoadError
from ml.gate import one_line
from ml.operate.aws import Aws
from ml.operate.following import follow
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.versions import one_version
from ml.pipeline_state import IN_PROGRESS

ROLLBACK_SECONDS = 3 * 3600
_LONGEST_COMMENT = 500


def decide(aws: Aws, stack: Stack, number: int, *, status: str, comment: str) -> Answer:
    """Set the status of a version that nobody has decided about; exit status 1 when somebody had.

    `status` is Approved or Rejected. Where the pipeline waits for a person, the stack's bridge answers it with this.
    """
    sagemaker = aws.client("sagemaker")
    version = one_version(sagemaker, stack.model_package_group, number)
    caller = aws.client("sts").get_caller_identity()["Arn"]
    said = one_line(comment, _LONGEST_COMMENT) or "no comment"
    standing = registry.set_status(sagemaker, version.arn.text, status, f"{status} by {caller}: {said}")
    row = {"version": number, "status": standing.status, "decided_now": standing.written, "reason": standing.reason}
    return Answer(
        title=f"version {number} of {stack.model_package_group}",
        columns=("version", "status", "decided_now", "reason"),
        rows=[row],
        notes=() if standing.written else ["It had been decided before; a decision is never changed."],
        exit_status=int(not standing.written),
    )


def rollback(
    aws: Aws,
    stack: Stack,
    number: int,
    *,
    wait: bool,
    say: Callable[[str], None],
    pauses: Any = registry.growing_pauses,
) -> Answer:
    """Send an approved version through the pipeline again, without training. Raises RoadError unless it is approved.

    With `wait` it says what the execution does, returns when that has ended, and tells what the ledger says: exit
    status 1, with the cause, unless the version serves.
    """
    execution, codepipeline = _start(aws, stack, number), aws.client("codepipeline")
    if not wait:
        return _released(number, execution, notes=["Follow it with: python -m ml status"])
    say(f"execution {execution} of {stack.pipeline_name} begins")
    ended = follow(codepipeline, stack.pipeline_name, execution, pauses=pauses(ROLLBACK_SECONDS), say=say)
    recorded = [
        entry
        for entry in ledger.entries(aws.client("s3"), stack.model_bucket, stack.endpoint_name)
        if entry.execution == execution
    ]
    told = "; ".join(f"{entry.time} {entry.event} {entry.detail}" for entry in recorded)
    # The last run of its Deploy stage says what is.
    if [(entry.event, entry.version) for entry in recorded[-1:]] == [(ledger.SERVES, number)]:
        return _released(number, execution, status=ended.status, told=told)
    error = f"execution {execution} ended as {ended.status}, and the ledger does not say that version {number} serves"
    error += f": {'; '.join(ended.causes)}. Mend it, then roll back again" if ended.causes else ". Look at the pipeline"
    notes = [] if recorded else ["The ledger knows nothing of it: it ended before its Deploy stage"]
    return _released(number, execution, status=ended.status, told=told, notes=notes, error=error)


def _start(aws: Aws, stack: Stack, number: int) -> str:
    """Start the release of an approved version and return the execution's id."""
    version = one_version(aws.client("sagemaker"), stack.model_package_group, number)
    if version.status != contract.APPROVED:
        reason = one_line(version.reason, 200) or "no reason given"
        raise RoadError(
            f"version {number} is {version.status} ({reason}); nothing was started. Choose an approved one:"
            " python -m ml history"
        )
    variables = [{"name": contract.PIPELINE_VARIABLE, "value": version.arn.text}]
    started = aws.client("codepipeline").start_pipeline_execution(name=stack.pipeline_name, variables=variables)
    return str(started["pipelineExecutionId"])


def _released(
    number: int,
    execution: str,
    *,
    status: str = IN_PROGRESS,
    told: str = "",
    notes: Sequence[str] = (),
    error: str = "",
) -> Answer:
    row = {"version": number, "execution": execution, "status": status, "ledger": told}
    title, failed = f"release of version {number}", int(bool(error))
    return Answer(title=title, columns=tuple(row), rows=[row], notes=notes, exit_status=failed, error=error)


def invoke(aws: Aws, stack: Stack, body: bytes, *, content_type: str) -> Answer:
    """Ask the endpoint and return its answer with the milliseconds that it took. Raises InputError for a refusal."""
    runtime = aws.client("sagemaker-runtime")
    begun = time.monotonic()
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=stack.endpoint_name, ContentType=content_type, Accept="application/json", Body=body
        )
    except runtime.exceptions.ModelError as error:
        said = error.response.get("OriginalMessage", "") or str(error)
        raise InputError(f"the endpoint refuses the request: {one_line(said, 300)}. Repair the rows") from error
    predictions = json.loads(answer["Body"].read())["predictions"]
    taken = round((time.monotonic() - begun) * 1000, 1)
    rows = [{"row": index, **prediction} for index, prediction in enumerate(predictions, 1)]
    columns = tuple(rows[0]) if rows else ("row",)
    return Answer(
        title=f"{stack.endpoint_name}: {len(rows)} answers in {taken} ms",
        columns=columns,
        rows=rows,
        extra={"milliseconds": taken},
    )
