"""Deploy stage: put exactly the model package that this execution built on the endpoint, if it is approved."""

import io
import json
import os
import sys
import tarfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import contract, endpoint, entry, registry, storage
from ml.endpoint import Pauses, ProofError, Release
from ml.errors import InputError, RoadError
from ml.gate import one_line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

LONGEST_ARN_FILE = 2100
"""Bytes: the registry's ARNs have at most 2048 characters."""

LARGEST_GOLDEN_FILE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class DeployEnvironment:
    """What the build project and the pipeline action tell this build."""

    model_bucket: str
    group: str
    endpoint_name: str
    instance_type: str
    instance_count: int
    execution_role_arn: str
    execution: str
    commit: str
    model_package_arn: str
    build_artifact: Path

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "DeployEnvironment":
        """Return the typed environment. Raises InputError that names every key that is not set."""
        found = entry.values(
            environment,
            (
                contract.MODEL_BUCKET,
                contract.MODEL_PACKAGE_GROUP,
                contract.ENDPOINT_NAME,
                contract.ENDPOINT_INSTANCE_TYPE,
                contract.ENDPOINT_INSTANCE_COUNT,
                contract.EXECUTION_ROLE_ARN,
                contract.PIPELINE_EXECUTION_ID,
                contract.COMMIT_ID,
                contract.MODEL_PACKAGE_ARN,
                contract.BUILD_ARTIFACT_DIRECTORY,
            ),
        )
        count = found[contract.ENDPOINT_INSTANCE_COUNT]
        if not (count.isascii() and count.isdigit() and int(count) > 0):
            raise InputError(
                f"{contract.ENDPOINT_INSTANCE_COUNT} is {count!r}, not a number from 1. Set endpoint.instanceCount"
            )
        return cls(
            model_bucket=found[contract.MODEL_BUCKET],
            group=found[contract.MODEL_PACKAGE_GROUP],
            endpoint_name=found[contract.ENDPOINT_NAME],
            instance_type=found[contract.ENDPOINT_INSTANCE_TYPE],
            instance_count=int(count),
            execution_role_arn=found[contract.EXECUTION_ROLE_ARN],
            execution=found[contract.PIPELINE_EXECUTION_ID],
            commit=found[contract.COMMIT_ID],
            model_package_arn=found[contract.MODEL_PACKAGE_ARN],
            build_artifact=Path(found[contract.BUILD_ARTIFACT_DIRECTORY]),
        )


def read_arn_file(directory: Path) -> registry.ModelPackageArn:
    """Return the one ARN in the build's artifact; blanks around it are allowed. Raises InputError for anything else."""
    path = directory / contract.MODEL_PACKAGE_ARN_FILE
    if path.is_symlink() or not path.is_file():
        raise InputError(
            f"{contract.MODEL_PACKAGE_ARN_FILE} is not a file in the build artifact. Run the Build stage again"
        )
    with path.open("rb") as file:
        content = file.read(LONGEST_ARN_FILE + 1)
    if len(content) > LONGEST_ARN_FILE or not content.isascii():
        raise InputError(f"{contract.MODEL_PACKAGE_ARN_FILE} holds more than one ARN. Run the Build stage again")
    return registry.parse_model_package_arn(content.decode("ascii").strip(" \t\r\n"))


def check_package(deploy: DeployEnvironment, package: registry.ModelPackageArn, region: str) -> None:
    """Raise InputError unless file, variable, group, region and account all mean the same package."""
    if package.text != deploy.model_package_arn:
        raise InputError(
            f"the artifact says {package.text}, the pipeline says {one_line(deploy.model_package_arn, 200)};"
            " nothing was deployed. Run the pipeline again"
        )
    account = deploy.execution_role_arn.split(":")[4:5]
    if not package.is_in_group(deploy.group) or package.region != region or [package.account] != account:
        raise InputError(
            f"{package.text} is not a version of {deploy.group} in this account and region; nothing was deployed"
        )


def approved(sagemaker: "SageMakerClient", arn: str) -> Mapping[str, Any]:
    """Return the registry's description of `arn`. Raises RoadError unless it is Approved and complete right now."""
    description = registry.describe(sagemaker, arn)
    standing, status = registry.standing(description), description["ModelPackageStatus"]
    if standing.status != contract.APPROVED or status != "Completed":
        reason = one_line(standing.reason, 200) or "no reason given"
        raise RoadError(
            f"{arn} is {standing.status} and {status} ({reason}); nothing was deployed."
            " Approve it in the registry and retry the stage, or push a better model"
        )
    return description


def golden_records(s3: "S3Client", bucket: str, description: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the SHA-256 of the package's archive and the golden records in it.

    Raises RoadError unless it lies in the model bucket and holds the very bytes that were registered and approved.
    """
    uri = description["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    if not uri.startswith(f"s3://{bucket}/"):
        raise RoadError(f"{uri} is not in the model bucket {bucket}; nothing was deployed. Train again")
    registered = description.get("CustomerMetadataProperties", {}).get(contract.METADATA_MODEL_SHA256)
    body = storage.read(s3, uri)
    found = storage.sha256(body)
    if found != registered:
        raise RoadError(f"{uri} has SHA-256 {found}, registered was {registered}; nothing was deployed. Train again")
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            member = archive.extractfile(contract.GOLDEN_FILE)
            golden = json.loads(member.read(LARGEST_GOLDEN_FILE)) if member else None
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        raise RoadError(f"{uri}: no readable {contract.GOLDEN_FILE} in the archive. Train again") from error
    if not isinstance(golden, dict) or not golden.keys() >= {"instances", "predictions"}:
        raise RoadError(f"{uri}: {contract.GOLDEN_FILE} holds no records. Train again")
    return found, golden


def serve(
    release: Release,
    sagemaker: "SageMakerClient",
    runtime: "SageMakerRuntimeClient",
    golden: Mapping[str, Any],
    pauses: Pauses,
) -> str:
    """Put `release` on its endpoint and return the configuration in service. A model that proves wrong is taken back.

    Raises RoadError when the endpoint does not serve the release in the end.
    """
    name = release.endpoint_name
    group_tag = {"ModelPackageGroup": release.model_package.group}
    entry.say(f"model: {endpoint.put_model(sagemaker, release)}")
    config = endpoint.put_endpoint_config(sagemaker, release, uuid.uuid4().hex[:8])
    previous = endpoint.put_endpoint(sagemaker, name, config, tags=group_tag, pauses=pauses)
    entry.say(f"endpoint: {name} {'is created' if previous is None else 'is updated'} with {config}")
    endpoint.wait_in_service(sagemaker, name, config, pauses=pauses, say=entry.say)
    try:
        endpoint.prove(runtime, name, golden)
    except ProofError as wrong:
        if previous is None:
            raise RoadError(f"{wrong}. It is the endpoint's first model: there is none to return to") from wrong
        entry.say(f"proof: {wrong}; returning to {previous}")
        endpoint.put_endpoint(sagemaker, name, previous, tags=group_tag, pauses=pauses)
        endpoint.wait_in_service(sagemaker, name, previous, pauses=pauses, say=entry.say)
        raise RoadError(f"{wrong}. {previous} serves again") from wrong
    entry.say(f"proof: {name} answers {len(golden['instances'])} golden records as the model did when it was packed")
    return config


def deploy_model(
    deploy: DeployEnvironment,
    *,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    runtime: "SageMakerRuntimeClient",
    pauses: Pauses,
) -> None:
    """Take the whole stage. Raises RoadError with nothing changed unless this execution's package is approved."""
    package = read_arn_file(deploy.build_artifact)
    check_package(deploy, package, sagemaker.meta.region_name)
    description = approved(sagemaker, package.text)
    entry.say(f"approved: {package.text}: {one_line(registry.standing(description).reason, 300)}")
    archive_sha256, golden = golden_records(s3, deploy.model_bucket, description)
    release = Release(
        endpoint_name=deploy.endpoint_name,
        model_package=package,
        archive_sha256=archive_sha256,
        execution_role_arn=deploy.execution_role_arn,
        instance_type=deploy.instance_type,
        instance_count=deploy.instance_count,
        tags={"ModelPackageArn": package.text, "CommitId": deploy.commit, "PipelineExecutionId": deploy.execution},
    )
    config = serve(release, sagemaker, runtime, golden, pauses)
    entry.say(f"deployed: {deploy.endpoint_name} serves version {package.version} with {config}")


def main() -> None:
    """Read the environment and run the stage."""
    deploy = DeployEnvironment.read(os.environ)
    deploy_model(
        deploy,
        s3=entry.client("s3"),
        sagemaker=entry.client("sagemaker"),
        runtime=entry.client("sagemaker-runtime"),
        pauses=registry.growing_pauses,
    )


if __name__ == "__main__":
    sys.exit(entry.run(main))
