"""What each action provider does, with the pipeline role's credentials, as CodePipeline's action reference has it."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from rehearsal.account.cloud import SESSION_SECONDS
from rehearsal.pipeline.artifacts import BuildInputs, S3Object
from rehearsal.pipeline.pipeline_action import Action, Outcome, Surroundings
from rehearsal.pipeline.pipeline_approval import APPROVAL, wait_for_approval
from rehearsal.pipeline.pipeline_records import ActionError
from rehearsal.pipeline.pipeline_sources import take_commit, take_connected_commit
from rehearsal.pipeline.pipeline_triggers import CONNECTION

_POLL_SECONDS = 2.0


def run_build(action: Action) -> Outcome:
    """CodeBuild: start a build on the input artifacts and follow it to its end."""
    configuration, inputs, outputs = action.run.configuration, action.inputs, action.outputs()
    token = str(uuid.uuid4())
    handed_over = BuildInputs(
        primary=configuration.get("PrimarySource") or next(iter(inputs)),
        inputs=inputs,
        outputs=outputs,
        source_version=action.execution.commit,
        initiator=f"codepipeline/{action.execution.pipeline}",
    )
    action.around.builds.hand_over(token, handed_over)
    client = action.client("codebuild")
    started = client.start_build(
        projectName=configuration["ProjectName"],
        idempotencyToken=token,
        environmentVariablesOverride=json.loads(configuration.get("EnvironmentVariables", "[]")),
    )["build"]
    action.run.external_id = started["id"]
    action.note(f"build {started['id']} started")
    build = _follow(client, started["id"], action.around)
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionError("JobFailed", _build_failure(build), f"Build terminated with state: {build['buildStatus']}")
    exported = build.get("exportedEnvironmentVariables", [])
    variables = {variable["name"]: variable["value"] for variable in exported}
    return Outcome(variables=variables, artifacts=outputs, message=f"build {build['id']} succeeded")


def _follow(client: Any, build_id: str, around: Surroundings) -> dict[str, Any]:
    limits = around.limits
    deadline = time.monotonic() + limits.build_minutes * limits.minute_seconds
    while time.monotonic() < deadline:
        build: dict[str, Any] = client.batch_get_builds(ids=[build_id])["builds"][0]
        if build["buildStatus"] != "IN_PROGRESS":
            return build
        # Asked when there is something to hear: an answer costs the build's own calls their turn.
        around.builds.wait(build_id, max(0.0, min(_POLL_SECONDS, deadline - time.monotonic())))
    raise ActionError("JobFailed", f"build {build_id} is still running after {limits.build_minutes} minutes")


def _build_failure(build: Mapping[str, Any]) -> str:
    reasons = [
        f"Phase: {phase['phaseType']}, Code: {context.get('statusCode', '')}, Message: {context['message']}"
        for phase in build.get("phases", [])
        for context in phase.get("contexts", [])
        if context.get("message")
    ]
    return " ".join([f"Build terminated with state: {build['buildStatus']}.", *reasons])


def invoke_function(action: Action) -> Outcome:
    """Lambda: hand the function a job, and wait until somebody reports the job's result."""
    desk, limits = action.around.desk, action.around.limits
    job_id, outputs = desk.ask(), action.outputs()
    action.run.external_id = job_id
    name = action.run.configuration["FunctionName"]
    action.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(_job_event(action, job_id, outputs)).encode()
    )
    action.note(f"{name} has job {job_id}")
    result = desk.wait(job_id, limits.job_minutes * limits.minute_seconds)
    if result is None:
        raise ActionError(
            "JobFailed",
            f"The Lambda function {name} failed to return a result within {limits.job_minutes} minutes.",
        )
    if failure := result.get("failureDetails"):
        raise ActionError(failure["type"], failure["message"])
    summary = result.get("executionDetails", {}).get("summary", f"{name} reported success")
    return Outcome(variables=result.get("outputVariables", {}), artifacts=outputs, message=summary)


def _job_event(action: Action, job_id: str, outputs: Mapping[str, S3Object]) -> dict[str, Any]:
    held = action.credentials
    expires = datetime.now(UTC) + timedelta(seconds=SESSION_SECONDS)
    key = action.execution.declaration["artifactStore"].get("encryptionKey")
    data = {
        "actionConfiguration": {"configuration": dict(action.run.configuration)},
        "inputArtifacts": [_artifact(name, place, action.execution.commit) for name, place in action.inputs.items()],
        "outputArtifacts": [_artifact(name, place, None) for name, place in outputs.items()],
        "artifactCredentials": {
            "accessKeyId": held.access_key_id,
            "secretAccessKey": held.secret_access_key,
            "sessionToken": held.session_token,
            "expirationTime": int(expires.timestamp() * 1000),
        },
        **({"encryptionKey": key} if key else {}),
    }
    return {"CodePipeline.job": {"id": job_id, "accountId": action.around.cloud.account, "data": data}}


def _artifact(name: str, place: S3Object, revision: str | None) -> dict[str, Any]:
    location = {"type": "S3", "s3Location": {"bucketName": place.bucket, "objectKey": place.key}}
    return {"name": name, "revision": revision, "location": location}


Perform: TypeAlias = Callable[[Action], Outcome]

ACTIONS: Mapping[str, Perform] = {
    "CodeCommit": take_commit,
    CONNECTION: take_connected_commit,
    "CodeBuild": run_build,
    "Lambda": invoke_function,
    APPROVAL: wait_for_approval,
}
"""By action provider. What the provider takes is in pipeline_declaration.PROVIDERS."""
