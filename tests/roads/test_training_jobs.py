"""Training in jobs of SageMaker's: the same road, whose build waits for a job; a job that fails says why."""

import json
from collections.abc import Iterator

import pytest

from ml import contract
from rehearsal.grants import never_used
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import DATA_BUCKET, make_plan
from rehearsal.road import Road, open_road
from rehearsal.unused_grants import reason_for
from tests.roads.test_tables import customers
from tests.silence import Silent

SMALL = '\n\nHYPERPARAMETERS = {"n_estimators": 8}\nSEARCH_SPACE = {"n_estimators": [4, 12], "max_depth": [1, 6]}\n'
OF_JOBS = ("Training", "PassExecutionRole", "LetDisksUseKey")


@pytest.fixture(scope="module")
def job_road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("jobs")
    table = folder / "customers.csv"
    table.write_bytes(customers())
    settings = [
        ("thresholds.accuracy", "0.8"),
        ("training.engine", "sagemaker"),
        ("training.search.trials", "3"),
        ("training.search.parallelJobs", "2"),
    ]
    with open_road(
        make_plan("dev", settings, data=table, target="left_us"), work=folder / "work", progress=Silent()
    ) as road:
        road.developer.append({"ml/usecases/churn.py": SMALL})
        yield road


def jobs(road: Road) -> list[str]:
    created = [c.check.resource for c in road.cloud.journal.calls() if c.check.action == "sagemaker:CreateTrainingJob"]
    return list(dict.fromkeys(created))


def test_a_push_searches_and_trains_in_jobs_and_ends_in_a_prediction(job_road: Road) -> None:
    execution = job_road.follow(job_road.push("Our customers"))
    assert execution.status == SUCCEEDED, execution.actions[-1].message

    answer = job_road.ask('basic,3,1,"south, east"\npremium,,2,somewhere new\n', "text/csv")
    assert [prediction["label"] for prediction in answer["predictions"]] == ["yes", "no"]
    assert len(jobs(job_road)) == 3
    assert job_road.cloud.journal.denied() == ()
    unused = never_used(job_road.policies(), job_road.cloud.journal.calls())
    assert [grant for grant in unused if any(word in grant.sid for word in OF_JOBS) and not reason_for(grant)] == []
    assert reason_for(next(grant for grant in unused if grant.action == "sagemaker:StopTrainingJob"))


def test_what_the_jobs_have_tried_is_part_of_the_registered_evaluation(job_road: Road) -> None:
    package = job_road.cloud.client("sagemaker").describe_model_package(
        ModelPackageName=job_road.packages()[0]["ModelPackageArn"]
    )
    bucket, _, key = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].removeprefix("s3://").partition("/")
    search = json.load(job_road.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"])["search"]

    assert (search["metric"], search["folds"], len(search["trials"])) == ("accuracy", 3, 3)
    assert search["trials"][0]["params"] == {}
    assert search["best"]["score"] == max(trial["score"] for trial in search["trials"])


def test_a_failed_jobs_own_reason_is_the_builds_message_and_nothing_is_registered(job_road: Road) -> None:
    job_road.cloud.client("s3").put_object(
        Bucket=DATA_BUCKET, Key="customers.csv", Body=customers("plan,tenure,calls,region,gone")
    )
    before = len(job_road.packages())
    (job_road.developer.directory / "NOTE").write_text("other customers")

    execution = job_road.follow(job_road.push("Other customers"))

    message = execution.actions[-1].message
    assert [run.stage for run in execution.actions if run.status == FAILED] == [contract.BUILD_STAGE]
    assert message.count("error: training job ") == 1
    assert "failed: AlgorithmError: " in message
    assert "left_us" in message.partition("AlgorithmError: ")[2]
    assert len(job_road.packages()) == before
