"""One grant less: the road stops at the call that needs it, and nowhere else."""

from pathlib import Path

import pytest

from rehearsal.pipeline.pipeline_records import FAILED
from rehearsal.plan import make_plan
from rehearsal.provision.provisioner import RoleAction
from rehearsal.road import open_road
from tests.silence import Silent


@pytest.mark.parametrize(
    ("role", "action", "stage"),
    [
        ("CodePipeline-MLE-004-Role", "codecommit:UploadArchive", "Source"),
        ("CodeBuildTrainRole", "kms:GenerateDataKey", "Build"),
        ("Lambda-AutoApprove-Role", "sagemaker:UpdateModelPackage", "AutoApproval"),
        ("CodeBuildDeployRole", "iam:PassRole", "Deploy"),
        ("SageMaker-MLE-004-Role", "ecr:BatchGetImage", "Deploy"),
    ],
)
def test_the_road_stops_at_the_call_whose_grant_is_missing(role: str, action: str, stage: str, tmp_path: Path) -> None:
    plan = make_plan("dev", without=RoleAction(role=role, action=action))
    with open_road(plan, work=tmp_path, progress=Silent()) as road:
        execution = road.follow(road.push("A first model"))
        refused = {(call.principal, call.check.action) for call in road.cloud.journal.denied()}

    assert execution.status == FAILED
    assert [run.stage for run in execution.actions if run.status == FAILED] == [stage]
    assert refused == {(role, action)}
