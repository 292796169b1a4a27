"""ReleasePipeline: the CodePipeline that runs the stages, and what starts it."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import Role
from components.names import Names
from components.pipeline_stages import CONNECTION_PROVIDER, SOURCE_ACTION, Called, Stage, stages
from components.settings import CODECONNECTIONS, Settings
from ml import contract


@dataclass(frozen=True, kw_only=True)
class ReleasePipelineArgs:
    """What the pipeline runs as, stores its artifacts in, and calls."""

    names: Names
    settings: Settings
    role: Role
    artifact_bucket: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    called: Called


class ReleasePipeline(pulumi.ComponentResource):
    """A V2 pipeline in which a newer commit supersedes an older one that still waits between two stages.

    A push starts it, or a person: with the variable set to an approved version, it releases that one and trains none.
    """

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
            variables=[
                {
                    "name": contract.PIPELINE_VARIABLE,
                    "default_value": contract.NO_RELEASE,
                    "description": f"ARN of an approved version to release; {contract.NO_RELEASE}: train a new one",
                }
            ],
            triggers=triggers(args.settings),
            stages=[_declared(stage) for stage in stages(args.names, args.settings, args.called)],
            # Creating a pipeline starts it: its role must be able to work by then.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.role.grants),
        )
        self.pipeline_name = pipeline.name
        self.register_outputs({"pipeline_name": self.pipeline_name})


def triggers(settings: Settings) -> list[aws.codepipeline.PipelineTriggerArgs] | None:
    """Return what starts the pipeline on a push through a connection; with CodeCommit a rule of EventBridge does."""
    if settings.source.provider != CODECONNECTIONS:
        return None
    push = aws.codepipeline.PipelineTriggerGitConfigurationPushArgs(
        branches=aws.codepipeline.PipelineTriggerGitConfigurationPushBranchesArgs(includes=[settings.source.branch])
    )
    return [
        aws.codepipeline.PipelineTriggerArgs(
            provider_type=CONNECTION_PROVIDER,
            git_configuration=aws.codepipeline.PipelineTriggerGitConfigurationArgs(
                source_action_name=SOURCE_ACTION, pushes=[push]
            ),
        )
    ]


def _declared(stage: Stage) -> aws.codepipeline.PipelineStageArgs:
    return aws.codepipeline.PipelineStageArgs(
        name=stage.name,
        actions=[
            aws.codepipeline.PipelineStageActionArgs(
                name=action.name,
                category=action.category,
                owner="AWS",
                provider=action.provider,
                version="1",
                run_order=order,
                configuration=action.configuration,
                input_artifacts=list(action.inputs) or None,
                output_artifacts=list(action.outputs) or None,
                namespace=action.namespace,
                timeout_in_minutes=action.timeout_minutes,
            )
            for order, action in enumerate(stage.actions, start=1)
        ],
    )
