"""Deploy stage: put exactly the model package that this execution built on the endpoint, if it is approved."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ml import (
    approved_version,
    contract,
    endpoint_plan,
    entry,
    ledger,
    model_archive,
    proof,
    registered_version,
    registration,
    registry,
)
from ml.endpoint import Pauses
from ml.endpoint_config import Release
from ml.endpoint_plan import EndpointPlan
from ml.errors import InputError, RoadError
from ml.gate import one_line
from ml.registry import ModelPackageArn
from ml.rollout import Clients, Rollout

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_ARN_FILE = 2100
"""Bytes: the registry's ARNs have at most 2048 characters."""

LONGEST_DETAIL = 500
"""Characters of the reason that the ledger keeps."""

OWN_CODE = Path(__file__).parent
"""The serving code of this commit, which is also the one that the archive was packed from."""


@dataclass(frozen=True, kw_only=True)
class DeployEnvironment:
    """What the build project and the pipeline action tell this build."""

    model_bucket: str
    group: str
    plan: EndpointPlan
    execution_role_arn: str
    execution: str
    commit: str
    model_package_arn: str
    requested: ModelPackageArn | None
    build_artifact: Path

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "DeployEnvironment":
        """Return the typed environment. Raises InputError that names every key that is not set."""
        found = entry.values(
            environment,
            (
                contract.MODEL_BUCKET,
                contract.MODEL_PACKAGE_GROUP,
                contract.EXECUTION_ROLE_ARN,
                contract.PIPELINE_EXECUTION_ID,
                contract.COMMIT_ID,
                contract.MODEL_PACKAGE_ARN,
                contract.BUILD_ARTIFACT_DIRECTORY,
                *endpoint_plan.KEYS,
            ),
        )
        return cls(
            model_bucket=found[contract.MODEL_BUCKET],
            group=found[contract.MODEL_PACKAGE_GROUP],
            plan=EndpointPlan.read(found),
            execution_role_arn=found[contract.EXECUTION_ROLE_ARN],
            execution=found[contract.PIPELINE_EXECUTION_ID],
            commit=found[contract.COMMIT_ID],
            model_package_arn=found[contract.MODEL_PACKAGE_ARN],
            requested=approved_version.requested(environment),
            build_artifact=Path(found[contract.BUILD_ARTIFACT_DIRECTORY]),
        )


def read_arn_file(directory: Path) -> ModelPackageArn:
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


def check_package(deploy: DeployEnvironment, package: ModelPackageArn, region: str) -> None:
    """Raise InputError unless file, variables, group, region and account all mean the same package."""
    if package.text != deploy.model_package_arn:
        raise InputError(
            f"the artifact says {package.text}, the pipeline says {one_line(deploy.model_package_arn, 200)};"
            " nothing was deployed. Run the pipeline again"
        )
    if deploy.requested is not None and not approved_version.is_same(deploy.requested, package):
        raise InputError(
            f"the artifact says {package.text}, but this execution was started for {deploy.requested.text};"
            " nothing was deployed. Run the pipeline again"
        )
    account = "".join(deploy.execution_role_arn.split(":")[4:5])
    approved_version.check_place(package, deploy.group, region=region, account=account)


def deploy_model(deploy: DeployEnvironment, *, s3: "S3Client", clients: Clients, pauses: Pauses) -> None:
    """Take the whole stage. Raises RoadError with nothing changed unless this execution's package is approved."""
    package = read_arn_file(deploy.build_artifact)
    region = clients.sagemaker.meta.region_name
    check_package(deploy, package, region)
    description = approved_version.approved(clients.sagemaker, package.text)
    entry.say(f"approved: {package.text}: {one_line(registry.standing(description).reason, 300)}")
    release, golden = _released(deploy, package, description, s3=s3, region=region)
    try:
        config = Rollout(release=release, golden=golden, clients=clients, pauses=pauses).run()
    except (RoadError, ClientError, BotoCoreError) as failure:
        failed = ledger_entry(release, description, ledger.FAILED, str(failure), config=release.config_name)
        _record_failure(s3, deploy.model_bucket, failed)
        raise
    serves = ledger_entry(release, description, ledger.SERVES, f"with {config}", config=config)
    ledger.record(s3, deploy.model_bucket, serves)
    entry.say(f"deployed: {deploy.plan.name} serves version {package.version} with {config}")


def _released(
    deploy: DeployEnvironment, package: ModelPackageArn, description: Mapping[str, Any], *, s3: "S3Client", region: str
) -> tuple[Release, Mapping[str, Any]]:
    """Return what goes on the endpoint, with its golden records. Raises RoadError unless it is what was registered."""
    registered = registration.read(s3, deploy.model_bucket, deploy.group, description)
    registration.check_unchanged(registered, description)
    container = registered_version.container_of(description, region)
    if deploy.requested is None:
        registered_version.check_of_this_commit(registered, container, commit=deploy.commit, region=region)
    uri, archive = registered_version.archive(s3, deploy.model_bucket, registered, container)
    # An older version, which a person asked for, has its own commit's code.
    model_archive.check(archive, uri, code=OWN_CODE if deploy.requested is None else None)
    release = Release(
        plan=deploy.plan,
        model_package=package,
        archive_sha256=registered.archive_sha256,
        execution_role_arn=deploy.execution_role_arn,
        execution=deploy.execution,
        commit=deploy.commit,
        requested=deploy.requested is not None,
    )
    return release, proof.golden_records(archive, uri)


def _record_failure(s3: "S3Client", bucket: str, failed: ledger.Entry) -> None:
    """Write it down if that is possible: what is reported stays the failure itself."""
    try:
        ledger.record(s3, bucket, failed)
    except (RoadError, ClientError, BotoCoreError) as error:
        entry.say(f"not in the ledger: {one_line(str(error), 300)}")


def ledger_entry(
    release: Release, description: Mapping[str, Any], event: str, detail: str, *, config: str
) -> ledger.Entry:
    """Return what the ledger keeps about this deployment of the version that the registry describes so.

    `config` is the configuration that serves: an earlier deployment's where that served the version already.
    """
    return ledger.Entry(
        event=event,
        time=ledger.timestamp(datetime.now(tz=UTC)),
        endpoint=release.plan.name,
        model_package_arn=release.model_package.text,
        version=release.model_package.version,
        config=config,
        commit=release.commit,
        execution=release.execution,
        requested=release.requested,
        decision=registry.standing(description).reason,
        approved_by=registry.decided_by(description),
        detail=one_line(detail, LONGEST_DETAIL),
    )


def main() -> None:
    """Read the environment and run the stage."""
    deploy = DeployEnvironment.read(os.environ)
    clients = Clients(
        sagemaker=entry.client("sagemaker"),
        runtime=entry.client("sagemaker-runtime"),
        cloudwatch=entry.client("cloudwatch"),
        autoscaling=entry.client("application-autoscaling"),
    )
    deploy_model(deploy, s3=entry.client("s3"), clients=clients, pauses=registry.growing_pauses)


if __name__ == "__main__":
    sys.exit(entry.run(main))
