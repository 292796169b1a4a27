"""Training jobs as the build sees them: what is asked for, waited for, fetched, and stopped when nobody waits."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import champion, contract, entry, made, search, storage, training_channels, training_job, training_request
from ml.build_environment import BuildEnvironment
from ml.errors import InputError, RoadError
from ml.evaluation.champion import Champion
from ml.packaging import Archive
from ml.search import Plan
from ml.training_job import TrainingJobs
from ml.training_request import JobSettings

ENVIRONMENT = {
    "MODEL_BUCKET": "models",
    "MODEL_PACKAGE_GROUP": "ChurnPredictionModels",
    "USE_CASE": "churn",
    "ENDPOINT_INSTANCE_TYPE": "ml.m5.large",
    "PIPELINE_EXECUTION_ID": "11111111-2222-3333-4444-555555555555",
    "COMMIT_ID": "0123abc",
    "REPOSITORY_NAME": "repo",
    "EXECUTION_URL": "https://console.aws.amazon.com/an-execution",
    "ENDPOINT_NAME": "mle-004-churn",
    "THRESHOLDS": '{"accuracy": 0.85}',
    "GATE": '{"basis": "point", "championMargin": null, "confidence": 0.95}',
    "EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/SageMaker-MLE-004-Role",
    "TRAINING_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/1",
    "TRAINING_INSTANCE_TYPE": "ml.m5.xlarge",
    "TRAINING_MAX_SECONDS": "3600",
    "TRAINING_JOB_PREFIX": "mle-004-churn",
    "TAGS": '{"stack": "dev"}',
    "PATH": "/usr/bin",
    "DATA_URI": "",
}
EVALUATION = json.dumps(
    {
        "task": "clustering",
        "clustering_metrics": {
            name: {"value": 0.5, "standard_deviation": "NaN"} for name in ("silhouette", "stability")
        },
    }
).encode()
MADE = made.Made(
    data_sha256="d" * 64,
    archive=Archive(body=b"model", sha256=storage.sha256(b"model")),
    evaluation=EVALUATION,
    metrics={"silhouette": 0.5, "stability": 0.5},
    summary="churn: good",
)
NO_SEARCH = Plan(trials=0, folds=3, jobs=1)


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class Account:
    """Answers what SageMaker, S3 and CloudWatch Logs are asked; a job goes through `statuses`, one at each look."""

    statuses: list[dict[str, Any]]
    results: list[dict[str, bytes]] = field(default_factory=lambda: [made.files(MADE)])
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    meta: Any = field(default_factory=lambda: SimpleNamespace(region_name="us-east-1"))

    def create_training_job(self, **request: Any) -> None:
        self.jobs[request["TrainingJobName"]] = request

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        if TrainingJobName not in self.jobs:
            raise error("ValidationException", "Requested resource not found.")
        look = self.looks.get(TrainingJobName, 0)
        self.looks[TrainingJobName] = look + 1
        uri = f"s3://models/training/jobs/{TrainingJobName}/output/model.tar.gz"
        number = list(self.jobs).index(TrainingJobName)
        self.objects[uri.removeprefix("s3://models/")] = packed(self.results[min(number, len(self.results) - 1)])
        found = self.statuses[min(look, len(self.statuses) - 1)]
        return {"SecondaryStatus": found["TrainingJobStatus"], "ModelArtifacts": {"S3ModelArtifacts": uri}, **found}

    def stop_training_job(self, TrainingJobName: str) -> None:
        self.stopped.append(TrainingJobName)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key])}

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        raise error("ResourceNotFoundException", "no group")


RUNNING = {"TrainingJobStatus": "InProgress"}
DONE = {"TrainingJobStatus": "Completed", "BillableTimeInSeconds": 42}


def jobs_in(account: Any, pauses: Iterable[float] = range(9), **environment: str) -> TrainingJobs:
    settings = JobSettings.read(ENVIRONMENT | environment)
    return TrainingJobs(
        settings=settings, s3=account, sagemaker=account, logs=account, say=account.said.append,
        pauses=lambda seconds: pauses,
    )  # fmt: skip


# --- what is asked for


def test_a_job_is_what_the_service_accepts(check_request: Any) -> None:
    account = Account([RUNNING, DONE])
    jobs_in(account).train(NO_SEARCH, ["s3://rows/2026/customers.csv"])
    (request,) = account.jobs.values()

    check_request("sagemaker", "CreateTrainingJob", request)
    assert len(request["AlgorithmSpecification"]["ContainerEntrypoint"][2]) <= 256
    assert request["EnableNetworkIsolation"] is True
    assert request["OutputDataConfig"]["KmsKeyId"] == request["ResourceConfig"]["VolumeKmsKeyId"]
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert request["Tags"] == [{"Key": "stack", "Value": "dev"}]
    channels = {one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in request["InputDataConfig"]}
    named = {name: json.loads(account.objects[uri.removeprefix("s3://models/")]) for name, uri in channels.items()}
    source = named.pop("source")
    assert source[1:] == ["source.tar.gz"]
    assert list(named.values()) == [[{"prefix": "s3://rows/2026/"}, "customers.csv"]]


@pytest.mark.parametrize("reason", ["", "its archive cannot be read: NoSuchKey"])
def test_a_job_learns_what_serves_and_gets_its_archive_where_there_is_one(reason: str) -> None:
    account, uri = Account([DONE]), "" if reason else "s3://models/models/abc/model.tar.gz"
    rival = Champion(
        model_package_arn="arn", version=3, archive_sha256="abc", archive=b"old", reason=reason, archive_uri=uri
    )
    jobs_in(account).train(NO_SEARCH, [], rival)
    (request,) = account.jobs.values()

    told = request["HyperParameters"][contract.TRAINING_CHAMPION]
    brought = {one["ChannelName"] for one in request["InputDataConfig"]} - {training_channels.SOURCE_CHANNEL}
    assert brought == ({training_channels.name(uri)} if uri else set())
    assert "old" not in told
    found = champion.from_told(told, {uri: b"old"}.__getitem__)
    assert found == (rival if uri else replace(rival, archive=b""))


def test_a_job_is_told_when_nothing_serves() -> None:
    account = Account([DONE])
    jobs_in(account).train(NO_SEARCH, [])
    (request,) = account.jobs.values()
    assert champion.from_told(request["HyperParameters"][contract.TRAINING_CHAMPION], pytest.fail) is None


def test_every_input_lies_under_the_digest_of_its_content() -> None:
    account = Account([DONE])
    jobs_in(account).train(NO_SEARCH, [])

    inputs = {key: body for key, body in account.objects.items() if key.startswith("training/inputs/")}
    assert len(inputs) == 2
    assert all(key.split("/")[2] == storage.sha256(body) for key, body in inputs.items())


def test_a_job_gets_every_variable_that_the_training_reads_and_nothing_beside_them() -> None:
    """Whoever lets BuildEnvironment read another variable must pass it on, or say here why a job needs none of it."""
    read: set[str] = set()

    class Noting(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            read.add(key)
            return super().get(key, default)

        def __getitem__(self, key: str) -> str:
            read.add(key)
            return super().__getitem__(key)

    BuildEnvironment.read(Noting(ENVIRONMENT))
    of_the_build_alone = {contract.BUILD_ARN, contract.PIPELINE_VARIABLE}
    of_jobs_alone = {contract.TRAINING_SHARE, contract.TRAINING_SEARCH_RESULT}

    assert read - of_the_build_alone - of_jobs_alone == set(training_request.PASSED_ON)
    variables = JobSettings.read(ENVIRONMENT).variables
    assert "PATH" not in variables and "DATA_URI" not in variables


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(InputError, match="TRAINING_KEY_ARN, TRAINING_JOB_PREFIX not set"):
        JobSettings.read({**ENVIRONMENT, "TRAINING_KEY_ARN": "", "TRAINING_JOB_PREFIX": ""})


@pytest.mark.parametrize(("engine", "asked"), [("sagemaker", True), ("codebuild", False), (None, False)])
def test_jobs_are_asked_for_by_the_engine(engine: str | None, asked: bool) -> None:
    assert training_request.is_asked_for({"TRAINING_ENGINE": engine} if engine else {}) is asked


# --- one job


def test_what_the_job_has_made_comes_back_as_it_was() -> None:
    account = Account([RUNNING, {**DONE, "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.97}]}])

    assert jobs_in(account).train(NO_SEARCH, []) == MADE
    assert account.said[-1].endswith("Completed after 42 billable seconds, accuracy 0.9700")
    assert account.stopped == []


def test_the_same_execution_finds_its_job_again_and_another_one_does_not() -> None:
    account = Account([DONE])
    first = jobs_in(account).train(NO_SEARCH, [])
    again = jobs_in(account).train(NO_SEARCH, [])
    assert first == again and len(account.jobs) == 1

    jobs_in(account, PIPELINE_EXECUTION_ID="another").train(NO_SEARCH, [])
    assert len(account.jobs) == 2
    assert all(name.startswith("mle-004-churn--") and len(name) <= 63 for name in account.jobs)


def test_a_retry_after_a_failed_job_starts_another_one() -> None:
    account = Account([{"TrainingJobStatus": "Failed", "FailureReason": "AlgorithmError: no memory, exit code: 1"}])
    with pytest.raises(RoadError, match="failed: AlgorithmError: no memory, exit code: 1. Its log: /aws/sagemaker"):
        jobs_in(account).train(NO_SEARCH, [])
    with pytest.raises(RoadError):
        jobs_in(account).train(NO_SEARCH, [])

    first, second = account.jobs
    assert second == f"{first}-2"


def test_tries_of_one_execution_have_an_end() -> None:
    account = Account([{"TrainingJobStatus": "Failed"}])
    for _ in range(training_job.ATTEMPTS):
        with pytest.raises(RoadError, match="failed: Failed"):
            jobs_in(account).train(NO_SEARCH, [])

    with pytest.raises(RoadError, match="9 tries of this execution have failed. Start a new execution"):
        jobs_in(account).train(NO_SEARCH, [])
    assert max(map(len, account.jobs)) <= 63


def test_a_stopped_job_says_why() -> None:
    account = Account([{"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}])

    with pytest.raises(RoadError, match="stopped: MaxRuntimeExceeded"):
        jobs_in(account).train(NO_SEARCH, [])


def test_a_job_that_takes_too_long_is_stopped() -> None:
    account = Account([RUNNING])
    with pytest.raises(RoadError, match="has not ended in the time allowed. Raise training.maxRuntimeMinutes"):
        jobs_in(account).train(NO_SEARCH, [])

    assert account.stopped == list(account.jobs)


def test_the_build_waits_for_as_long_as_a_job_may_take() -> None:
    asked: list[float] = []

    def pauses(seconds: float) -> Iterator[float]:
        asked.append(seconds)
        yield 0.0

    account = Account([DONE])
    replace(jobs_in(account), pauses=pauses).train(NO_SEARCH, [])

    assert asked == [3600 + training_job.START_SECONDS]


@pytest.mark.parametrize("ends", [lambda: entry.interrupted(15, None), KeyboardInterrupt])
def test_a_build_that_is_told_to_end_stops_its_job(ends: Any) -> None:
    def pauses() -> Iterator[float]:
        yield 0.0
        raised = ends()
        raise raised

    account = Account([RUNNING])
    with pytest.raises((RoadError, KeyboardInterrupt)):
        jobs_in(account, pauses()).train(NO_SEARCH, [])

    assert account.stopped == list(account.jobs) != []


def test_a_job_that_cannot_be_stopped_does_not_hide_why_the_build_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account([RUNNING])

    def refused(TrainingJobName: str) -> None:
        raise error("AccessDeniedException", "no")

    monkeypatch.setattr(account, "stop_training_job", refused)
    with pytest.raises(RoadError, match="has not ended in the time allowed"):
        jobs_in(account).train(NO_SEARCH, [])
    assert account.said[-1].endswith("cannot be stopped: AccessDeniedException")


def test_what_aws_refuses_is_not_taken_for_an_absent_job(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account([DONE])

    def refused(TrainingJobName: str) -> None:
        raise error("ThrottlingException", "Rate exceeded")

    monkeypatch.setattr(account, "describe_training_job", refused)
    with pytest.raises(ClientError, match="Rate exceeded"):
        jobs_in(account).train(NO_SEARCH, [])
    assert account.jobs == {}


# --- what comes back


@pytest.mark.parametrize("file", [contract.ARCHIVE_FILE, contract.EVALUATION_FILE])
def test_a_result_that_was_changed_is_refused(file: str) -> None:
    account = Account([DONE], results=[{**made.files(MADE), file: b'{"task": "clustering"}'}])

    with pytest.raises(RoadError, match="_sha256 is not what the training job wrote; nothing was registered"):
        jobs_in(account).train(NO_SEARCH, [])


@pytest.mark.parametrize("file", made.FILES)
def test_a_result_with_a_file_missing_is_refused(file: str) -> None:
    files = {name: body for name, body in made.files(MADE).items() if name != file}

    with pytest.raises(RoadError, match=f"holds no {file}; nothing was registered"):
        jobs_in(Account([DONE], results=[files])).train(NO_SEARCH, [])


def test_a_result_that_is_no_archive_is_refused() -> None:
    with pytest.raises(RoadError, match="s3://x cannot be unpacked: .*Train again"):
        made.unpack(b"no archive", origin="s3://x")


# --- a search in several jobs


def share(*trials: tuple[int, float]) -> dict[str, bytes]:
    found = [search.Trial(index=index, params={"n": index}, score=score) for index, score in trials]
    return {training_job.SEARCH_FILE: search.write(search.Found(metric="accuracy", folds=3, trials=found))}


def test_shares_are_tried_side_by_side_and_the_job_that_fits_gets_all_of_them() -> None:
    account = Account([RUNNING, RUNNING, DONE], results=[share((0, 0.7), (2, 0.9)), share((1, 0.8)), made.files(MADE)])

    assert jobs_in(account).train(Plan(trials=3, folds=3, jobs=2), ["s3://rows/customers.csv"]) == MADE

    first, second, last = account.jobs.values()
    shares = [job["HyperParameters"].get(contract.TRAINING_SHARE) for job in (first, second, last)]
    assert shares == ["0/2", "1/2", None]
    uri = last["HyperParameters"][contract.TRAINING_SEARCH_RESULT]
    found = search.read(account.objects[uri.removeprefix("s3://models/")])
    assert [(trial.index, trial.score) for trial in found.trials] == [(0, 0.7), (1, 0.8), (2, 0.9)]
    assert len(last["InputDataConfig"]) == len(first["InputDataConfig"]) + 1


def test_no_more_jobs_search_than_there_are_trials() -> None:
    account = Account([DONE], results=[share((0, 0.7)), share((1, 0.8)), made.files(MADE)])
    jobs_in(account).train(Plan(trials=2, folds=3, jobs=9), [])

    assert len(account.jobs) == 3


def test_one_job_searches_and_fits_by_itself() -> None:
    account = Account([DONE])
    jobs_in(account, TRAINING_SEARCH='{"trials": 3}').train(Plan(trials=3, folds=3, jobs=1), [])

    (job,) = account.jobs.values()
    assert job["HyperParameters"][contract.TRAINING_SEARCH] == '{"trials": 3}'


def test_a_share_that_fails_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account([RUNNING])
    describe = account.describe_training_job

    def second_fails(TrainingJobName: str) -> dict[str, Any]:
        found = describe(TrainingJobName)
        failed = list(account.jobs).index(TrainingJobName) == 1
        return {**found, "TrainingJobStatus": "Failed", "FailureReason": "no memory"} if failed else found

    monkeypatch.setattr(account, "describe_training_job", second_fails)
    with pytest.raises(RoadError, match="failed: no memory"):
        jobs_in(account).train(Plan(trials=3, folds=3, jobs=3), [])

    first, _, third = account.jobs
    assert account.stopped == [first, third]
