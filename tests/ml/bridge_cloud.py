"""The pipeline and the registry as the bridge function sees them; every request is checked and recorded."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import lambda_approval_bridge, registry

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/3"
PIPELINE = "mle-004-model-registry-pipeline"
EXECUTION = "31c2dcbd-2a1d-42b0-9f37-5bf8cb693b28"
ACTION = "0a9fd1c4-0000-4111-8222-333344445555"
TOKEN = "7c24df87-e753-4d28-bb04-d48acd0e6cb3"
JOB_ID = "0123abcd-1111-2222-3333-0123456789ab"
ADA = "arn:aws:sts::123456789012:assumed-role/approvers/ada"
STARTED_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a-credential-of-the-job"
CONTEXT = SimpleNamespace(invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:mle-004-approval-bridge")


def registry_event(arn: object = ARN, status: str = "Approved", **changes: Any) -> dict[str, Any]:
    """A decision's event; nothing that it claims beside the ARN matters."""
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "detail": {"ModelPackageArn": arn, "ModelApprovalStatus": status, "ModelPackageGroupName": "anything"},
    } | changes


def approval_event(state: str = "STARTED", **changes: Any) -> dict[str, Any]:
    """An approval's event, with the fields of events that others published; `changes` are of its detail."""
    detail = {
        "pipeline": PIPELINE,
        "execution-id": EXECUTION,
        "stage": "Approval",
        "action": "ManualApproval",
        "action-execution-id": ACTION,
        "state": state,
        "type": {"owner": "AWS", "provider": "Manual", "category": "Approval", "version": "1"},
        "version": 2.0,
    }
    return {
        "source": "aws.codepipeline",
        "detail-type": "CodePipeline Action Execution State Change",
        "detail": detail | changes,
    }


def schedule() -> dict[str, Any]:
    """The clock's event."""
    return {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def job(parameters: object = None) -> dict[str, Any]:
    """A job event as CodePipeline sends it, credentials included."""
    text = json.dumps({"modelPackageArn": ARN}) if parameters is None else parameters
    data = {
        "actionConfiguration": {"configuration": {"FunctionName": "f", "UserParameters": text}},
        "artifactCredentials": {"accessKeyId": SECRET, "secretAccessKey": SECRET, "sessionToken": SECRET},
    }
    return {"CodePipeline.job": {"id": JOB_ID, "accountId": "123456789012", "data": data}}


def action(stage: str, name: str, **changes: Any) -> dict[str, Any]:
    """One entry of ListActionExecutions."""
    return {
        "pipelineExecutionId": EXECUTION,
        "actionExecutionId": ACTION,
        "stageName": stage,
        "actionName": name,
        "startTime": STARTED_AT,
        "lastUpdateTime": STARTED_AT + timedelta(minutes=3),
        "status": "Succeeded",
    } | changes


def approval(status: str, *, summary: str = "", by: str = ADA, code: str = "", **changes: Any) -> dict[str, Any]:
    """The entry of an approval. Its result is what CodePipeline puts there."""
    result: dict[str, Any] = {"externalExecutionId": TOKEN, "externalExecutionSummary": summary}
    if code:
        result["errorDetails"] = {"code": code, "message": summary}
    named = {"updatedBy": by} if by else {}
    return action("Approval", "ManualApproval", status=status, output={"executionResult": result}, **named, **changes)


class Cloud:
    """One pipeline whose execution carries one version. `views` are what its listing shows, one after the other."""

    def __init__(self, check: Any) -> None:
        self.check = check
        self.package: dict[str, Any] = {
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "PendingManualApproval",
        }
        self.carried = ARN
        self.built = STARTED_AT - timedelta(minutes=5)
        self.more: list[dict[str, Any]] = []
        self.views: list[list[dict[str, Any]]] = [[]]
        self.states: list[dict[str, Any]] = [{}]
        self.faults: dict[str, list[Exception]] = {}
        self.updates: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.results: list[tuple[str, dict[str, Any]]] = []

    # --- how things stand

    def waits(self, since: datetime = STARTED_AT) -> None:
        """An approval waits for a person."""
        self.views = [[approval("InProgress", by="", startTime=since)]]
        self.states = [{"status": "InProgress", "token": TOKEN, "lastStatusChange": since}]

    def ended(self, *approvals: dict[str, Any]) -> None:
        """The approvals have ended, the latest first."""
        self.views = [list(approvals)]
        self.states = [{"status": approvals[0]["status"], "lastStatusChange": STARTED_AT}]

    def decided(self, status: str, reason: str = "by Ann", **more: Any) -> None:
        """The registry has decided."""
        self.package |= {"ModelApprovalStatus": status, "ApprovalDescription": reason} | more

    def fault(self, operation: str) -> None:
        if self.faults.get(operation):
            raise self.faults[operation].pop(0)

    # --- SageMaker

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        self.fault("describe_model_package")
        assert ModelPackageName.lower() == ARN.lower()
        return dict(self.package)

    def update_model_package(self, **parameters: Any) -> None:
        self.fault("update_model_package")
        self.check("sagemaker", "UpdateModelPackage", parameters)
        self.updates.append(parameters)
        self.package |= {key: parameters[key] for key in ("ModelApprovalStatus", "ApprovalDescription")}

    # --- CodePipeline

    def get_pipeline_state(self, *, name: str) -> dict[str, Any]:
        self.fault("get_pipeline_state")
        assert name == PIPELINE
        latest = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        seen = {"latestExecution": {"pipelineExecutionId": EXECUTION, "status": "InProgress"}} if latest else {}
        states = [
            {"actionName": "AutoApproval", "latestExecution": {"status": "InProgress", "token": "another"}},
            {"actionName": "ManualApproval", **({"latestExecution": latest} if latest else {})},
        ]
        return {"stageStates": [{"stageName": "Source"}, {"stageName": "Approval", "actionStates": states, **seen}]}

    def list_action_executions(self, **parameters: Any) -> dict[str, Any]:
        """Answer in pages of two, in no useful order."""
        self.fault("list_action_executions")
        self.check("codepipeline", "ListActionExecutions", parameters)
        assert (parameters["pipelineName"], parameters["filter"]) == (PIPELINE, {"pipelineExecutionId": EXECUTION})
        exported = {"outputVariables": {"MODEL_PACKAGE_ARN": self.carried}}
        built = [action("Build", "TrainModel", startTime=self.built, output=exported)] if self.carried else []
        found = [action("Source", "Source", startTime=self.built), *built, *self.more, *reversed(self.views[0])]
        first = int(parameters.get("nextToken", 0))
        more = {"nextToken": str(first + 2)} if first + 2 < len(found) else {}
        if not more and len(self.views) > 1:
            self.views.pop(0)
        return {"actionExecutionDetails": found[first : first + 2], **more}

    def put_approval_result(self, **parameters: Any) -> None:
        self.fault("put_approval_result")
        self.check("codepipeline", "PutApprovalResult", parameters)
        if parameters["token"] != TOKEN or self.states[0].get("status") != "InProgress":
            raise ClientError({"Error": {"Code": "InvalidApprovalTokenException"}}, "PutApprovalResult")
        self.answers.append(parameters)
        approved = parameters["result"]["status"] == "Approved"
        bridge = "arn:aws:sts::123456789012:assumed-role/Lambda-ApprovalBridge-Role/mle-004-approval-bridge"
        status, code = ("Succeeded", "") if approved else ("Failed", "JobFailed")
        self.ended(approval(status, summary=parameters["result"]["summary"], by=bridge, code=code))

    def put_job_success_result(self, **parameters: Any) -> None:
        self.fault("put_job_success_result")
        self.check("codepipeline", "PutJobSuccessResult", parameters)
        self.results.append(("success", parameters))

    def put_job_failure_result(self, **parameters: Any) -> None:
        self.fault("put_job_failure_result")
        self.check("codepipeline", "PutJobFailureResult", parameters)
        self.results.append(("failure", parameters))

    # --- what was done

    @property
    def status(self) -> str:
        """The version's status."""
        return str(self.package["ModelApprovalStatus"])

    def message(self) -> str:
        """The text of the job's only result, which must be a failure."""
        ((kind, parameters),) = self.results
        assert kind == "failure" and parameters["jobId"] == JOB_ID
        return str(parameters["failureDetails"]["message"])

    def untouched(self) -> bool:
        """Whether neither side was written."""
        return (self.updates, self.answers) == ([], [])


def serve(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Let the function meet `cloud`, in its environment and without any waiting."""
    monkeypatch.setattr(lambda_approval_bridge, "client", lambda service: cloud)
    monkeypatch.setattr(registry, "growing_pauses", lambda seconds: [0, 1, seconds])
    monkeypatch.setenv("MODEL_PACKAGE_GROUP", "ChurnPredictionModels")
    monkeypatch.setenv("PIPELINE_NAME", PIPELINE)
    monkeypatch.setenv("APPROVAL_TIMEOUT_MINUTES", "10080")
    return cloud
