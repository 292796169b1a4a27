"""One job of CodePipeline as a Lambda function sees it: its id, the package it is about, and the result it must get.

The event holds credentials: it is never logged, quoted or returned.
"""

import json
import re
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from botocore.exceptions import BotoCoreError, ClientError

from ml import contract, function_entry, registry
from ml.errors import InputError, RoadError
from ml.gate import one_line

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient

Result: TypeAlias = dict[str, str]
"""`decision` (the registry's word, or NOT_DECIDED), `reason`, and `modelPackageArn` where it is known."""

NOT_DECIDED = "none"
LONGEST_MESSAGE = 2000
LONGEST_PARAMETERS = 1000
_KEY = "CodePipeline.job"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_JOB_IS_OVER = frozenset({"InvalidJobStateException", "JobNotFoundException"})


def is_job(event: object) -> TypeGuard[dict[str, Any]]:
    """Return whether CodePipeline sent the event."""
    return isinstance(event, dict) and _KEY in event


def answer(
    codepipeline: "CodePipelineClient",
    event: Mapping[str, Any],
    decide: Callable[[str], Result],
    *,
    passing: Container[str],
) -> Result:
    """Let `decide` judge the job's package, and give the job its result: success for a decision in `passing`.

    The job always gets a result: without a decision it fails with the cause, and a defect is raised after that. Raises
    InputError for a job without an id, which nobody can answer, and ClientError when the result cannot be given.
    """
    job_id = _id(event[_KEY])
    try:
        result = decide(_package_arn(event))
    except (ClientError, BotoCoreError, RoadError) as error:
        return _not_decided(codepipeline, job_id, error)
    except Exception as error:
        _not_decided(codepipeline, job_id, error)
        raise
    if result["decision"] in passing:
        details = {"summary": result["reason"]}
        _report(codepipeline, "put_job_success_result", jobId=job_id, executionDetails=details)
    else:
        _report_failure(codepipeline, job_id, f"{result['modelPackageArn']}: {result['reason']}")
    return result


def _id(job: object) -> str:
    found = job.get("id") if isinstance(job, dict) else None
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise InputError("the pipeline job has no id, so nobody can be answered. Invoke the function by its pipeline")
    return found


def _package_arn(event: Mapping[str, Any]) -> str:
    """Return the package that the action's UserParameters name."""
    if event.keys() & {"source", "detail", "detail-type"}:
        raise InputError("the event is both a pipeline job and another event. Invoke the function by one of them")
    try:
        text = event[_KEY]["data"]["actionConfiguration"]["configuration"]["UserParameters"]
        content = json.loads(text) if len(text) <= LONGEST_PARAMETERS else None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError("the action has no UserParameters in JSON. Deploy the program again") from error
    if not isinstance(content, dict):
        raise InputError("the action's UserParameters are not a short JSON object. Deploy the program again")
    return registry.parse_model_package_arn(content.get(contract.JOB_MODEL_PACKAGE_ARN)).text


def _not_decided(codepipeline: "CodePipelineClient", job_id: str, error: Exception) -> Result:
    if isinstance(error, ClientError):
        cause = (
            f"{error.operation_name}: {error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
        )
    else:
        cause = str(error) if isinstance(error, RoadError) else type(error).__name__
    reason = one_line(f"not decided: {cause}. Retry the stage once the cause is gone", LONGEST_MESSAGE)
    function_entry.log({"decision": NOT_DECIDED, "reason": reason, "trigger": "job"})
    _report_failure(codepipeline, job_id, reason)
    return {"decision": NOT_DECIDED, "reason": reason}


def _report_failure(codepipeline: "CodePipelineClient", job_id: str, message: str) -> None:
    details = {"type": "JobFailed", "message": message}
    _report(codepipeline, "put_job_failure_result", jobId=job_id, failureDetails=details)


def _report(codepipeline: "CodePipelineClient", operation: str, **parameters: Any) -> None:
    """Give the job its result. A job that has one already was answered by an earlier try of this invocation."""
    try:
        getattr(codepipeline, operation)(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _JOB_IS_OVER:
            raise
