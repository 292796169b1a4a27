"""Approval: what calls the function, what it ships with, and what becomes of events that it cannot handle."""

import ast
import copy
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from components.approval import CODE_FILES, HANDLER
from ml import contract
from tests.harness import ACCOUNT, REGION, ROOT, Recorded

Record = Callable[..., Recorded]
EVENTS = ROOT / "tests/fixtures/events"
PENDING = json.loads((EVENTS / "model-package-pending.json").read_text())
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mle-004-auto-approve-dead-letters"
RULE_ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/mle-004-model-registry-rule"
# The runtime brings these; everything else must be in the archive.
PROVIDED = {"boto3", "botocore", *sys.stdlib_module_names}


def calls(run: Recorded, event: dict[str, Any]) -> bool:
    pattern = run.one("EventRule", "approval").inputs["eventPattern"]
    return bool(EventPattern(pattern, json.loads(pattern)).matches_event(event))


def changed(**detail: str) -> dict[str, Any]:
    event = copy.deepcopy(PENDING)
    event["detail"].update(detail)
    return event


def test_the_pattern_is_the_briefs(recorded: Record) -> None:
    assert json.loads(recorded().one("EventRule", "approval").inputs["eventPattern"]) == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": ["ChurnPredictionModels"],
            "ModelApprovalStatus": ["PendingManualApproval"],
        },
    }


@pytest.mark.parametrize("status", ["Pending", "InProgress", "Completed"])
def test_an_undecided_version_calls_the_function_in_whatever_state_it_is(status: str, recorded: Record) -> None:
    assert calls(recorded(), changed(ModelPackageStatus=status))


@pytest.mark.parametrize(
    "event",
    [
        changed(ModelApprovalStatus="Approved"),
        changed(ModelApprovalStatus="Rejected"),
        changed(ModelPackageGroupName="ChurnPredictionModels-prod"),
        {**PENDING, "source": "my.sagemaker"},
        {**PENDING, "detail-type": "SageMaker Model State Change"},
    ],
    ids=["approved", "rejected", "other-group", "other-source", "other-type"],
)
def test_its_neighbours_do_not(event: dict[str, Any], recorded: Record) -> None:
    assert not calls(recorded(), event)


def test_the_function_runs_on_a_current_runtime_with_limits_of_its_own(recorded: Record) -> None:
    function = recorded().one("Function").inputs
    assert function["name"] == "mle-004-auto-approve-model"
    assert function["runtime"] == contract.LAMBDA_RUNTIME
    assert function["role"] == f"arn:aws:iam::{ACCOUNT}:role/Lambda-AutoApprove-Role"
    assert (function["timeout"], function["memorySize"]) == (60, 256)
    assert function["loggingConfig"]["logGroup"] == "/aws/lambda/mle-004-auto-approve-model"


def test_the_function_is_told_its_group_and_limits(recorded: Record) -> None:
    run = recorded("dev", {"thresholds": {"accuracy": "0.9", "log_loss": 0.4}})
    told = run.one("Function").inputs["environment"]["variables"]
    assert set(told) == {contract.MODEL_PACKAGE_GROUP, contract.THRESHOLDS}
    assert told[contract.MODEL_PACKAGE_GROUP] == "ChurnPredictionModels"
    assert json.loads(told[contract.THRESHOLDS]) == {"accuracy": 0.9, "log_loss": 0.4}


def test_the_archive_holds_the_listed_files_at_their_places(recorded: Record) -> None:
    assets = recorded().one("Function").inputs["code"]["assets"]
    assert set(assets) == set(CODE_FILES)
    assert {name: asset["path"] for name, asset in assets.items()} == {name: str(ROOT / name) for name in CODE_FILES}


@pytest.mark.parametrize("name", CODE_FILES)
def test_a_shipped_file_exists_and_imports_only_what_the_function_has(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    shipped = {file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in CODE_FILES}
    # What only a type checker reads is not imported when the function runs.
    typing_only = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]
    skipped = {id(inner) for node in typing_only for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found = {f"ml.{alias.name}" for alias in node.names} if node.module == "ml" else {str(node.module)}
        else:
            continue
        assert all(module in shipped or module.split(".")[0] in PROVIDED for module in found), found


def test_the_handler_is_a_function_in_the_archive() -> None:
    module, _, function = HANDLER.rpartition(".")
    path = f"{module.replace('.', '/')}.py"
    assert path in CODE_FILES
    defined = [node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    assert function in defined


def test_only_the_registry_rule_may_call_the_function_beside_the_pipelines_role(recorded: Record) -> None:
    permission = recorded().one("Permission").inputs
    assert permission["principal"] == "events.amazonaws.com"
    assert permission["action"] == "lambda:InvokeFunction"
    assert permission["sourceArn"] == RULE_ARN
    assert permission["sourceAccount"] == ACCOUNT


def test_an_event_is_tried_again_and_then_kept(recorded: Record) -> None:
    run = recorded()
    target = run.one("EventTarget", "approval").inputs
    assert target["deadLetterConfig"] == {"arn": QUEUE_ARN}
    assert target["retryPolicy"] == {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 3600}
    assert run.one("Function").inputs["deadLetterConfig"] == {"targetArn": QUEUE_ARN}
    retries = run.one("FunctionEventInvokeConfig").inputs
    assert (retries["maximumRetryAttempts"], retries["maximumEventAgeInSeconds"]) == (2, 3600)


def test_the_rule_reaches_the_function_only_once_it_may(recorded: Record) -> None:
    run = recorded()
    assert run.one("Permission").urn in run.one("EventTarget", "approval").depends_on


def test_the_function_is_made_only_once_its_role_can_work(recorded: Record) -> None:
    run = recorded()
    grants = {one.urn for one in run.of("RolePolicyAttachment") if "roles-approval-" in one.name}
    assert len(grants) == 2
    assert grants <= run.one("Function").depends_on


def test_failed_events_wait_encrypted_and_only_the_rule_may_add_to_them(recorded: Record) -> None:
    run = recorded()
    assert run.one("Queue").inputs["sqsManagedSseEnabled"] is True
    assert run.one("Queue").inputs["messageRetentionSeconds"] == 14 * 24 * 3600
    rule, tls = json.loads(run.one("QueuePolicy").inputs["policy"])["Statement"]
    assert rule["Principal"] == {"Service": "events.amazonaws.com"}
    assert (rule["Action"], rule["Resource"]) == (["sqs:SendMessage"], [QUEUE_ARN])
    assert rule["Condition"]["ArnEquals"] == {"aws:SourceArn": RULE_ARN}
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize("kind", ["Function", "FunctionEventInvokeConfig", "Permission", "Queue", "QueuePolicy"])
def test_where_a_person_decides_there_is_no_function(kind: str, recorded: Record) -> None:
    run = recorded("prod")
    assert run.of(kind) == []
    assert [one.name for one in run.of("EventRule")] == ["source-push"]


def test_the_sample_job_carries_what_the_pipeline_sends(recorded: Record) -> None:
    job = json.loads((EVENTS / "codepipeline-job.json").read_text())["CodePipeline.job"]["data"]
    (stage,) = [one for one in recorded().one("Pipeline").inputs["stages"] if one["name"] == "AutoApproval"]
    sent = stage["actions"][0]["configuration"]
    configuration = job["actionConfiguration"]["configuration"]
    assert configuration["FunctionName"] == sent["FunctionName"]
    assert json.loads(configuration["UserParameters"]).keys() == json.loads(sent["UserParameters"]).keys()
