"""Functions: what they run, with which limits, who calls them, and what becomes of events that they cannot follow."""

import ast
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from components import approval, approval_bridge
from ml import runtimes
from tests.harness import ACCOUNT, REGION, ROOT, Recorded, Registered

Record = Callable[..., Recorded]
# The runtime brings these; everything else must be in the archive.
PROVIDED = {"boto3", "botocore", *sys.stdlib_module_names}


@dataclass(frozen=True)
class Case:
    """One function of the program."""

    key: str
    name: str
    role: str
    rules: dict[str, str]
    files: tuple[str, ...]
    handler: str

    @property
    def queue_arn(self) -> str:
        queue = {"approval": "mle-004-auto-approve", "bridge": "mle-004-approval-bridge"}[self.key]
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}-dead-letters"

    def rule_arns(self) -> set[str]:
        return {f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}" for rule in self.rules.values()}


CASES = [
    Case(
        key="approval",
        name="mle-004-auto-approve-model",
        role="Lambda-AutoApprove-Role",
        rules={"registered": "mle-004-model-registry-rule"},
        files=approval.CODE_FILES,
        handler=approval.HANDLER,
    ),
    Case(
        key="bridge",
        name="mle-004-approval-bridge",
        role="Lambda-ApprovalBridge-Role",
        rules={
            "decided": "mle-004-registry-decision-rule",
            "asked": "mle-004-approval-state-rule",
            "age": "mle-004-approval-age-rule",
        },
        files=approval_bridge.CODE_FILES,
        handler=approval_bridge.HANDLER,
    ),
]
SHIPPED = [(case, name) for case in CASES for name in case.files]
each_function = pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)


@pytest.fixture
def run(recorded: Record) -> Recorded:
    return recorded("dev", {"approval": {"mode": "both"}})


def of(run: Recorded, kind: str, case: Case) -> list[Registered]:
    return [one for one in run.of(kind) if one.name.startswith(f"{case.key}-")]


def only(run: Recorded, kind: str, case: Case) -> Registered:
    (found,) = of(run, kind, case)
    return found


def test_these_are_all_functions(run: Recorded) -> None:
    assert {one.inputs["name"] for one in run.of("Function")} == {case.name for case in CASES}


@each_function
def test_it_runs_on_a_current_runtime_with_limits_of_its_own(case: Case, run: Recorded) -> None:
    inputs = only(run, "Function", case).inputs
    assert (inputs["name"], inputs["runtime"]) == (case.name, runtimes.LAMBDA_RUNTIME)
    assert inputs["role"] == f"arn:aws:iam::{ACCOUNT}:role/{case.role}"
    assert (inputs["timeout"], inputs["memorySize"], inputs["architectures"]) == (60, 256, ["arm64"])


@each_function
def test_it_is_traced_and_its_environment_is_encrypted_with_the_stacks_key(case: Case, run: Recorded) -> None:
    inputs = only(run, "Function", case).inputs
    assert inputs["tracingConfig"] == {"mode": "Active"}
    assert inputs["kmsKeyArn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"


@each_function
def test_it_logs_where_retention_and_key_are_the_stacks(case: Case, run: Recorded) -> None:
    log = only(run, "LogGroup", case).inputs
    assert log["name"] == f"/aws/lambda/{case.name}"
    assert (log["retentionInDays"], log["kmsKeyId"]) == (365, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key")
    assert only(run, "Function", case).inputs["loggingConfig"]["logGroup"] == log["name"]


@each_function
def test_it_is_made_only_once_its_role_can_work(case: Case, run: Recorded) -> None:
    grants = {one.urn for one in run.of("RolePolicyAttachment") if f"roles-{case.key}-" in one.name}
    assert len(grants) == 2
    assert grants <= only(run, "Function", case).depends_on


# --- what it ships with


@each_function
def test_the_archive_holds_the_listed_files_at_their_places(case: Case, run: Recorded) -> None:
    assets = only(run, "Function", case).inputs["code"]["assets"]
    assert {name: asset["path"] for name, asset in assets.items()} == {name: str(ROOT / name) for name in case.files}
    assert only(run, "Function", case).inputs["handler"] == case.handler


@pytest.mark.parametrize(("case", "name"), SHIPPED, ids=[f"{case.key}-{name}" for case, name in SHIPPED])
def test_a_shipped_file_exists_and_imports_only_what_the_function_has(case: Case, name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    shipped = {file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in case.files}
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


@each_function
def test_the_handler_is_a_function_in_the_archive(case: Case) -> None:
    module, _, function = case.handler.rpartition(".")
    path = f"{module.replace('.', '/')}.py"
    assert path in case.files
    defined = [node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
    assert function in defined


# --- who calls it, and what is kept


@each_function
def test_its_rules_and_nobody_else_may_call_it_beside_the_pipelines_role(case: Case, run: Recorded) -> None:
    permissions = [one.inputs for one in of(run, "Permission", case)]
    assert {one["sourceArn"] for one in permissions} == case.rule_arns()
    assert len({one["statementId"] for one in permissions}) == len(case.rules)
    for one in permissions:
        assert (one["principal"], one["action"]) == ("events.amazonaws.com", "lambda:InvokeFunction")
        assert (one["sourceAccount"], one["function"]) == (ACCOUNT, case.name)


@each_function
def test_each_rule_reaches_it_once_it_may_and_keeps_what_it_cannot_deliver(case: Case, run: Recorded) -> None:
    for key, rule in case.rules.items():
        target = run.one("EventTarget", f"{case.key}-{key}-")
        assert target.inputs["rule"] == rule
        assert target.inputs["arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{case.name}"
        assert target.inputs["deadLetterConfig"] == {"arn": case.queue_arn}
        assert target.inputs["retryPolicy"] == {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 3600}
        assert run.one("Permission", f"{case.key}-{key}-").urn in target.depends_on


@each_function
def test_a_failed_invocation_is_tried_again_and_then_kept(case: Case, run: Recorded) -> None:
    assert only(run, "Function", case).inputs["deadLetterConfig"] == {"targetArn": case.queue_arn}
    retries = only(run, "FunctionEventInvokeConfig", case).inputs
    assert (retries["maximumRetryAttempts"], retries["maximumEventAgeInSeconds"]) == (2, 3600)


@each_function
def test_failed_events_wait_encrypted_and_only_its_rules_may_add_to_them(case: Case, run: Recorded) -> None:
    queue = only(run, "Queue", case).inputs
    assert (queue["sqsManagedSseEnabled"], queue["messageRetentionSeconds"]) == (True, 14 * 24 * 3600)
    rules, tls = json.loads(only(run, "QueuePolicy", case).inputs["policy"])["Statement"]
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert (rules["Action"], rules["Resource"]) == (["sqs:SendMessage"], [case.queue_arn])
    assert set(rules["Condition"]["ArnEquals"]["aws:SourceArn"]) == case.rule_arns()
    assert rules["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert (tls["Effect"], tls["Action"], tls["Principal"]) == ("Deny", ["sqs:*"], "*")
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@each_function
def test_its_role_may_log_trace_and_fill_its_own_queue(case: Case, run: Recorded) -> None:
    grants = {one["Sid"]: one for one in run.statements(case.role)}
    assert grants["WriteFunctionLog"]["Resource"] == [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{case.name}:*"
    ]
    assert grants["KeepFailedEvents"]["Resource"] == [case.queue_arn]
    assert set(grants["TraceCalls"]["Action"]) == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert grants["UseKeyThroughLambda"]["Action"] == ["kms:Decrypt"]
