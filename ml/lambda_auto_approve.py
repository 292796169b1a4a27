"""Approval: judge a model package's metrics and write the decision, for a registry event or for a pipeline job.

Both callers may come for the same package, more than once and at the same time: the first decision stands and is
reported to everyone. Evidence that is missing or altered means Rejected; a fault of AWS means no decision at all.
Where a person has the last word (mode both) metrics that pass decide nothing: the version stays as it is.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ml import contract, gate, pipeline_job, registry, registry_event
from ml.errors import InputError
from ml.function_entry import Place, client, log, make_ahead
from ml.gate import EvidenceError, one_line

COMPLETION_SECONDS = 30
NO_EVALUATION = frozenset({"NoSuchKey", "NoSuchBucket"})
"""Not AccessDenied, although a role that may not list the bucket gets that for an absent object too: a lost grant looks
the same, and a fault of the account must not reject a model."""
PASSED = "Passed"
"""The metrics have passed and a person decides; no status of the registry."""
PASSING = frozenset({contract.APPROVED, PASSED})
"""Decisions with which a pipeline job succeeds."""


def handler(event: object, context: Any) -> pipeline_job.Result:
    """Answer one invocation and return the decision that stands. Called by Lambda; `event` is never logged whole.

    A pipeline job always gets a result. An event that cannot be answered raises, so that Lambda tries again and then
    puts it into the dead-letter queue.
    """
    place = Place.of(context)
    if not pipeline_job.is_job(event):
        return _decide(registry_event.package_arn(event), place, trigger="event")
    codepipeline = client("codepipeline")
    return pipeline_job.answer(codepipeline, event, lambda arn: _decide(arn, place, trigger="job"), passing=PASSING)


def _decide(arn: str, place: Place, *, trigger: str) -> pipeline_job.Result:
    group = os.environ[contract.MODEL_PACKAGE_GROUP]
    thresholds = _json_object(contract.THRESHOLDS)
    asks_person = _asks_person(os.environ[contract.APPROVAL_MODE])
    rule = gate.Rule.read(os.environ[contract.GATE])
    place.check(arn, group)
    sagemaker = client("sagemaker")
    description = registry.wait_until_completed(sagemaker, arn, registry.growing_pauses(COMPLETION_SECONDS))
    standing = registry.standing(description)
    if standing.status == contract.PENDING:
        decision, reason = _judge(description, thresholds, rule)
        if asks_person and decision == contract.APPROVED:
            passed = f"{PASSED}:{reason.removeprefix(f'{contract.APPROVED}:')}; a person decides"
            standing = registry.Standing(status=PASSED, reason=passed, written=True)
        else:
            standing = registry.set_status(sagemaker, arn, decision, reason)
    reason = one_line(standing.wording, pipeline_job.LONGEST_MESSAGE)
    result = {"modelPackageArn": arn, "decision": standing.status, "reason": reason}
    log(
        result
        | {"trigger": trigger, "written": standing.written and standing.status != PASSED, "thresholds": thresholds}
    )
    return result


def _judge(description: Mapping[str, Any], thresholds: Mapping[str, object], rule: gate.Rule) -> tuple[str, str]:
    try:
        verdict = gate.judge_document(_evaluation(description), thresholds, rule)
    except EvidenceError as error:
        return contract.REJECTED, f"{contract.REJECTED}: {error}"
    return verdict.decision, verdict.summary


def _evaluation(description: Mapping[str, Any]) -> bytes:
    """Return the evaluation document. Raises EvidenceError unless it is the very one that was registered."""
    source = registry.evaluation_of(description)
    try:
        body: bytes = (
            client("s3").get_object(Bucket=source.bucket, Key=source.key)["Body"].read(contract.LARGEST_EVALUATION)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_EVALUATION:
            raise
        raise EvidenceError(f"the evaluation s3://{source.bucket}/{source.key} does not exist. Train again") from error
    if hashlib.sha256(body).hexdigest() != source.sha256:
        raise EvidenceError(f"the evaluation s3://{source.bucket}/{source.key} is not the one registered. Train again")
    return body


def _asks_person(mode: str) -> bool:
    if mode not in (contract.AUTOMATED, contract.BOTH):
        raise InputError(f"{contract.APPROVAL_MODE} is {mode!r}, not automated or both. Deploy the program again")
    return mode == contract.BOTH


def _json_object(key: str) -> dict[str, object]:
    try:
        content = json.loads(os.environ[key])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{key} is not a JSON object. Deploy the program again")
    return content


make_ahead(os.environ, "sagemaker", "s3", "codepipeline")
