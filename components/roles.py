"""The roles of the road: who may assume each, and what each may do, as one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import pulumi

from components.arns import Arns
from components.grants import approval, bridge, deploy, execution, pipeline, trail, train, trigger
from components.iam import DISKS, Role, ServiceRole, ServiceRoleArgs, Statement, document, key_document, trust
from components.names import Names
from components.settings import CODECOMMIT, Settings

KeyUse: TypeAlias = Mapping[str, Sequence[str]]
"""Service -> what a role may have it do with the stack's key."""

READ: KeyUse = MappingProxyType({"s3": ("kms:Decrypt",)})
WRITE: KeyUse = MappingProxyType({"s3": ("kms:Decrypt", "kms:GenerateDataKey")})
LAMBDA: KeyUse = MappingProxyType({"lambda": ("kms:Decrypt",)})
"""A function reads its encrypted environment (Lambda developer guide, securing environment variables)."""

# SageMaker encrypts a training job's result, and its disk by a grant, with the job's own role (API reference,
# OutputDataConfig; developer guide, execution roles for CreateTrainingJob).
READ_AND_TRAIN: KeyUse = MappingProxyType(
    {"s3": ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"), DISKS: ("kms:CreateGrant",)}
)

# A publisher's own rights encrypt a message to an encrypted topic (SNS developer guide, key management).
WRITE_AND_MAIL: KeyUse = MappingProxyType({**WRITE, "sns": ("kms:Decrypt", "kms:GenerateDataKey")})


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """One row: which service assumes the role, on behalf of what, and for which work.

    `source` gives the ARN pattern that the service must come from; None where AWS does not document that it sends one.
    A role that is not `needed` does not exist: nobody else may hold what it may do.
    """

    role_name: Callable[[Names], str]
    description: str
    service: str
    source: Callable[[Arns], str | None]
    statements: Callable[[Arns, Settings], list[Statement]]
    key_use: Callable[[Settings], KeyUse] = lambda _: MappingProxyType({})
    needed: Callable[[Settings], bool] = lambda _: True


ROLES: Mapping[str, RoleSpec] = MappingProxyType(
    {
        "pipeline": RoleSpec(
            role_name=lambda names: names.pipeline_role,
            description="CodePipeline moves a commit through the stages",
            service="codepipeline.amazonaws.com",
            source=lambda arns: arns.pipeline,
            statements=pipeline.pipeline_statements,
            key_use=lambda settings: WRITE_AND_MAIL if settings.approval.asks_person else WRITE,
        ),
        "train": RoleSpec(
            role_name=lambda names: names.train_role,
            description="CodeBuild trains a model and registers it undecided",
            service="codebuild.amazonaws.com",
            source=lambda arns: arns.train_project,
            statements=train.train_statements,
            key_use=lambda _: WRITE,
        ),
        "deploy": RoleSpec(
            role_name=lambda names: names.deploy_role,
            description="CodeBuild puts an approved version behind the endpoint",
            service="codebuild.amazonaws.com",
            source=lambda arns: arns.deploy_project,
            statements=deploy.deploy_statements,
            key_use=lambda _: WRITE,
        ),
        "execution": RoleSpec(
            role_name=lambda names: names.execution_role,
            description="SageMaker serves the model",
            service="sagemaker.amazonaws.com",
            # SageMaker's guide asks for the star here instead of one endpoint or model.
            source=lambda arns: arns.any_sagemaker_resource,
            statements=execution.execution_statements,
            key_use=lambda settings: READ_AND_TRAIN if settings.training.in_jobs else READ,
        ),
        "approval": RoleSpec(
            role_name=lambda names: names.approval_role,
            description="Lambda decides about a registered version by its metrics",
            service="lambda.amazonaws.com",
            source=lambda _: None,
            statements=approval.approval_statements,
            key_use=lambda _: {**READ, **LAMBDA},
            needed=lambda settings: settings.approval.judges_metrics,
        ),
        "bridge": RoleSpec(
            role_name=lambda names: names.bridge_role,
            description="Lambda keeps the pipeline's approval and the registry in step",
            service="lambda.amazonaws.com",
            source=lambda _: None,
            statements=bridge.bridge_statements,
            key_use=lambda _: LAMBDA,
            needed=lambda settings: settings.approval.asks_person,
        ),
        "trigger": RoleSpec(
            role_name=lambda names: names.trigger_role,
            description="EventBridge starts the pipeline after a push",
            service="events.amazonaws.com",
            source=lambda arns: arns.push_rule,
            statements=trigger.trigger_statements,
            needed=lambda settings: settings.source.provider == CODECOMMIT,
        ),
        "trail": RoleSpec(
            role_name=lambda names: names.trail_role,
            description="CloudTrail writes the stack's own trail into its log group",
            service="cloudtrail.amazonaws.com",
            source=lambda _: None,
            statements=trail.trail_statements,
            needed=lambda settings: settings.audit.trail,
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class RolesArgs:
    """What the policies are computed from; only the key's ARN is not known before the key exists."""

    names: Names
    settings: Settings
    key_arn: pulumi.Input[str]


class Roles(pulumi.ComponentResource):
    """Every role of the road that these settings need."""

    pipeline: Role
    train: Role
    deploy: Role
    execution: Role
    trigger: Role | None
    approval: Role | None
    bridge: Role | None
    trail: Role | None

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Roles", name, None, opts)
        roles = {
            key: ServiceRole(f"{name}-{key}", service_role_args(spec, args), pulumi.ResourceOptions(parent=self)).role
            for key, spec in ROLES.items()
            if spec.needed(args.settings)
        }
        self.pipeline = roles["pipeline"]
        self.train = roles["train"]
        self.deploy = roles["deploy"]
        self.execution = roles["execution"]
        self.trigger = roles.get("trigger")
        self.approval = roles.get("approval")
        self.bridge = roles.get("bridge")
        self.trail = roles.get("trail")
        self.register_outputs({})


def service_role_args(spec: RoleSpec, args: RolesArgs) -> ServiceRoleArgs:
    """Return the role of one row of the table, for one stack."""
    arns = Arns(names=args.names)
    use = spec.key_use(args.settings)
    return ServiceRoleArgs(
        role_name=spec.role_name(args.names),
        description=spec.description,
        trust_policy=trust(spec.service, account=args.names.account, source_arn=spec.source(arns)),
        policy=document(spec.statements(arns, args.settings)),
        key_policy=key_document(args.key_arn, use, region=args.names.region) if use else None,
    )
