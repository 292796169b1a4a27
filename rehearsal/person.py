"""The approver of a manual pipeline: answers the waiting action, and writes the same answer into the registry."""

from ml import contract
from rehearsal.account.cloud import Cloud
from rehearsal.background import Background
from rehearsal.pipeline.codepipeline import ActionRun, Execution, PipelineExecutor
from rehearsal.pipeline.pipeline_records import IN_PROGRESS

_WHO = "the rehearsal's approver"
_LONGEST_SUMMARY = 512  # of an approval's result (CodePipeline API)


class Person(Background):
    """Looks for actions that wait for a person, with a mind already made up."""

    pause_seconds = 0.2

    def __init__(self, cloud: Cloud, pipelines: PipelineExecutor, *, approve: bool) -> None:
        super().__init__()
        self._cloud = cloud
        self._pipelines = pipelines
        self._status = contract.APPROVED if approve else contract.REJECTED
        self._answered: set[str] = set()

    def turn(self) -> None:
        """Answer every action that waits."""
        for execution in self._pipelines.executions():
            for run in execution.actions:
                if run.token and run.status == IN_PROGRESS and run.token not in self._answered:
                    self._answered.add(run.token)
                    self._answer(execution, run)

    def _answer(self, execution: Execution, run: ActionRun) -> None:
        variables = execution.variables["BuildVariables"]
        words = f"{self._status} by {_WHO}: {variables[contract.MODEL_SUMMARY]}"
        # The registry first: Deploy reads it as soon as the action is answered.
        self._cloud.client("sagemaker").update_model_package(
            ModelPackageArn=variables[contract.MODEL_PACKAGE_ARN],
            ModelApprovalStatus=self._status,
            ApprovalDescription=words,
        )
        self._cloud.client("codepipeline").put_approval_result(
            pipelineName=execution.pipeline,
            stageName=run.stage,
            actionName=run.name,
            token=run.token,
            result={"status": self._status, "summary": words[:_LONGEST_SUMMARY]},
        )
