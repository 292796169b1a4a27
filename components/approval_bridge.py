"""ApprovalBridge: the function that keeps the pipeline's approval and the registry in step, and what calls it."""

from dataclasses import dataclass
from typing import Any

import pulumi

from components.approval import registry_pattern
from components.iam import Role
from components.lambda_function import EventFunction, EventFunctionArgs, Rule, archive
from components.names import Names
from components.settings import Settings
from ml import contract

CODE_FILES = (
    "ml/__init__.py",
    "ml/approval_event.py",
    "ml/approved_version.py",
    "ml/catalogue.py",
    "ml/champion_gate.py",
    "ml/contract.py",
    "ml/errors.py",
    "ml/function_entry.py",
    "ml/gate.py",
    "ml/judgement.py",
    "ml/pipeline_job.py",
    "ml/pipeline_state.py",
    "ml/registry.py",
    "ml/registry_event.py",
    "ml/lambda_approval_bridge.py",
)
HANDLER = "ml.lambda_approval_bridge.handler"

AGE_SCHEDULE = "rate(5 minutes)"


@dataclass(frozen=True, kw_only=True)
class ApprovalBridgeArgs:
    """`code_root` is the path of the folder that holds `ml`."""

    names: Names
    settings: Settings
    code_root: str
    role: Role
    model_package_group: pulumi.Input[str]
    key_arn: pulumi.Input[str]


class ApprovalBridge(pulumi.ComponentResource):
    """The bridge function. Called after an approval, by decisions in the registry, by approvals and by the clock."""

    function_name: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    """Where the function logs how long an approval has waited."""

    def __init__(self, name: str, args: ApprovalBridgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:ApprovalBridge", name, None, opts)
        function = EventFunction(name, bridge_function_args(args), pulumi.ResourceOptions(parent=self))
        self.function_name = function.function_name
        self.log_group_name = function.log_group_name
        self.register_outputs({"function_name": self.function_name, "log_group_name": self.log_group_name})


def bridge_function_args(args: ApprovalBridgeArgs) -> EventFunctionArgs:
    """Return the function as data."""
    names, settings = args.names, args.settings
    return EventFunctionArgs(
        names=names,
        function_name=names.bridge_function,
        description="Keeps the pipeline's approval and the registry's status in step",
        log_group_name=names.bridge_log_group,
        queue_name=names.bridge_dead_letter_queue,
        code=archive(args.code_root, CODE_FILES),
        handler=HANDLER,
        role=args.role,
        environment={
            contract.MODEL_PACKAGE_GROUP: args.model_package_group,
            # A name and no output: the pipeline is made after the function that it calls.
            contract.PIPELINE_NAME: names.pipeline,
            contract.APPROVAL_TIMEOUT_MINUTES: str(settings.approval.timeout_minutes),
        },
        rules=[
            Rule(
                key="decided",
                rule_name=names.decision_rule,
                description=f"A version in {names.model_package_group} was approved or rejected",
                pattern=registry_pattern(names.model_package_group, [contract.APPROVED, contract.REJECTED]),
            ),
            Rule(
                key="asked",
                rule_name=names.waiting_rule,
                description=f"An approval of {names.pipeline} waits, or has failed",
                pattern=approval_pattern(names.pipeline),
            ),
            Rule(
                key="age",
                rule_name=names.age_rule,
                description=f"Time to see how long an approval of {names.pipeline} has waited",
                schedule=AGE_SCHEDULE,
            ),
        ],
        retention_days=settings.audit.retention_days,
        key_arn=args.key_arn,
    )


def approval_pattern(pipeline: str) -> dict[str, Any]:
    """Return the event pattern of the pipeline's approval starting or failing (CodePipeline user guide, events)."""
    return {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {
            "pipeline": [pipeline],
            "stage": [contract.APPROVAL_STAGE],
            "action": [contract.MANUAL_APPROVAL_ACTION],
            "state": ["STARTED", "FAILED"],
        },
    }
