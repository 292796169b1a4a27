"""People decide in one place, with the rights for that place alone."""

import re
from typing import Any

import pytest

from rehearsal.account.calls import Check
from rehearsal.person import COMMENT, Person
from rehearsal.pipeline.codepipeline import Execution
from tests.rehearsal.pipeline_account import WAIT_SECONDS, Account, approval, build, source


@pytest.fixture
def waiting(account: Account, name: str) -> tuple[Execution, Any]:
    """An execution whose second stage asks about version 1 of a group, and the action that asks."""
    sagemaker = account.cloud.client("sagemaker")
    group = re.sub("[^a-z]+", "-", name).strip("-")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    arn = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    account.builds.results["train"] = {"exportedEnvironmentVariables": [{"name": "MODEL_PACKAGE_ARN", "value": arn}]}
    train = build("train", namespace="BuildVariables")
    account.declare(name, [source()], [train, approval({"CustomData": "accuracy 0.9"}, runOrder=2)])
    execution_id = account.start(name)
    run = account.executor.wait_for_approval(execution_id, WAIT_SECONDS)
    return next(each for each in account.executor.executions() if each.id == execution_id), run


def asked_as(account: Account, person: Person, since: int) -> list[str]:
    return [call.check.action for call in account.cloud.journal.calls()[since:] if call.principal == person.role]


@pytest.mark.parametrize(("approves", "status"), [(True, "Succeeded"), (False, "Failed")], ids=["approves", "rejects"])
def test_somebody_decides_in_the_pipeline_and_leaves_the_registry_alone(
    account: Account, waiting: tuple[Execution, Any], approves: bool, status: str
) -> None:
    execution, run = waiting
    person, since = Person(name="ada", approves=approves), len(account.cloud.journal.calls())
    person.decide(account.cloud, execution, run)
    account.executor.wait(execution.id, WAIT_SECONDS)
    assert (run.status, run.summary) == (status, f"{COMMENT}: accuracy 0.9")
    assert run.updated_by == f"arn:aws:sts::{account.cloud.account}:assumed-role/{person.role}/ada"
    assert asked_as(account, person, since) == ["codepipeline:GetPipelineState", "codepipeline:PutApprovalResult"]
    arn = execution.variables["BuildVariables"]["MODEL_PACKAGE_ARN"]
    package = account.cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.parametrize(("approves", "status"), [(True, "Approved"), (False, "Rejected")], ids=["approves", "rejects"])
def test_somebody_decides_in_the_registry_and_leaves_the_pipeline_waiting(
    account: Account, waiting: tuple[Execution, Any], approves: bool, status: str
) -> None:
    execution, run = waiting
    person, since = Person(approves=approves, place="registry"), len(account.cloud.journal.calls())
    person.decide(account.cloud, execution, run)
    arn = execution.variables["BuildVariables"]["MODEL_PACKAGE_ARN"]
    package = account.cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == (status, f"{COMMENT}: accuracy 0.9")
    assert package["LastModifiedBy"]["IamIdentity"]["Arn"].endswith(f"assumed-role/{person.role}/ada")
    assert asked_as(account, person, since) == ["sagemaker:UpdateModelPackage"]
    assert run.status == "InProgress"
    account.executor.expire_approval(run)
    account.executor.wait(execution.id, WAIT_SECONDS)


@pytest.mark.parametrize("place", ["pipeline", "registry"])
def test_nobody_may_decide_in_the_other_place(account: Account, waiting: tuple[Execution, Any], place: Any) -> None:
    execution, run = waiting
    person = Person(place=place)
    person.decide(account.cloud, execution, run)
    arn = execution.variables["BuildVariables"]["MODEL_PACKAGE_ARN"]
    other = Check(
        action={"pipeline": "sagemaker:UpdateModelPackage", "registry": "codepipeline:PutApprovalResult"}[place],
        resource={"pipeline": arn, "registry": account.arn("codepipeline", f"{execution.pipeline}/S2/Approve")}[place],
    )
    assert not account.cloud.authorizer.decide(person.role, other).allowed
    if place == "registry":
        account.executor.expire_approval(run)
    account.executor.wait(execution.id, WAIT_SECONDS)
