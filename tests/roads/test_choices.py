"""The road with other choices than those of stack dev: the prod stack, and AWS's other spelling of a version's ARN."""

from pathlib import Path

from ml import contract
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.plan import make_plan
from rehearsal.road import open_road
from tests.silence import Silent


def test_metrics_and_then_a_person_approve_in_the_prod_stack(tmp_path: Path) -> None:
    with open_road(make_plan("prod"), work=tmp_path, progress=Silent()) as road:
        execution = road.follow(road.push("A first model"))

        assert execution.status == SUCCEEDED
        assert [run.name for run in execution.actions if run.stage == contract.APPROVAL_STAGE] == [
            contract.AUTO_APPROVAL_ACTION,
            contract.MANUAL_APPROVAL_ACTION,
            contract.RECORD_ACTION,
        ]
        assert road.endpoint == "mle-004-churn-prod"
        assert road.packages()[0]["ModelApprovalStatus"] == contract.APPROVED
        assert road.cloud.journal.denied() == ()


def test_the_road_holds_where_aws_spells_package_arns_in_lower_case(tmp_path: Path) -> None:
    with open_road(make_plan("dev"), work=tmp_path, progress=Silent(), package_arn_case="lower") as road:
        execution = road.follow(road.push("A first model"))

        assert execution.status == SUCCEEDED
        assert ":model-package/churnpredictionmodels/1" in road.packages()[0]["ModelPackageArn"]
        assert road.cloud.journal.denied() == ()
