"""BuildProject: one CodeBuild project of the pipeline, with the log group that it writes to."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import Role
from components.names import Names, build_log_group
from components.settings import EndpointSettings, Settings
from components.settings.training_section import COMPUTE_TYPES
from ml import contract

TRAIN_TIMEOUT_MINUTES = 60
"""Without the time of training jobs, which comes on top."""
JOB_START_MINUTES = 15
"""What a training job may take beside its training (ml.training_job.START_SECONDS)."""
DEPLOY_TIMEOUT_MINUTES = 80
"""Without the time in which an update is watched, which comes on top: for the update, and for the way back."""
QUEUED_TIMEOUT_MINUTES = 60


@dataclass(frozen=True, kw_only=True)
class BuildProjectArgs:
    """One project: `buildspec` is a path in the commit, `environment` reaches its commands as environment variables."""

    project_name: str
    buildspec: str
    image: str
    compute_type: str
    timeout_minutes: int
    environment: Mapping[str, pulumi.Input[str]]
    role: Role
    retention_days: int
    key_arn: pulumi.Input[str]


class BuildProject(pulumi.ComponentResource):
    """A CodeBuild project that takes its source from the pipeline and gives its result back to it."""

    project_name: pulumi.Output[str]

    def __init__(self, name: str, args: BuildProjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:BuildProject", name, None, opts)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=build_log_group(args.project_name),
            retention_in_days=args.retention_days,
            kms_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        project = aws.codebuild.Project(
            f"{name}-project",
            name=args.project_name,
            service_role=args.role.arn,
            source={"type": "CODEPIPELINE", "buildspec": args.buildspec},
            artifacts={"type": "CODEPIPELINE"},
            environment={
                "type": "LINUX_CONTAINER",
                "compute_type": args.compute_type,
                "image": args.image,
                "environment_variables": [
                    {"name": key, "value": value, "type": "PLAINTEXT"} for key, value in args.environment.items()
                ],
            },
            logs_config={"cloudwatch_logs": {"status": "ENABLED", "group_name": log_group.name}},
            encryption_key=args.key_arn,
            build_timeout=args.timeout_minutes,
            queued_timeout=QUEUED_TIMEOUT_MINUTES,
            # A project whose role may do nothing yet would fail its first build.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.role.grants),
        )
        self.project_name = project.name
        self.register_outputs({"project_name": self.project_name})


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What the builds work with and other components made."""

    model_bucket: pulumi.Input[str]
    model_package_group: pulumi.Input[str]
    execution_role_arn: pulumi.Input[str]
    rollout_alarms: tuple[str, ...]
    """Names of the alarms that take a bad update of the endpoint back."""


def train_build(
    settings: Settings, names: Names, hand_over: HandOver, *, role: Role, key_arn: pulumi.Input[str]
) -> BuildProjectArgs:
    """Return the project that trains a model and registers it."""
    return BuildProjectArgs(
        project_name=names.train_project,
        buildspec="buildspecs/buildspec-train.yml",
        image=settings.training.image,
        compute_type=settings.training.compute_type,
        timeout_minutes=TRAIN_TIMEOUT_MINUTES
        + settings.training.rounds * (settings.training.max_runtime_minutes + JOB_START_MINUTES),
        environment={
            contract.MODEL_BUCKET: hand_over.model_bucket,
            contract.MODEL_PACKAGE_GROUP: hand_over.model_package_group,
            contract.USE_CASE: settings.use_case,
            contract.DATA_URI: settings.training.data_uri,
            contract.TARGET_COLUMN: settings.training.target,
            contract.ENDPOINT_INSTANCE_TYPE: settings.endpoint.instance_type,
            contract.ENDPOINT_NAME: names.endpoint,
            contract.THRESHOLDS: settings.thresholds_text,
            contract.GATE: settings.gate.text,
            contract.TRAINING_ENGINE: settings.training.engine,
            contract.TRAINING_SEARCH: settings.training.search.text,
            **(_job_environment(settings, names, hand_over, key_arn) if settings.training.in_jobs else {}),
        },
        role=role,
        retention_days=settings.audit.retention_days,
        key_arn=key_arn,
    )


def deploy_build(
    settings: Settings, names: Names, hand_over: HandOver, *, role: Role, key_arn: pulumi.Input[str]
) -> BuildProjectArgs:
    """Return the project that puts an approved version behind the endpoint."""
    return BuildProjectArgs(
        project_name=names.deploy_project,
        buildspec="buildspecs/buildspec-deploy.yml",
        image=settings.training.image,
        # It mostly waits for the endpoint.
        compute_type=COMPUTE_TYPES[0],
        timeout_minutes=DEPLOY_TIMEOUT_MINUTES + 2 * _watch_minutes(settings.endpoint),
        environment={
            contract.MODEL_BUCKET: hand_over.model_bucket,
            contract.MODEL_PACKAGE_GROUP: hand_over.model_package_group,
            contract.EXECUTION_ROLE_ARN: hand_over.execution_role_arn,
            contract.ENDPOINT_NAME: names.endpoint,
            **_endpoint_environment(settings.endpoint),
            contract.ENDPOINT_ALARMS: json.dumps(hand_over.rollout_alarms),
            contract.TAGS: json.dumps(dict(settings.all_tags), sort_keys=True),
        },
        role=role,
        retention_days=settings.audit.retention_days,
        key_arn=key_arn,
    )


def _job_environment(
    settings: Settings, names: Names, hand_over: HandOver, key_arn: pulumi.Input[str]
) -> dict[str, pulumi.Input[str]]:
    """Return what the train build must know to start training jobs."""
    return {
        contract.TRAINING_INSTANCE_TYPE: settings.training.instance_type,
        contract.TRAINING_MAX_SECONDS: str(settings.training.max_runtime_minutes * 60),
        contract.TRAINING_JOB_PREFIX: names.endpoint,
        contract.TRAINING_KEY_ARN: key_arn,
        contract.EXECUTION_ROLE_ARN: hand_over.execution_role_arn,
        contract.TAGS: json.dumps(dict(settings.all_tags), sort_keys=True),
    }


def _watch_minutes(endpoint: EndpointSettings) -> int:
    if endpoint.kind == contract.SERVERLESS:
        return 0
    return math.ceil(contract.watch_seconds(endpoint.traffic, endpoint.bake_seconds) / 60)


def _endpoint_environment(endpoint: EndpointSettings) -> dict[str, str]:
    """Return what the deploy step must know of the endpoint: all of it, whichever kind it is."""
    return {
        contract.ENDPOINT_KIND: endpoint.kind,
        contract.ENDPOINT_INSTANCE_TYPE: endpoint.instance_type,
        contract.ENDPOINT_INSTANCE_COUNT: str(endpoint.instance_count),
        contract.ENDPOINT_MAX_INSTANCE_COUNT: str(endpoint.max_instance_count),
        contract.ENDPOINT_MEMORY_MB: str(endpoint.memory_mb),
        contract.ENDPOINT_MAX_CONCURRENCY: str(endpoint.max_concurrency),
        contract.ENDPOINT_TRAFFIC: endpoint.traffic,
        contract.ENDPOINT_BAKE_SECONDS: str(endpoint.bake_seconds),
        contract.ENDPOINT_KEEP_VERSIONS: str(endpoint.keep_versions),
    }
