"""From settings to a governed road: a push trains a model, an approval decides about it, an endpoint serves it."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

import components as road

settings = road.Settings.from_config()
for silence in road.silences(settings):
    pulumi.log.warn(f"{silence.what}\n{silence.repair}")
# Asked in the program's own region and profile: Pulumi's default provider may know another region, or none.
caller = aws.Provider("caller", region=settings.region, profile=settings.profile)
account = aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=caller)).account_id
names = road.Names.of(settings, account=account, region=settings.region)

# The program's own provider: it alone tags everything, and refuses an account other than the one that was named above.
provider = aws.Provider(
    "aws",
    region=settings.region,
    profile=settings.profile,
    allowed_account_ids=[account],
    default_tags={"tags": dict(settings.all_tags)},
)
here = pulumi.ResourceOptions(providers=[provider])

key = road.EncryptionKey("key", road.EncryptionKeyArgs(names=names, settings=settings), here)
roles = road.Roles("roles", road.RolesArgs(names=names, settings=settings, key_arn=key.arn), here)
storage = road.Storage("storage", road.StorageArgs(names=names, settings=settings, key_arn=key.arn), here)
source = None
if roles.trigger is not None:
    args = road.SourceRepositoryArgs(names=names, settings=settings, trigger=roles.trigger)
    source = road.SourceRepository("source", args, here)
registry = road.ModelRegistry(
    "registry",
    road.ModelRegistryArgs(names=names, protect=settings.protect_data),
    here,
)
endpoint_log = road.EndpointLog(
    "endpoint",
    road.EndpointLogArgs(names=names, retention_days=settings.audit.retention_days, key_arn=key.arn),
    here,
)

hand_over = road.HandOver(
    model_bucket=storage.model_bucket,
    model_package_group=registry.group_name,
    execution_role_arn=roles.execution.arn,
    rollout_alarms=road.rollout_alarm_names(names, settings),
)
train = road.BuildProject(
    "train", road.train_build(settings, names, hand_over, role=roles.train, key_arn=key.arn), here
)
deploy = road.BuildProject(
    "deploy", road.deploy_build(settings, names, hand_over, role=roles.deploy, key_arn=key.arn), here
)

notifications = road.Notifications(
    "notify",
    road.NotificationsArgs(names=names, settings=settings, key_arn=key.arn, pipeline_role=roles.pipeline),
    here,
)
automation = bridge = None
if roles.approval is not None:
    automation = road.ApprovalAutomation(
        "approval",
        road.ApprovalAutomationArgs(
            names=names,
            settings=settings,
            code_root=str(Path(__file__).parent),
            role=roles.approval,
            model_package_group=registry.group_name,
            key_arn=key.arn,
        ),
        here,
    )
if roles.bridge is not None:
    bridge = road.ApprovalBridge(
        "bridge",
        road.ApprovalBridgeArgs(
            names=names,
            settings=settings,
            code_root=str(Path(__file__).parent),
            role=roles.bridge,
            model_package_group=registry.group_name,
            key_arn=key.arn,
        ),
        here,
    )
# Releases need all of these, so these go after them at destroy; the pipeline, which makes releases, goes before.
clean_up = road.CleanUp(
    "clean-up",
    road.CleanUpArgs(names=names, settings=settings),
    pulumi.ResourceOptions(depends_on=[storage, roles, registry, endpoint_log, train, deploy]),
)
pipeline = road.ReleasePipeline(
    "release",
    road.ReleasePipelineArgs(
        names=names,
        settings=settings,
        role=roles.pipeline,
        artifact_bucket=storage.artifact_bucket,
        key_arn=key.arn,
        called=road.Called(
            train_project=train.project_name,
            deploy_project=deploy.project_name,
            repository_name=source.repository_name if source else None,
            approval_function=automation.function_name if automation else None,
            bridge_function=bridge.function_name if bridge else None,
            approvals_topic=notifications.approvals_topic,
        ),
    ),
    pulumi.ResourceOptions(providers=[provider], depends_on=[clean_up]),
)

road.Alarms(
    "alarms",
    road.AlarmsArgs(
        names=names,
        settings=settings,
        topic_arn=notifications.alarms_topic,
        bridge_log_group=bridge.log_group_name if bridge else None,
    ),
    here,
)
road.Dashboard("dashboard", road.DashboardArgs(names=names, settings=settings), here)
if roles.trail is not None:
    road.AuditTrail(
        "audit",
        road.AuditTrailArgs(
            names=names, settings=settings, role=roles.trail, key_arn=key.arn, access_log=storage.access_log
        ),
        here,
    )

for output, value in road.exports(names, settings).items():
    pulumi.export(output, value)
# These as the resources have them: known only once they are there.
pulumi.export("pipeline_name", pipeline.pipeline_name)
pulumi.export("model_package_group", registry.group_name)
pulumi.export("model_bucket", storage.model_bucket)
pulumi.export("artifact_bucket", storage.artifact_bucket)
pulumi.export("alarms_topic", notifications.alarms_topic)
if source is not None:
    pulumi.export("clone_url_http", source.clone_url_http)
    if source.branch_guard_arn is not None:
        pulumi.export("branch_guard_policy", source.branch_guard_arn)
