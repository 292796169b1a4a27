"""The whole road with a champion: what passes its thresholds but is worse than what serves goes no further."""

from pathlib import Path

from ml import contract
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import make_plan
from rehearsal.road import open_road
from rehearsal.scenario import WEAK, Scene
from tests.silence import Silent


def test_a_model_that_is_worse_than_the_one_that_serves_never_replaces_it(tmp_path: Path) -> None:
    plan = make_plan("dev", [("gate.championMargin", "0"), ("thresholds.accuracy", "0.5")])
    with open_road(plan, work=tmp_path, progress=Silent()) as road:
        first = road.follow(road.push("A first model"))
        assert first.status == SUCCEEDED
        assert "no champion" in road.packages()[0]["ApprovalDescription"]
        served = road.serving_config()

        Scene(road=road, use_case=plan.use_case, heading=lambda text: None).change_model(WEAK)
        second = road.follow(road.push("One shallow tree"))
        failed = [run for run in second.actions if run.status == FAILED]

        assert [run.stage for run in failed] == [contract.AUTO_APPROVAL_STAGE]
        assert "is worse than the champion's 0." in failed[0].message
        assert "(version 1)" in failed[0].message
        assert road.packages()[0]["ModelApprovalStatus"] == contract.REJECTED
        assert "champion version 1 on these rows: accuracy" in road.packages()[0]["ModelPackageDescription"]
        assert road.serving_config() == served
        assert road.cloud.journal.denied() == ()
