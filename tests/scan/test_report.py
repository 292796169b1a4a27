"""Every scanner on every stack: nothing is open, no waiver is idle, and no tool looked at nothing."""

import datetime
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from components.roles import ROLES
from tests.harness import ROOT, Recorded
from tests.policy.breaks import add_statement, put
from tests.policy.engine import without
from tests.scan import scanners
from tests.scan.brief import brief
from tests.scan.finding import ScanError
from tests.scan.graph import Stack, documents, planned
from tests.scan.plan import ASSET_MARK, BLOCKS, MAPS, SINGLE_BLOCKS, TYPES
from tests.scan.report import BASELINE, STACKS, Report, scan_everything, stacks

Record = Callable[..., Recorded]

MOST_SECONDS = 120
"""For all scanners together, the recording of the stacks included; about 25 where nothing else runs."""

WITHOUT_RULES = {
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_metric_filter",
    "aws_codecommit_approval_rule_template",
    "aws_codecommit_approval_rule_template_association",
    "aws_kms_alias",
    "aws_lambda_function_event_invoke_config",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_sagemaker_endpoint",
    "aws_sagemaker_model_package_group",
    "aws_sns_topic_subscription",
}
"""Types on which checkov reports nothing; those of a bucket's parts it reports on the bucket."""


@pytest.fixture(scope="module")
def report(recorded: Record) -> Report:
    return scan_everything(datetime.datetime.now(tz=datetime.UTC).date(), recorded=recorded)


@pytest.fixture(scope="module")
def ours(recorded: Record) -> list[Stack]:
    return [one for one in stacks(recorded) if one.name != BASELINE]


def test_no_finding_is_open(report: Report) -> None:
    assert list(report.open) == []


def test_every_waiver_is_needed(report: Report) -> None:
    assert list(report.unused) == []
    assert report.succeeded


def test_every_tool_looked_at_every_stack(report: Report) -> None:
    passed = {(row.tool, row.stack): row.passed for row in report.rows}
    assert set(passed) == {
        (tool, stack) for tool in ("checkov", "parliament", "policy") for stack in [*STACKS, BASELINE]
    }
    assert min(passed[tool, stack] for tool, stack in passed if stack != BASELINE) > 15


def test_the_briefs_own_stack_fails_where_ours_holds(report: Report) -> None:
    failed = {row.tool: row.failed for row in report.rows if row.stack == BASELINE}
    assert failed["checkov"] >= 30
    assert failed["parliament"] >= 15
    assert failed["policy"] >= 50
    assert {row.failed for row in report.rows if row.stack != BASELINE} == {0}
    assert {row.waived for row in report.rows if row.stack == BASELINE} == {0}


def test_what_the_deploy_step_makes_is_scanned_too(report: Report) -> None:
    assert {"aws_sagemaker_model.deployed", "aws_sagemaker_endpoint_configuration.deployed"} <= report.looked_at[
        "checkov"
    ]
    waived = {(one.id, one.resource) for one in report.waived}
    assert ("CKV_AWS_98", "prod/aws_sagemaker_endpoint_configuration.deployed") in waived
    assert ("CKV_AWS_370", "serverless/aws_sagemaker_model.deployed") in waived
    assert ("CKV_AWS_370", "prod/aws_sagemaker_model.deployed") not in waived


def test_checkov_knows_every_type_but_those_without_a_rule(report: Report) -> None:
    """A type under a name of our own making would be passed over without a word."""
    checked = {address.split(".")[0] for address in report.looked_at["checkov"]}
    assert set(TYPES.values()) - checked == WITHOUT_RULES


def test_parliament_reads_every_policy(report: Report, ours: list[Stack]) -> None:
    holders = ("iam/policy:Policy", "iam/role:Role", "kms/key:Key", "BucketPolicy", "TopicPolicy", "QueuePolicy")
    held = {one.name for stack in ours for kind in holders for one in stack.run.of(kind)}
    assert len(held) > 30
    assert held <= {address.partition(".")[2] for address in report.looked_at["parliament"]}


# --- what the stacks have together: what no stack has, no scanner sees

COMPONENTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "components").rglob("*.py")))


def test_together_the_stacks_have_every_kind_of_resource_that_the_program_makes(ours: list[Stack]) -> None:
    written = re.findall(r"\baws\.(\w+?)_?\.([A-Z]\w+)\(", COMPONENTS)
    kinds = {(module, kind) for module, kind in written if not kind.endswith("Args")}
    assert len(kinds) > 30
    made = {tuple(re.split(r"[:/]", one.type)[1::2]) for stack in ours for one in planned(stack.run)}
    assert kinds == made


def test_together_the_stacks_have_every_role(ours: list[Stack]) -> None:
    assert {f"roles-{key}-role" for key in ROLES} == {one.name for stack in ours for one in stack.run.of("Role")}


def test_together_the_stacks_have_every_statement_that_a_policy_can_hold(ours: list[Stack]) -> None:
    written = set(re.findall(r"""\b(?:allow|deny)\(\s*"(\w+)\"""", COMPONENTS))
    assert len(written) > 70
    texts = [one.text for stack in ours for one in documents(stack.run)]
    assert written <= {statement["Sid"] for text in texts for statement in json.loads(text)["Statement"]}


def test_the_plans_tables_hold_what_the_stacks_need_and_no_more(recorded: Record) -> None:
    """A word that nothing needs is a guess: the first stack that did need it would show that it was wrong."""
    made = [one for stack in stacks(recorded) for one in (*planned(stack.run), *stack.deployment)]
    assert {one.type for one in made} == set(TYPES)
    assert {word for one in made for word in words(one.inputs)} == {*MAPS, *BLOCKS, *SINGLE_BLOCKS}


def words(block: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a resource's properties that hold objects, one or a list of them, at any depth."""
    for name, value in block.items():
        inner = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping)]
        if inner and ASSET_MARK not in inner[0]:
            yield name
            if name not in MAPS:
                yield from (word for one in inner for word in words(one))


# --- the scanners themselves


def test_scanning_takes_little_time(report: Report) -> None:
    assert report.seconds < MOST_SECONDS


def test_the_scanners_see_what_is_broken(recorded: Record) -> None:
    """One stack with six things wrong, three of which only show where a bucket and its parts are joined."""
    run = recorded("dev")
    for break_it in (
        lambda run: without(run, "BucketPublicAccessBlock", "models"),
        lambda run: without(run, "BucketVersioning", "models"),
        lambda run: without(run, "BucketLogging", "artifacts"),
        put("codebuild/project:Project", "train", "encryptionKey", None),
        put("LogGroup", "train", "kmsKeyId", None),
        add_statement("iam/policy:Policy", "train-access", Action=["iam:*", "s3:GetObjekt"], Resource=["*"]),
    ):
        run = break_it(run)
    stack = Stack(name="broken", run=run, deployment=())
    [of_checkov], [of_parliament] = scanners.checkov([stack]), scanners.parliament([stack])
    found = {(one.id, one.resource.removeprefix("broken/")) for one in (*of_checkov.findings, *of_parliament.findings)}
    assert {
        ("CKV2_AWS_6", "aws_s3_bucket.storage-models-bucket"),
        ("CKV_AWS_21", "aws_s3_bucket.storage-models-bucket"),
        ("CKV_AWS_18", "aws_s3_bucket.storage-artifacts-bucket"),
        ("CKV_AWS_147", "aws_codebuild_project.train-project"),
        ("CKV_AWS_158", "aws_cloudwatch_log_group.train-log"),
        ("CKV_AWS_286", "aws_iam_policy.roles-train-access-policy"),
        ("UNKNOWN_ACTION", "aws_iam_policy.roles-train-access-policy"),
    } <= found


def test_a_missing_scanner_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, recorded: Record) -> None:
    monkeypatch.setattr(scanners, "ENVIRONMENT", tmp_path / "scanners")
    with pytest.raises(ScanError, match="scanners/bin/python is not installed. Run: make scan"):
        scanners.parliament([Stack(name="dev", run=recorded("dev"), deployment=())])


@pytest.mark.parametrize(
    "answer",
    [
        # What checkov 3.3.30 prints where it finds no resource in any file, and where it breaks off within one.
        '{"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0}',
        '{"results": {"passed_checks": [], "failed_checks": [], "parsing_errors": ["/tmp/dev.json"]}}',
        "[]",
    ],
)
def test_a_plan_that_checkov_cannot_read_is_no_success(
    answer: str, monkeypatch: pytest.MonkeyPatch, recorded: Record
) -> None:
    monkeypatch.setattr(scanners, "_run", lambda *_, **__: answer)
    with pytest.raises(ScanError, match="checkov read no plan"):
        scanners.checkov([Stack(name="dev", run=recorded("dev"), deployment=())])


def test_the_baseline_holds_the_briefs_policies_and_nothing_softer() -> None:
    run = brief()
    roles = {one.inputs["name"]: one for one in run.of("iam/role:Role")}
    assert len(roles) == 5
    train = json.loads(run.one("iam/policy:Policy", "train").inputs["policy"])["Statement"]
    assert train[0] == {"Effect": "Allow", "Action": ["sagemaker:*"], "Resource": "*"}
    assert [one["Resource"] for one in train] == ["*"] * 4
    statements = json.loads(run.one("iam/policy:Policy", "pipeline").inputs["policy"])["Statement"]
    assert "s3:PutObjectAcl" in statements[0]["Action"]
    assert json.loads(roles["CodeBuildTrainRole"].inputs["assumeRolePolicy"])["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
