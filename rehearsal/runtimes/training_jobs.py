"""SageMaker's training jobs: started, described and stopped through its API, really run.

What is not emulated is refused, so that no setting of a job is silently passed over. The machine, its disk and the cut
network are not played: the process gets no credentials and no address of the account.
"""

import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ml import serving_image
from rehearsal.account.cloud import AwsError, Caller, Cloud
from rehearsal.runtimes.training_job import SAGEMAKER, TrainingJob

_EMULATED = frozenset(
    {
        "TrainingJobName", "AlgorithmSpecification", "RoleArn", "HyperParameters", "InputDataConfig",
        "OutputDataConfig", "ResourceConfig", "StoppingCondition", "EnableNetworkIsolation", "Tags",
    }
)  # fmt: skip
_PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")


class TrainingJobs:
    """The account's training jobs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._jobs: dict[str, TrainingJob] = {}
        cloud.operation("sagemaker", "CreateTrainingJob", self._create)
        cloud.operation("sagemaker", "DescribeTrainingJob", self._describe)
        cloud.operation("sagemaker", "StopTrainingJob", self._stop)

    def close(self) -> None:
        """End every job's process."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.kill()

    def _create(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        name = params["TrainingJobName"]
        arn = f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:training-job/{name}"
        self._refuse(params)
        self._check_role(params, arn)
        job = TrainingJob(self._cloud, params, arn)
        with self._lock:
            if name in self._jobs:
                text = f"Job name must be unique within an AWS account and region: {arn} exists already"
                raise AwsError("ResourceInUse", text)
            self._jobs[name] = job
        job.start()
        return {"TrainingJobArn": arn}

    def _refuse(self, params: Mapping[str, Any]) -> None:
        if unknown := sorted(set(params) - _EMULATED):
            raise NotImplementedError(f"a training job with {', '.join(unknown)}")
        image, expected = params["AlgorithmSpecification"].get("TrainingImage"), serving_image.uri(self._cloud.region)
        if image != expected:
            raise NotImplementedError(f"training image {image}; the container here stands for {expected}")
        if not params.get("EnableNetworkIsolation") or params["ResourceConfig"]["InstanceCount"] != 1:
            raise NotImplementedError("a training job with a network, or with several machines")

    def _check_role(self, params: Mapping[str, Any], arn: str) -> None:
        """Ask what SageMaker needs of the role before there is a machine.

        Developer guide, "CreateTrainingJob API: Execution Role Permissions". When SageMaker finds a missing right out,
        here or later as the job's failure, is not verified.
        """
        role_arn = params["RoleArn"]
        try:
            self._cloud.check_trust(role_arn, SAGEMAKER, source_arn=arn)
            self._cloud.check(role_arn, "ecr:GetAuthorizationToken", "*", via="image pull")
            registry, _, image = params["AlgorithmSpecification"]["TrainingImage"].partition("/")
            repository = f"{registry.split('.')[3]}:{registry.split('.')[0]}:repository/{image.partition(':')[0]}"
            for action in _PULL_ACTIONS:
                self._cloud.check(role_arn, action, f"arn:aws:ecr:{repository}", via="image pull")
            if key_arn := params["ResourceConfig"].get("VolumeKmsKeyId"):
                granted = {"kms:GrantIsForAWSResource": "true"}
                self._cloud.check(role_arn, "kms:CreateGrant", key_arn, via="disk of a training job", context=granted)
            if key_arn := params["OutputDataConfig"].get("KmsKeyId"):
                through = {"kms:ViaService": f"s3.{self._cloud.region}.amazonaws.com"}
                self._cloud.check(role_arn, "kms:Encrypt", key_arn, via="result of a training job", context=through)
        except AwsError as error:
            raise AwsError("ValidationException", f"Could not use role {role_arn}: {error.message}") from error

    def _describe(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        return self._job(params).describe()

    def _stop(self, params: dict[str, Any], _caller: Caller) -> None:
        self._job(params).stop()

    def _job(self, params: Mapping[str, Any]) -> TrainingJob:
        with self._lock:
            job = self._jobs.get(params["TrainingJobName"])
        if job is None:
            raise AwsError("ValidationException", "Requested resource not found.", HTTPStatus.BAD_REQUEST)
        return job
