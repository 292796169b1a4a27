"""The six roles of the road: who may assume each, and what each may do, as one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pulumi

from components import statements
from components.arns import Arns
from components.iam import ServiceRole, ServiceRoleArgs, Statement, document, key_document, trust
from components.names import Names
from components.settings import AUTOMATED, Settings

READ_KEY = ("kms:Decrypt",)
WRITE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """One row: which service assumes the role, on behalf of what, and for which work.

    `source` gives the ARN pattern that the service must come from; None where AWS does not document that it sends one.
    """

    role_name: Callable[[Names], str]
    description: str
    service: str
    source: Callable[[Arns], str | None]
    statements: Callable[[Arns, Settings], list[Statement]]
    key_actions: Sequence[str]


ROLES: Mapping[str, RoleSpec] = MappingProxyType(
    {
        "pipeline": RoleSpec(
            role_name=lambda names: names.pipeline_role,
            description="CodePipeline moves a commit through the stages",
            service="codepipeline.amazonaws.com",
            source=lambda arns: arns.pipeline,
            statements=statements.pipeline_statements,
            key_actions=WRITE_KEY,
        ),
        "train": RoleSpec(
            role_name=lambda names: names.train_role,
            description="CodeBuild trains a model and registers it undecided",
            service="codebuild.amazonaws.com",
            source=lambda arns: arns.train_project,
            statements=statements.train_statements,
            key_actions=WRITE_KEY,
        ),
        "deploy": RoleSpec(
            role_name=lambda names: names.deploy_role,
            description="CodeBuild puts an approved version behind the endpoint",
            service="codebuild.amazonaws.com",
            source=lambda arns: arns.deploy_project,
            statements=statements.deploy_statements,
            key_actions=READ_KEY,
        ),
        "execution": RoleSpec(
            role_name=lambda names: names.execution_role,
            description="SageMaker serves the model",
            service="sagemaker.amazonaws.com",
            # SageMaker's guide asks for the star here instead of one endpoint or model.
            source=lambda arns: arns.any_sagemaker_resource,
            statements=statements.execution_statements,
            key_actions=READ_KEY,
        ),
        "approval": RoleSpec(
            role_name=lambda names: names.approval_role,
            description="Lambda decides about a registered version by its metrics",
            service="lambda.amazonaws.com",
            source=lambda _: None,
            statements=statements.approval_statements,
            key_actions=READ_KEY,
        ),
        "trigger": RoleSpec(
            role_name=lambda names: names.trigger_role,
            description="EventBridge starts the pipeline after a push",
            service="events.amazonaws.com",
            source=lambda arns: arns.push_rule,
            statements=statements.trigger_statements,
            key_actions=(),
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
    """Every role of the road. The approval function's exists where a function approves: nobody else may hold it."""

    pipeline: ServiceRole
    train: ServiceRole
    deploy: ServiceRole
    execution: ServiceRole
    trigger: ServiceRole
    approval: ServiceRole | None

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Roles", name, None, opts)
        automated = args.settings.approval.mode == AUTOMATED
        roles = {
            key: ServiceRole(f"{name}-{key}", service_role_args(spec, args), pulumi.ResourceOptions(parent=self))
            for key, spec in ROLES.items()
            if automated or key != "approval"
        }
        self.pipeline = roles["pipeline"]
        self.train = roles["train"]
        self.deploy = roles["deploy"]
        self.execution = roles["execution"]
        self.trigger = roles["trigger"]
        self.approval = roles.get("approval")
        self.register_outputs({})


def service_role_args(spec: RoleSpec, args: RolesArgs) -> ServiceRoleArgs:
    """Return the role of one row of the table, for one stack."""
    arns = Arns(names=args.names)
    return ServiceRoleArgs(
        role_name=spec.role_name(args.names),
        description=spec.description,
        trust_policy=trust(spec.service, account=args.names.account, source_arn=spec.source(arns)),
        policy=document(spec.statements(arns, args.settings)),
        key_policy=key_document(args.key_arn, spec.key_actions, region=args.names.region) if spec.key_actions else None,
    )
