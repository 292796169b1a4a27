"""CodePipeline's API on what is known of executions: states, histories, approvals and job results."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.account.calls import AwsError, Caller, caller_arn
from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.answers import AnswerDesk, AnsweredError, UnknownQuestionError
from rehearsal.pipeline.pipeline_records import IN_PROGRESS, ActionRun, Execution
from rehearsal.pipeline.pipeline_variables import VARIABLES_NAMESPACE

_MODE = "SUPERSEDED"
_TYPE = "STANDARD"
_PAGE_SIZE = 100
_LONGEST_SUMMARY = 2048


def described(cloud: Cloud, name: str) -> dict[str, Any]:
    """Return GetPipeline's answer. Raises AwsError PipelineNotFoundException."""
    try:
        return dict(cloud.client("codepipeline").get_pipeline(name=name))
    except ClientError as error:
        raise as_aws_error(error) from error


class PipelineApi:
    """The operations that read executions or answer a waiting action."""

    def __init__(self, cloud: Cloud, desk: AnswerDesk, executions: Callable[[], Sequence[Execution]]) -> None:
        self._cloud = cloud
        self._desk = desk
        self._executions = executions

    def install(self) -> None:
        """Answer these operations in the cloud."""
        for name, handler in {
            "GetPipelineExecution": self._get_pipeline_execution,
            "GetPipelineState": self._get_pipeline_state,
            "ListActionExecutions": self._list_action_executions,
            "ListPipelineExecutions": self._list_pipeline_executions,
            "PutApprovalResult": self._put_approval_result,
            "PutJobFailureResult": self._put_job_result,
            "PutJobSuccessResult": self._put_job_result,
        }.items():
            self._cloud.operation("codepipeline", name, handler)

    def _of(self, pipeline: str) -> list[Execution]:
        """Return a pipeline's executions, newest first. Raises what CodePipeline raises for an unknown pipeline."""
        described(self._cloud, pipeline)
        return [execution for execution in reversed(self._executions()) if execution.pipeline == pipeline]

    # --- reading -----------------------------------------------------------------------------------------------------

    def _get_pipeline_execution(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        wanted = params["pipelineExecutionId"]
        execution = next((each for each in self._of(params["pipelineName"]) if each.id == wanted), None)
        if execution is None:
            raise AwsError("PipelineExecutionNotFoundException", f"There is no execution {wanted}")
        revisions = [
            {"name": revision.action, "revisionId": revision.id, "revisionSummary": revision.summary}
            for revision in execution.revisions
        ]
        return {
            "pipelineExecution": {
                "pipelineName": execution.pipeline,
                "pipelineVersion": execution.declaration["version"],
                "artifactRevisions": revisions,
                "variables": [
                    {"name": name, "resolvedValue": value}
                    for name, value in execution.variables[VARIABLES_NAMESPACE].items()
                ],
                **_common(execution),
            }
        }

    def _list_pipeline_executions(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        _refuse_others(params, "pipelineName", "maxResults", "nextToken")
        found = [_execution_summary(each) for each in self._of(params["pipelineName"])]
        return _page("pipelineExecutionSummaries", found, params)

    def _list_action_executions(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        asked = params.get("filter", {})
        # Without retries, the latest run of each action is all that there is.
        wanted = asked.get("latestInPipelineExecution", asked).get("pipelineExecutionId")
        found = [
            _action_detail(execution, run)
            for execution in self._of(params["pipelineName"])
            if wanted in (None, execution.id)
            for run in reversed(execution.actions)
        ]
        return _page("actionExecutionDetails", found, params)

    def _get_pipeline_state(self, params: Mapping[str, Any], _caller: Caller) -> dict[str, Any]:
        executions = self._of(params["name"])
        pipeline = described(self._cloud, params["name"])
        return {
            "pipelineName": params["name"],
            "pipelineVersion": pipeline["pipeline"]["version"],
            "stageStates": [_stage_state(stage, executions) for stage in pipeline["pipeline"]["stages"]],
            "created": pipeline["metadata"]["created"],
            "updated": pipeline["metadata"]["updated"],
        }

    # --- answering ---------------------------------------------------------------------------------------------------

    def _put_approval_result(self, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        executions = self._of(params["pipelineName"])
        stages = described(self._cloud, params["pipelineName"])["pipeline"]["stages"]
        stage = next((each for each in stages if each["name"] == params["stageName"]), None)
        if stage is None:
            raise AwsError("StageNotFoundException", f"There is no stage {params['stageName']}")
        if params["actionName"] not in [action["name"] for action in stage["actions"]]:
            raise AwsError("ActionNotFoundException", f"There is no action {params['actionName']}")
        place = params["stageName"], params["actionName"]
        runs = [run for each in executions for run in each.actions if (run.stage, run.name) == place]
        asked = next((run for run in runs if run.token == params["token"]), None)
        if asked is None:
            raise AwsError("InvalidApprovalTokenException", "The token is not that of an approval of this action")
        over = AwsError("ApprovalAlreadyCompletedException", "The approval has already ended")
        if asked.status != IN_PROGRESS:
            raise over
        try:
            by = caller_arn(self._cloud.account, caller)
            self._desk.answer(params["token"], {**params["result"], "by": by})
        except AnsweredError as error:
            raise over from error
        return {"approvedAt": datetime.now(UTC)}

    def _put_job_result(self, params: Mapping[str, Any], _caller: Caller) -> None:
        if "continuationToken" in params:
            raise NotImplementedError("a job that continues in a further invocation")
        try:
            self._desk.answer(params["jobId"], params)
        except UnknownQuestionError as error:
            raise AwsError("JobNotFoundException", f"There is no job {params['jobId']}") from error
        except AnsweredError as error:
            raise AwsError("InvalidJobStateException", f"Job {params['jobId']} has already ended") from error


def _refuse_others(params: Mapping[str, Any], *played: str) -> None:
    if unknown := params.keys() - set(played):
        raise NotImplementedError(f"reading with {', '.join(sorted(unknown))}")


def _page(key: str, found: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    first, size = int(params.get("nextToken", 0)), params.get("maxResults", _PAGE_SIZE)
    more = {"nextToken": str(first + size)} if first + size < len(found) else {}
    return {key: list(found[first : first + size]), **more}


# --- shapes ----------------------------------------------------------------------------------------------------------


def _common(execution: Execution) -> dict[str, Any]:
    return {
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        "statusSummary": execution.summary,
        "trigger": {"triggerType": execution.trigger.type, "triggerDetail": execution.trigger.detail},
        "executionMode": _MODE,
        "executionType": _TYPE,
    }


def _execution_summary(execution: Execution) -> dict[str, Any]:
    revisions = [
        {"actionName": revision.action, "revisionId": revision.id, "revisionSummary": revision.summary}
        for revision in execution.revisions
    ]
    return {
        "startTime": execution.started,
        "lastUpdateTime": execution.ended or datetime.now(UTC),
        "sourceRevisions": revisions,
        **_common(execution),
    }


def _action_detail(execution: Execution, run: ActionRun) -> dict[str, Any]:
    declaration = run.declaration
    result = {"externalExecutionId": run.external_id, "externalExecutionSummary": run.summary}
    return {
        "pipelineExecutionId": execution.id,
        "actionExecutionId": run.id,
        "pipelineVersion": execution.declaration["version"],
        "stageName": run.stage,
        "actionName": run.name,
        "startTime": run.started,
        "lastUpdateTime": run.ended or datetime.now(UTC),
        "updatedBy": run.updated_by,
        "status": run.status,
        "input": {
            "actionTypeId": declaration["actionTypeId"],
            "configuration": declaration["configuration"],
            "resolvedConfiguration": dict(run.configuration),
            "namespace": declaration.get("namespace", ""),
        },
        "output": {"executionResult": {**result, **_error(run)}, "outputVariables": dict(run.variables)},
    }


def _stage_state(stage: Mapping[str, Any], executions: Sequence[Execution]) -> dict[str, Any]:
    name = stage["name"]
    state: dict[str, Any] = {"stageName": name, "inboundTransitionState": {"enabled": True}}
    latest = next((each for each in executions if each.stage_status(name)), None)
    if latest is None:
        return {**state, "actionStates": [{"actionName": action["name"]} for action in stage["actions"]]}
    runs = {run.name: run for run in latest.actions if run.stage == name}
    return {
        **state,
        "actionStates": [_action_state(action["name"], runs.get(action["name"])) for action in stage["actions"]],
        "latestExecution": {"pipelineExecutionId": latest.id, "status": latest.stage_status(name), "type": _TYPE},
    }


def _action_state(name: str, run: ActionRun | None) -> dict[str, Any]:
    if run is None:
        return {"actionName": name}
    latest = {
        "actionExecutionId": run.id,
        "status": run.status,
        "summary": run.summary[:_LONGEST_SUMMARY],
        "lastStatusChange": run.ended or run.started,
        "externalExecutionId": run.external_id,
        "lastUpdatedBy": run.updated_by,
        **_error(run),
    }
    if run.token and run.status == IN_PROGRESS:
        latest["token"] = run.token
    return {"actionName": name, "latestExecution": {key: value for key, value in latest.items() if value != ""}}


def _error(run: ActionRun) -> dict[str, Any]:
    return {"errorDetails": {"code": run.error_code, "message": run.message}} if run.error_code else {}
