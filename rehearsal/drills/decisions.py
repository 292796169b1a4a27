"""Drills about who decides, and how often: repeated events, two deciders at once, a build that wants to decide."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ml import contract, registration
from ml.errors import RoadError
from rehearsal.account.calls import AwsError, Caller
from rehearsal.account.cloud import Reply
from rehearsal.account.gateway import Proceed
from rehearsal.drills.archives import TextChange
from rehearsal.drills.drill import Drill
from rehearsal.drills.intrusion import at_call
from rehearsal.drills.removals import InApprovalFunction, InTrainRole
from rehearsal.drills.stand import Stand
from rehearsal.person import Person
from rehearsal.report import Proof

REPEATS = 4
REJECTER = Person(name="grace", approves=False, place="registry")
_STATE_CHANGE = ("aws.sagemaker", "SageMaker Model Package State Change")
_DECISION = "sagemaker:UpdateModelPackage"
_UNDECIDED_AT_WRITING = TextChange(
    path="ml/registry.py", old="        if found.status != contract.PENDING:\n", new="        if False:\n"
)


class _Breaker:
    """Lets a few decisions through: a function without its guard would answer its own events for ever."""

    def __init__(self, most: int) -> None:
        self._left = most

    def answer(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        """Pass one decision on, or refuse it."""
        self._left -= 1
        if self._left < 0:
            raise AwsError("ValidationException", "the drill has seen enough decisions")
        return proceed(params)


def duplicate_event(stand: Stand) -> Sequence[Proof]:
    """Register a version, and send the event that it is undecided again and again after it was decided."""
    service, _, operation = _DECISION.partition(":")
    with stand.cloud.faulted(service, operation, _Breaker(REPEATS).answer):
        arn = stand.offer()
        before = len(stand.cloud.journal.calls())
        detail = {
            "ModelPackageGroupName": stand.road.outputs["model_package_group"],
            "ModelPackageArn": arn,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": contract.PENDING,
        }
        for _ in range(REPEATS):
            stand.road.bus.emit(*_STATE_CHANGE, detail, [arn])
        stand.road.settle()
    calls = stand.cloud.journal.calls()[before:]
    if sum(call.check.action == "lambda:InvokeFunction" for call in calls) < REPEATS:
        raise RoadError("the repeated events did not reach the approval function")
    written = [call for call in calls if (call.check.action, call.check.resource.lower()) == (_DECISION, arn.lower())]
    status = stand.package(arn)["ModelApprovalStatus"]
    return [
        Proof(
            claim="what is decided is not decided again, however often the event comes",
            holds=not written and status == contract.APPROVED,
            detail=f"{len(written)} more decisions for {REPEATS} more events, it is {status}",
        )
    ]


def reject_races_approve(stand: Stand) -> Sequence[Proof]:
    """Let a person reject a version while the function reads its evidence."""

    def _reject() -> None:
        arn = stand.road.packages()[0]["ModelPackageArn"]
        REJECTER.decide_in_registry(stand.cloud, arn, "I do not trust it")

    def _reads_evidence(params: Mapping[str, Any], _caller: Caller) -> bool:
        return str(params["Key"]).startswith(contract.EVALUATIONS_PREFIX)

    with at_call(stand.cloud, "s3:GetObject", _reads_evidence, _reject):
        arn = stand.offer()
    package = stand.package(arn)
    status, by = package["ModelApprovalStatus"], package["LastModifiedBy"]["IamIdentity"]["Arn"]
    return [
        Proof(
            claim="the person's rejection stands",
            holds=status == contract.REJECTED and REJECTER.role in by,
            detail=f"{status} by {by.rpartition('assumed-role/')[2]}",
        )
    ]


def role_escalation(stand: Stand) -> Sequence[Proof]:
    """Do as a poisoned training build would: approve a version, register an approved one, replace what is stored."""
    arn = stand.offer(evaluation=b"{}")
    sagemaker, s3 = (_as_train_role(stand, service) for service in ("sagemaker", "s3"))
    bucket = stand.road.outputs["model_bucket"]
    url = stand.package(stand.sound)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    group = stand.road.outputs["model_package_group"]
    record = registration.key(group, stand.package(stand.sound))
    attempts: dict[str, Callable[[], object]] = {
        "approve a version": lambda: sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=contract.APPROVED
        ),
        "register an approved version": lambda: sagemaker.create_model_package(
            ModelPackageGroupName=group, ModelApprovalStatus=contract.APPROVED
        ),
        "replace a stored archive": lambda: s3.put_object(
            Bucket=bucket, Key=url.partition(f"{bucket}/")[2], Body=stand.read(url)
        ),
        "replace a registration record": lambda: s3.put_object(
            Bucket=bucket, Key=record, Body=stand.read(f"s3://{bucket}/{record}")
        ),
    }
    return [_denied(what, attempt) for what, attempt in attempts.items()]


def _as_train_role(stand: Stand, service: str) -> Any:
    """Return a client with the rights that the training build has."""
    cloud, project = stand.cloud, stand.train_project
    found = cloud.client("codebuild").batch_get_projects(names=[project])["projects"][0]
    held = cloud.assume(
        found["serviceRole"], "codebuild.amazonaws.com", source_arn=found["arn"], session="AWSCodeBuild-drill"
    )
    return cloud.client(service, held)


def _denied(what: str, attempt: Callable[[], object]) -> Proof:
    claim = f"the train role may not {what}"
    try:
        attempt()
    except ClientError as error:
        cause = error.response["Error"]
        if not str(cause["Code"]).startswith("AccessDenied"):
            raise RoadError(f"{what}: {cause['Code']}: {cause['Message']}") from error
        return Proof(claim=claim, holds=True, detail=str(cause["Message"]).rpartition(" because ")[2])
    return Proof(claim=claim, holds=False, detail="it did")


DRILLS = (
    Drill(
        name="duplicate-event",
        fault="The registry's event that a version waits for a decision comes again, late and several times.",
        gate="ml/lambda_auto_approve.py, ml/registry.py: only an undecided version is judged, and read again before",
        play=duplicate_event,
        without_guard=[
            InApprovalFunction(
                changes=[
                    TextChange(
                        path="ml/lambda_auto_approve.py",
                        old="    if standing.status == contract.PENDING:\n",
                        new="    if True:\n",
                    ),
                    _UNDECIDED_AT_WRITING,
                ]
            )
        ],
    ),
    Drill(
        name="reject-races-approve",
        fault="A person rejects a version while the approval function is reading its evidence.",
        gate="ml/registry.py: the status is read again right before it is written",
        play=reject_races_approve,
        without_guard=[InApprovalFunction(changes=[_UNDECIDED_AT_WRITING])],
    ),
    Drill(
        name="role-escalation",
        fault="A poisoned training build approves a version, registers an approved one, replaces archive and record.",
        gate="components/grants/train.py: StoreModelOnce, NeverDecideAboutVersions, NeverRegisterDecidedVersions",
        play=role_escalation,
        without_guard=[
            InTrainRole(
                dropped=["StoreModelOnce", "NeverDecideAboutVersions", "NeverRegisterDecidedVersions"],
                allowed=["sagemaker:UpdateModelPackage", "sagemaker:CreateModelPackage", "s3:PutObject"],
            )
        ],
    ),
)
