"""Train on a machine of SageMaker's: start training jobs, follow them to their end, and fetch what they made.

A build that runs again in the same execution finds the job that it started the last time and takes its result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import champion, contract, made, registry, search, storage, training_channels, training_source
from ml.errors import RoadError
from ml.evaluation.champion import Champion
from ml.gate import one_line
from ml.training_log import JobLog
from ml.training_request import JobSettings, job_name, training_request

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

START_SECONDS = 900
"""What SageMaker may take beside the training: to find a machine, to load image and data, to store the result."""

ATTEMPTS = 9
"""Jobs of one name, numbered: a failed one keeps its name for ever, and a retried build needs another."""

SEARCH_FILE = "search.json"
RUNNING, COMPLETED = ("InProgress", "Stopping"), "Completed"
LONGEST_REASON = 300


@dataclass(frozen=True, kw_only=True)
class TrainingJobs:
    """One stack's training jobs. `say` gets progress; `pauses` gives the waits of one job from the seconds allowed."""

    settings: JobSettings
    s3: "S3Client"
    sagemaker: "SageMakerClient"
    logs: Any
    say: Callable[[str], None]
    pauses: Callable[[float], Iterable[float]] = registry.growing_pauses

    def train(self, plan: search.Plan, inputs: Sequence[str], rival: Champion | None = None) -> made.Made:
        """Train, measure and pack a model in a job that may read the objects at `inputs`, and return what it made.

        The job measures `rival`, what serves now, on the same rows. A search with several jobs is made first, each of
        them trying its share. Raises RoadError when a job fails, is stopped or takes too long.
        """
        variables = {**self.settings.variables, contract.TRAINING_CHAMPION: champion.told(rival)}
        read = list(inputs)
        if rival is not None and rival.archive_uri:
            read.append(rival.archive_uri)
        if plan.trials and plan.jobs > 1:
            uri = self._search(plan, inputs)
            variables[contract.TRAINING_SEARCH_RESULT] = uri
            read.append(uri)
        ((job, files),) = self._run([self._request(variables, read)])
        return made.read(files, origin=job)

    def _search(self, plan: search.Plan, inputs: Sequence[str]) -> str:
        """Return where the result of the whole search lies."""
        jobs = min(plan.jobs, plan.trials)
        shares = [{**self.settings.variables, contract.TRAINING_SHARE: f"{index}/{jobs}"} for index in range(jobs)]
        found = []
        for job, files in self._run([self._request(share, inputs) for share in shares]):
            if SEARCH_FILE not in files:
                raise RoadError(f"{job} holds no {SEARCH_FILE}; nothing was registered. Train again")
            found.append(search.read(files[SEARCH_FILE]))
        return self._store(SEARCH_FILE, search.write(found[0].merged(found[1:])))

    def _request(self, variables: Mapping[str, str], inputs: Sequence[str]) -> dict[str, Any]:
        source = self._store(training_channels.SOURCE_FILE, training_source.archive())
        channels = {training_channels.SOURCE_CHANNEL: source, **{training_channels.name(uri): uri for uri in inputs}}
        manifests = {
            channel: self._store(training_channels.MANIFEST_FILE, training_channels.manifest(uri))
            for channel, uri in channels.items()
        }
        return training_request(
            self.settings, region=self.s3.meta.region_name, manifests=manifests, variables=variables
        )

    def _store(self, file: str, body: bytes) -> str:
        key = f"{contract.TRAINING_INPUTS_PREFIX}{storage.sha256(body)}/{file}"
        kind = "application/octet-stream"
        return storage.put_once(self.s3, bucket=self.settings.bucket, key=key, body=body, content_type=kind)

    # --- jobs --------------------------------------------------------------------------------------------------------

    def _run(self, requests: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, bytes]]]:
        """Run jobs side by side and return for each its result's address and files. Ends all when one does not succeed.

        The jobs are also ended when this process is told to end (an exception of any kind): they cost money.
        """
        started: list[str] = []
        try:
            for request in requests:
                started.append(self._ensure(request))
            descriptions = self._wait(started)
        except BaseException:
            for name in started:
                self._stop(name)
            raise
        return [self._result(description) for description in descriptions]

    def _ensure(self, request: Mapping[str, Any]) -> str:
        """Return the name of the job that does what `request` says: one that is there and good, or a new one."""
        first = job_name(self.settings.name_prefix, request)
        for attempt in range(1, ATTEMPTS + 1):
            name = first if attempt == 1 else f"{first}-{attempt}"
            found = self._describe(name)
            if found is None:
                self.sagemaker.create_training_job(TrainingJobName=name, **request)
                self.say(f"training job {name}: started on {self.settings.instance_type}")
                return name
            if found["TrainingJobStatus"] in (COMPLETED, "InProgress"):
                self.say(f"training job {name}: {found['TrainingJobStatus']} since an earlier try of this build")
                return name
        raise RoadError(f"training job {first}: {ATTEMPTS} tries of this execution have failed. Start a new execution")

    def _describe(self, name: str) -> Mapping[str, Any] | None:
        try:
            return self.sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            # SageMaker's answer for an absent job is a ValidationException: "Requested resource not found."
            if "not found" not in error.response["Error"].get("Message", "").lower():
                raise
            return None

    def _wait(self, names: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the descriptions of the jobs, in order, once all are Completed. Raises RoadError when one is not."""
        logs = {name: JobLog(self.logs, name, self.say) for name in names}
        ended: dict[str, Mapping[str, Any]] = {}
        for _ in self.pauses(self.settings.max_seconds + START_SECONDS):
            for name in names:
                if name in ended:
                    continue
                description = self.sagemaker.describe_training_job(TrainingJobName=name)
                logs[name].follow()
                if description["TrainingJobStatus"] not in RUNNING:
                    ended[name] = self._succeeded(name, description)
            if len(ended) == len(names):
                return [ended[name] for name in names]
        late = ", ".join(name for name in names if name not in ended)
        raise RoadError(f"training job {late} has not ended in the time allowed. Raise training.maxRuntimeMinutes")

    def _succeeded(self, name: str, description: Mapping[str, Any]) -> Mapping[str, Any]:
        status = description["TrainingJobStatus"]
        if status != COMPLETED:
            reason = one_line(description.get("FailureReason", ""), LONGEST_REASON) or description["SecondaryStatus"]
            raise RoadError(f"training job {name} {status.lower()}: {reason}. Its log: {contract.TRAINING_LOG_GROUP}")
        measured = {each["MetricName"]: each["Value"] for each in description.get("FinalMetricDataList", [])}
        told = "".join(f", {metric} {value:.4f}" for metric, value in sorted(measured.items()))
        seconds = description.get("BillableTimeInSeconds", 0)
        self.say(f"training job {name}: {COMPLETED} after {seconds} billable seconds{told}")
        return description

    def _stop(self, name: str) -> None:
        """Stop a job, at best effort: what must be told is why the build ends, and the job has a limit of its own."""
        try:
            found = self._describe(name)
            if found is not None and found["TrainingJobStatus"] == "InProgress":
                self.sagemaker.stop_training_job(TrainingJobName=name)
                self.say(f"training job {name}: stopped")
        except ClientError as error:
            self.say(f"training job {name}: cannot be stopped: {error.response['Error']['Code']}")

    def _result(self, description: Mapping[str, Any]) -> tuple[str, dict[str, bytes]]:
        uri = description["ModelArtifacts"]["S3ModelArtifacts"]
        return uri, made.unpack(storage.read(self.s3, uri), origin=uri)
