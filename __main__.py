"""From settings to a governed road: a push trains a model, an approval decides about it, an endpoint serves it."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

import components as road

settings = road.Settings.from_config()
names = road.Names.of(settings, account=aws.get_caller_identity().account_id, region=aws.get_region().region)
protect, days = settings.protect_data, settings.audit.retention_days

key = road.EncryptionKey("key", road.EncryptionKeyArgs(names=names, protect=protect))
roles = road.Roles("roles", road.RolesArgs(names=names, settings=settings, key_arn=key.arn))
storage = road.Storage("storage", road.StorageArgs(names=names, key_arn=key.arn, protect=protect))
source = road.SourceRepository(
    "source",
    road.SourceRepositoryArgs(names=names, branch=settings.source.branch, trigger=roles.trigger, protect=protect),
)
registry = road.ModelRegistry(
    "registry", road.ModelRegistryArgs(names=names, use_case=settings.use_case, protect=protect)
)
road.EndpointLog("endpoint", road.EndpointLogArgs(names=names, retention_days=days, key_arn=key.arn))

hand_over = road.HandOver(
    model_bucket=storage.model_bucket,
    model_package_group=registry.group_name,
    execution_role_arn=roles.execution.arn,
)
train = road.BuildProject("train", road.train_build(settings, names, hand_over, role=roles.train, key_arn=key.arn))
deploy = road.BuildProject("deploy", road.deploy_build(settings, names, hand_over, role=roles.deploy, key_arn=key.arn))

if roles.approval is None:
    approval = road.manual_approval(settings.approval.timeout_minutes)
else:
    automation = road.ApprovalAutomation(
        "approval",
        road.ApprovalAutomationArgs(
            names=names,
            code_root=Path(__file__).parent,
            role=roles.approval,
            model_package_group=registry.group_name,
            thresholds=settings.thresholds,
            retention_days=days,
            key_arn=key.arn,
        ),
    )
    approval = road.automated_approval(automation.function_name)
pipeline = road.ReleasePipeline(
    "release",
    road.ReleasePipelineArgs(
        names=names,
        role=roles.pipeline,
        artifact_bucket=storage.artifact_bucket,
        key_arn=key.arn,
        repository_name=source.repository_name,
        branch=settings.source.branch,
        train_project=train.project_name,
        deploy_project=deploy.project_name,
        approval=approval,
    ),
)

pulumi.export("clone_url_http", source.clone_url_http)
pulumi.export("branch", settings.source.branch)
pulumi.export("pipeline_name", pipeline.pipeline_name)
pulumi.export("pipeline_console_url", names.pipeline_console_url)
pulumi.export("model_package_group", registry.group_name)
pulumi.export("endpoint_name", names.endpoint)
pulumi.export("model_bucket", storage.model_bucket)
pulumi.export("artifact_bucket", storage.artifact_bucket)
pulumi.export("approval_mode", settings.approval.mode)
pulumi.export("thresholds", dict(settings.thresholds))
pulumi.export("region", names.region)
