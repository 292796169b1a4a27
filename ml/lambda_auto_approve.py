"""Approval: judge a model package's metrics and write the decision, for a registry event or for a pipeline job.

Both callers may come for the same package, more than once and at the same time: the first decision stands and is
reported to everyone. Evidence that is missing or altered means Rejected; a fault of AWS means no decision at all.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

from ml import contract, gate, registry
from ml.errors import InputError, RoadError
from ml.gate import EvidenceError, one_line

JOB = "CodePipeline.job"
JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EVENT_SOURCE = "aws.sagemaker"
EVENT_TYPE = "SageMaker Model Package State Change"
ATTEMPTS = 8
COMPLETION_SECONDS = 30
LARGEST_EVALUATION = 1024 * 1024
LONGEST_PARAMETERS = 1000
LONGEST_MESSAGE = 2000
NO_EVALUATION = frozenset({"NoSuchKey", "NoSuchBucket"})
"""Not AccessDenied, although a role that may not list the bucket gets that for an absent object too: a lost grant looks
the same, and a fault of the account must not reject a model."""
JOB_IS_OVER = frozenset({"InvalidJobStateException", "JobNotFoundException"})


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where this function runs: packages of any other partition, region or account are none of its business."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, context: Any) -> "Place":
        """Return the place that Lambda's context names by the function's own ARN."""
        _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
        return cls(partition=partition, region=region, account=account)


@cache
def client(service: str) -> Any:
    """Return this process's client for `service`."""
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=3, read_timeout=10
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # the service is named by a variable


def handler(event: object, context: Any) -> dict[str, str]:
    """Answer one invocation and return the decision that stands. Called by Lambda; `event` is never logged whole.

    A pipeline job always gets a result. An event that cannot be answered raises, so that Lambda tries again and then
    puts it into the dead-letter queue.
    """
    if not (isinstance(event, dict) and JOB in event):
        return _decide(_arn_of_event(event), Place.of(context), trigger="event")
    job_id = _job_id(event[JOB])
    try:
        result = _decide(_arn_of_job(event), Place.of(context), trigger="job")
    except (ClientError, BotoCoreError, RoadError) as error:
        return _not_decided(job_id, error)
    except Exception as error:
        _not_decided(job_id, error)
        raise
    if result["decision"] == contract.APPROVED:
        details = {"summary": result["reason"]}
        _report("put_job_success_result", jobId=job_id, executionDetails=details)
    else:
        _report_failure(job_id, f"{result['modelPackageArn']}: {result['reason']}")
    return result


def _decide(arn: str, place: Place, *, trigger: str) -> dict[str, str]:
    group = os.environ[contract.MODEL_PACKAGE_GROUP]
    thresholds = _thresholds(os.environ[contract.THRESHOLDS])
    package = registry.parse_model_package_arn(arn)
    home = Place(partition=package.partition, region=package.region, account=package.account)
    if home != place or not package.is_in_group(group):
        raise InputError(f"{arn} is not a version of {group} in this account and region. Send its event elsewhere")
    sagemaker = client("sagemaker")
    description = registry.wait_until_completed(sagemaker, arn, registry.growing_pauses(COMPLETION_SECONDS))
    standing = registry.standing(description)
    if standing.status == contract.PENDING:
        decision, reason = _judge(description, thresholds)
        standing = registry.set_status(sagemaker, arn, decision, reason)
    reason = _wording(standing)
    result = {"modelPackageArn": arn, "decision": standing.status, "reason": one_line(reason, LONGEST_MESSAGE)}
    _log(result | {"trigger": trigger, "written": standing.written, "thresholds": thresholds})
    return result


def _wording(standing: registry.Standing) -> str:
    """Return the reason with its decision in front, which the function's own reasons already have."""
    known = standing.reason.startswith(standing.status)
    text = standing.reason if known else f"{standing.status}: {standing.reason or 'no reason given'}"
    return text if standing.written else f"{text} (decided before)"


def _judge(description: Mapping[str, Any], thresholds: Mapping[str, object]) -> tuple[str, str]:
    try:
        verdict = gate.judge(gate.metrics(_evaluation(description)), thresholds)
    except EvidenceError as error:
        return contract.REJECTED, f"{contract.REJECTED}: {error}"
    return verdict.decision, verdict.summary


def _evaluation(description: Mapping[str, Any]) -> bytes:
    """Return the evaluation document. Raises EvidenceError unless it is the very one that was registered."""
    source = registry.evaluation_of(description)
    try:
        body: bytes = client("s3").get_object(Bucket=source.bucket, Key=source.key)["Body"].read(LARGEST_EVALUATION)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_EVALUATION:
            raise
        raise EvidenceError(f"the evaluation s3://{source.bucket}/{source.key} does not exist. Train again") from error
    if hashlib.sha256(body).hexdigest() != source.sha256:
        raise EvidenceError(f"the evaluation s3://{source.bucket}/{source.key} is not the one registered. Train again")
    return body


def _thresholds(text: str) -> dict[str, object]:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{contract.THRESHOLDS} is not a JSON object. Deploy the program again")
    return content


def _arn_of_event(event: object) -> str:
    """Return the package that a registry event is about; whatever else it claims is read from the registry itself."""
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(detail, dict):
        raise InputError("the event is neither a registry event nor a pipeline job. Invoke the function by its rule")
    if event.get("source") != EVENT_SOURCE or event.get("detail-type") != EVENT_TYPE:
        raise InputError(f"the event is not {EVENT_SOURCE}'s {EVENT_TYPE!r}. Invoke the function by its rule")
    return registry.parse_model_package_arn(detail.get("ModelPackageArn")).text


def _job_id(job: object) -> str:
    found = job.get("id") if isinstance(job, dict) else None
    if not isinstance(found, str) or not JOB_ID.fullmatch(found):
        raise InputError("the pipeline job has no id, so nobody can be answered. Invoke the function by its pipeline")
    return found


def _arn_of_job(event: Mapping[str, Any]) -> str:
    """Return the package that the action's UserParameters name. The event holds credentials and is never quoted."""
    if event.keys() & {"source", "detail", "detail-type"}:
        raise InputError("the event is both a pipeline job and a registry event. Invoke the function by one of them")
    try:
        text = event[JOB]["data"]["actionConfiguration"]["configuration"]["UserParameters"]
        content = json.loads(text) if len(text) <= LONGEST_PARAMETERS else None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError("the action has no UserParameters in JSON. Deploy the program again") from error
    if not isinstance(content, dict):
        raise InputError("the action's UserParameters are not a short JSON object. Deploy the program again")
    return registry.parse_model_package_arn(content.get(contract.JOB_MODEL_PACKAGE_ARN)).text


def _not_decided(job_id: str, error: Exception) -> dict[str, str]:
    if isinstance(error, ClientError):
        cause = (
            f"{error.operation_name}: {error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
        )
    else:
        cause = str(error) if isinstance(error, RoadError) else type(error).__name__
    reason = one_line(f"not decided: {cause}. Retry the stage once the cause is gone", LONGEST_MESSAGE)
    _log({"decision": "none", "reason": reason, "trigger": "job"})
    _report_failure(job_id, reason)
    return {"decision": "none", "reason": reason}


def _report_failure(job_id: str, message: str) -> None:
    _report("put_job_failure_result", jobId=job_id, failureDetails={"type": "JobFailed", "message": message})


def _report(operation: str, **parameters: Any) -> None:
    """Give the job its result. A job that has one already was answered by an earlier try of this invocation."""
    try:
        getattr(client("codepipeline"), operation)(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] not in JOB_IS_OVER:
            raise


def _log(entry: Mapping[str, object]) -> None:
    print(json.dumps(entry, sort_keys=True))
