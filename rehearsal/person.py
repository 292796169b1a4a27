"""The approver of a manual pipeline: answers the waiting action, and writes the same answer into the registry."""

import threading
from types import TracebackType
from typing import Any, Self

from ml import contract
from rehearsal.cloud import Cloud
from rehearsal.codepipeline import Execution, PipelineExecutor
from rehearsal.pipeline_records import IN_PROGRESS

_LOOK_SECONDS = 0.2
_WHO = "the rehearsal's approver"


class Person:
    """Stands by from entering the context to leaving it, with a mind already made up."""

    def __init__(self, cloud: Cloud, pipelines: PipelineExecutor, *, approve: bool) -> None:
        self._cloud = cloud
        self._pipelines = pipelines
        self._status = contract.APPROVED if approve else contract.REJECTED
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._stand_by, name="person", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gone.set()
        self._thread.join()

    def _stand_by(self) -> None:
        answered: set[str] = set()
        while not self._gone.wait(_LOOK_SECONDS):
            for execution in self._pipelines.executions():
                for run in execution.actions:
                    if run.token and run.status == IN_PROGRESS and run.token not in answered:
                        answered.add(run.token)
                        self._answer(execution, run)

    def _answer(self, execution: Execution, run: Any) -> None:
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
            result={"status": self._status, "summary": words[:512]},
        )
