"""ReleasePipeline: the brief's four stages as data, and the CodePipeline that runs them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import ServiceRole
from components.names import Names
from ml import contract

SOURCE_NAMESPACE = "SourceVariables"
BUILD_NAMESPACE = "BuildVariables"

_PER_EXECUTION = {
    contract.PIPELINE_EXECUTION_ID: "#{codepipeline.PipelineExecutionId}",
    contract.COMMIT_ID: f"#{{{SOURCE_NAMESPACE}.CommitId}}",
}
_PACKAGE_ARN = f"#{{{BUILD_NAMESPACE}.{contract.MODEL_PACKAGE_ARN}}}"


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action of AWS's own. Variables that it makes are readable by later actions as #{namespace.name}."""

    name: str
    category: str
    provider: str
    configuration: Mapping[str, pulumi.Input[str]]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    namespace: str | None = None
    timeout_minutes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage with its one action."""

    name: str
    action: Action


@dataclass(frozen=True, kw_only=True)
class ReleasePipelineArgs:
    """What the stages run, and the stage that decides between Build and Deploy."""

    names: Names
    role: ServiceRole
    artifact_bucket: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    repository_name: pulumi.Input[str]
    branch: str
    train_project: pulumi.Input[str]
    deploy_project: pulumi.Input[str]
    approval: Stage


class ReleasePipeline(pulumi.ComponentResource):
    """A V2 pipeline in which a newer commit supersedes an older one that still waits between two stages."""

    pipeline_name: pulumi.Output[str]

    def __init__(self, name: str, args: ReleasePipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:ReleasePipeline", name, None, opts)
        pipeline = aws.codepipeline.Pipeline(
            f"{name}-pipeline",
            name=args.names.pipeline,
            role_arn=args.role.arn,
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            artifact_stores=[
                {
                    "type": "S3",
                    "location": args.artifact_bucket,
                    "encryption_key": {"type": "KMS", "id": args.key_arn},
                }
            ],
            stages=[_declared(stage) for stage in stages(args)],
            # Creating a pipeline starts it: its role must be able to work by then.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.role.grants),
        )
        self.pipeline_name = pipeline.name
        self.register_outputs({"pipeline_name": self.pipeline_name})


def stages(args: ReleasePipelineArgs) -> tuple[Stage, ...]:
    """Return the four stages in order."""
    return (
        Stage(name="Source", action=_source(args)),
        Stage(name="Build", action=_train(args)),
        args.approval,
        Stage(name="Deploy", action=_deploy(args)),
    )


def _source(args: ReleasePipelineArgs) -> Action:
    return Action(
        name="Source",
        category="Source",
        provider="CodeCommit",
        configuration={
            "RepositoryName": args.repository_name,
            "BranchName": args.branch,
            # Absent means true, and then each push would start the pipeline twice: once by polling, once by the rule.
            "PollForSourceChanges": "false",
        },
        outputs=(contract.SOURCE_ARTIFACT,),
        namespace=SOURCE_NAMESPACE,
    )


def _train(args: ReleasePipelineArgs) -> Action:
    return Action(
        name="TrainModel",
        category="Build",
        provider="CodeBuild",
        configuration={
            "ProjectName": args.train_project,
            "EnvironmentVariables": _environment(
                {**_PER_EXECUTION, contract.REPOSITORY_NAME: f"#{{{SOURCE_NAMESPACE}.RepositoryName}}"}
            ),
        },
        inputs=(contract.SOURCE_ARTIFACT,),
        outputs=(contract.BUILD_ARTIFACT,),
        namespace=BUILD_NAMESPACE,
    )


def _deploy(args: ReleasePipelineArgs) -> Action:
    return Action(
        name="DeployModel",
        category="Build",
        provider="CodeBuild",
        configuration={
            "ProjectName": args.deploy_project,
            # The buildspec lies in the commit; the other input only tells which version was built.
            "PrimarySource": contract.SOURCE_ARTIFACT,
            "EnvironmentVariables": _environment({**_PER_EXECUTION, contract.MODEL_PACKAGE_ARN: _PACKAGE_ARN}),
        },
        inputs=(contract.SOURCE_ARTIFACT, contract.BUILD_ARTIFACT),
    )


def automated_approval(function_name: pulumi.Input[str]) -> Stage:
    """Return the stage in which the function decides about exactly the version that this execution built."""
    return Stage(
        name="AutoApproval",
        action=Action(
            name="AutoApproval",
            category="Invoke",
            provider="Lambda",
            configuration={
                "FunctionName": function_name,
                "UserParameters": json.dumps({contract.JOB_MODEL_PACKAGE_ARN: _PACKAGE_ARN}),
            },
        ),
    )


def manual_approval(timeout_minutes: int) -> Stage:
    """Return the stage in which a person decides, with the build's one-line summary before their eyes."""
    return Stage(
        name="Approval",
        action=Action(
            name="ManualApproval",
            category="Approval",
            provider="Manual",
            configuration={"CustomData": f"#{{{BUILD_NAMESPACE}.{contract.MODEL_SUMMARY}}}"},
            timeout_minutes=timeout_minutes,
        ),
    )


def _environment(variables: Mapping[str, str]) -> str:
    return json.dumps([{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in variables.items()])


def _declared(stage: Stage) -> aws.codepipeline.PipelineStageArgs:
    action = stage.action
    return aws.codepipeline.PipelineStageArgs(
        name=stage.name,
        actions=[
            aws.codepipeline.PipelineStageActionArgs(
                name=action.name,
                category=action.category,
                owner="AWS",
                provider=action.provider,
                version="1",
                configuration=action.configuration,
                input_artifacts=list(action.inputs) or None,
                output_artifacts=list(action.outputs) or None,
                namespace=action.namespace,
                timeout_in_minutes=action.timeout_minutes,
            )
        ],
    )
