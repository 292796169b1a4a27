"""What SageMaker is asked for when a training job is to run our code. No AWS call."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml import build_environment, catalogue, contract, entry, serving_image

COMMAND = 'cd "$(mktemp -d)" && tar -xzf "$SM_INPUT/data/source/source.tar.gz" && exec python -m ml.training_entry'
"""Takes the place of the image's own training toolkit, which would fetch code from S3 and install it with pip."""

VOLUME_GB = 30
METRIC = "metric: {} = "
"""Begins the line by which a job tells a metric; SageMaker picks the number out and keeps it with the job."""

PASSED_ON = (*build_environment.REQUIRED, *build_environment.OPTIONAL)
"""What a job must know of the build's environment; it gets them as hyper-parameters, which the console shows."""


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Where and as what a stack's training jobs run. `variables` are those of the build that they need."""

    bucket: str
    role_arn: str
    key_arn: str
    instance_type: str
    max_seconds: int
    name_prefix: str
    tags: Mapping[str, str]
    variables: Mapping[str, str]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "JobSettings":
        """Return the typed environment. Raises InputError that names every key that is not set."""
        found = entry.values(
            environment,
            (
                contract.MODEL_BUCKET,
                contract.EXECUTION_ROLE_ARN,
                contract.TRAINING_KEY_ARN,
                contract.TRAINING_INSTANCE_TYPE,
                contract.TRAINING_MAX_SECONDS,
                contract.TRAINING_JOB_PREFIX,
                contract.TAGS,
            ),
        )
        return cls(
            bucket=found[contract.MODEL_BUCKET],
            role_arn=found[contract.EXECUTION_ROLE_ARN],
            key_arn=found[contract.TRAINING_KEY_ARN],
            instance_type=found[contract.TRAINING_INSTANCE_TYPE],
            max_seconds=int(found[contract.TRAINING_MAX_SECONDS]),
            name_prefix=found[contract.TRAINING_JOB_PREFIX],
            tags=json.loads(found[contract.TAGS]),
            variables={key: environment[key] for key in PASSED_ON if environment.get(key)},
        )


def training_request(
    settings: JobSettings, *, region: str, manifests: Mapping[str, str], variables: Mapping[str, str]
) -> dict[str, Any]:
    """Return the request, all but the job's name. `manifests`: channel -> where its manifest lies."""
    task = catalogue.USE_CASES[variables[contract.USE_CASE]].task
    return {
        "AlgorithmSpecification": {
            "TrainingImage": serving_image.uri(region),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", COMMAND],
            "MetricDefinitions": [
                {"Name": name, "Regex": f"{METRIC.format(name)}([-+.eE0-9]+)"} for name in catalogue.TASK_METRICS[task]
            ],
        },
        "RoleArn": settings.role_arn,
        "HyperParameters": dict(variables),
        "InputDataConfig": [_channel(name, uri) for name, uri in manifests.items()],
        "OutputDataConfig": {
            "S3OutputPath": f"s3://{settings.bucket}/{contract.TRAINING_JOBS_PREFIX}",
            "KmsKeyId": settings.key_arn,
        },
        "ResourceConfig": {
            "InstanceType": settings.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": VOLUME_GB,
            "VolumeKmsKeyId": settings.key_arn,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings.max_seconds},
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(settings.tags.items())],
    }


def _channel(name: str, manifest_uri: str) -> dict[str, Any]:
    source = {"S3DataType": "ManifestFile", "S3Uri": manifest_uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def job_name(prefix: str, request: Mapping[str, Any]) -> str:
    """Return the name of the job that `request` describes: the same one whenever the same execution asks for it.

    The request holds the execution's id and, as a digest in a key, the code.
    """
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    return f"{prefix}{contract.VERSION_SEPARATOR}{digest[:16]}"


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Return whether the stack trains in jobs of SageMaker's."""
    return environment.get(contract.TRAINING_ENGINE, contract.CODEBUILD_ENGINE) == contract.SAGEMAKER_ENGINE
