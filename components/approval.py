"""ApprovalAutomation: the function that holds registered versions against the thresholds, and what calls it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.iam import Role
from components.lambda_function import EventFunction, EventFunctionArgs, Rule, archive
from components.names import Names
from components.settings import Settings
from ml import contract

CODE_FILES = (
    "ml/__init__.py",
    "ml/catalogue.py",
    "ml/champion_gate.py",
    "ml/contract.py",
    "ml/errors.py",
    "ml/function_entry.py",
    "ml/gate.py",
    "ml/judgement.py",
    "ml/pipeline_job.py",
    "ml/registry.py",
    "ml/registry_event.py",
    "ml/lambda_auto_approve.py",
)
HANDLER = "ml.lambda_auto_approve.handler"


@dataclass(frozen=True, kw_only=True)
class ApprovalAutomationArgs:
    """`code_root` is the path of the folder that holds `ml`."""

    names: Names
    settings: Settings
    code_root: str
    role: Role
    model_package_group: pulumi.Input[str]
    key_arn: pulumi.Input[str]


class ApprovalAutomation(pulumi.ComponentResource):
    """The approval function. The pipeline's stage calls it, and so does the registry's event for a new version."""

    function_name: pulumi.Output[str]

    def __init__(self, name: str, args: ApprovalAutomationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:ApprovalAutomation", name, None, opts)
        function = EventFunction(name, approval_function_args(args), pulumi.ResourceOptions(parent=self))
        self.function_name = function.function_name
        self.register_outputs({"function_name": self.function_name})


def approval_function_args(args: ApprovalAutomationArgs) -> EventFunctionArgs:
    """Return the function as data."""
    names, settings = args.names, args.settings
    return EventFunctionArgs(
        names=names,
        function_name=names.approval_function,
        description="Approves or rejects a registered model version by its metrics",
        log_group_name=names.approval_log_group,
        queue_name=names.dead_letter_queue,
        code=archive(args.code_root, CODE_FILES),
        handler=HANDLER,
        role=args.role,
        environment={
            contract.MODEL_PACKAGE_GROUP: args.model_package_group,
            contract.THRESHOLDS: settings.thresholds_text,
            contract.APPROVAL_MODE: settings.approval.mode,
            contract.GATE: settings.gate.text,
        },
        rules=[
            Rule(
                key="registered",
                rule_name=names.registry_rule,
                description=f"A version in {names.model_package_group} waits for a decision",
                pattern=registry_pattern(names.model_package_group, [contract.PENDING]),
            )
        ],
        retention_days=settings.audit.retention_days,
        key_arn=args.key_arn,
    )


def registry_pattern(model_package_group: str, statuses: Sequence[str]) -> dict[str, Any]:
    """Return the event pattern of the group's versions in one of `statuses`. For Pending it is the brief's own.

    It does not ask for a Completed version: the event of a registration may come before that.
    """
    return {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [model_package_group], "ModelApprovalStatus": list(statuses)},
    }
