"""A manual approval: a mail goes out, and the action waits until somebody answers with its token.

Source: CodePipeline user guide, "Manage approval actions" and "JSON data format for manual approval notifications". How
a result reads (a comment verbatim, else who answered) is seen in events of a real account (see pipeline_events.py);
what AWS writes after a timeout is not verified against AWS: here nobody is named and the code is JobFailed.
"""

import json
from datetime import UTC, datetime, timedelta

from rehearsal.pipeline.pipeline_action import Action, Outcome
from rehearsal.pipeline.pipeline_records import ActionError

APPROVAL = "Manual"
"""Action provider of a manual approval."""

APPROVED = "Approved"
_LONGEST_SUBJECT = 99  # SNS API reference, Publish


def wait_for_approval(action: Action) -> Outcome:
    """Manual: wait until somebody approves or rejects with the action's token."""
    desk, limits, run = action.around.desk, action.around.limits, action.run
    minutes = run.declaration.get("timeoutInMinutes", limits.approval_minutes)
    if topic := run.configuration.get("NotificationArn"):
        action.client("sns").publish(TopicArn=topic, **_mail(action, minutes))
    with action.around.changed:
        run.asked = True
        action.around.changed.notify_all()
    action.note(f"waits for a person: {run.configuration.get('CustomData', 'no comment')}")
    result = desk.wait(run.token, minutes * limits.minute_seconds)
    if result is None:
        raise ActionError("JobFailed", f"Nobody approved or rejected within {minutes} minutes.")
    run.updated_by = result["by"]
    comment = result["summary"] or f"{result['status']} by {result['by']}"
    if result["status"] != APPROVED:
        raise ActionError("JobFailed", comment)
    return Outcome(variables={}, artifacts={}, message=comment)


def _mail(action: Action, minutes: int) -> dict[str, str]:
    region, pipeline, run = action.around.cloud.region, action.execution.pipeline, action.run
    console = f"https://console.aws.amazon.com/codepipeline/home?region={region}#/view/{pipeline}"
    approval = {
        "pipelineName": pipeline,
        "stageName": run.stage,
        "actionName": run.name,
        "token": run.token,
        "expires": (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%MZ"),
        "externalEntityLink": run.configuration.get("ExternalEntityLink"),
        "approvalReviewLink": f"{console}/{run.stage}/{run.name}/approve/{run.token}",
        "customData": run.configuration.get("CustomData"),
    }
    subject = f"APPROVAL NEEDED: AWS CodePipeline {pipeline} for action {run.name}"
    return {
        "Subject": subject[:_LONGEST_SUBJECT],
        "Message": json.dumps({"region": region, "consoleLink": console, "approval": approval}),
    }
