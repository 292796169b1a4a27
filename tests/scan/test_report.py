"""Every scanner on every stack: nothing is open, no waiver is idle, and no tool looked at nothing."""

import dataclasses
import datetime
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import Recorded
from tests.policy.breaks import add_statement, put
from tests.policy.engine import without
from tests.scan import __main__ as command
from tests.scan import report as reports
from tests.scan import scanners
from tests.scan.brief import brief
from tests.scan.finding import Finding, Scan, ScanError
from tests.scan.graph import Stack, deployed, planned
from tests.scan.report import BASELINE, STACKS, Report, scan_everything, weigh
from tests.scan.waivers import Waiver

Record = Callable[..., Recorded]

MOST_SECONDS = 90
"""For all scanners together, the recording of the stacks included; about 20 where nothing else runs."""

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
}
"""Types on which checkov reports nothing; those of a bucket's parts it reports on the bucket."""


@pytest.fixture(scope="module")
def report() -> Report:
    return scan_everything(datetime.datetime.now(tz=datetime.UTC).date())


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


def test_checkov_knows_every_type_but_those_without_a_rule(report: Report, recorded: Record) -> None:
    """A type under a name of our own making would be passed over without a word."""
    runs = [recorded(stack, changes) for stack, changes in STACKS.values()]
    planned_types = {one.address.split(".")[0] for run in runs for one in (*planned(run), *deployed(run))}
    checked = {address.split(".")[0] for address in report.looked_at["checkov"]}
    assert planned_types - checked == WITHOUT_RULES


def test_parliament_reads_every_policy(report: Report, recorded: Record) -> None:
    holders = ("iam/policy:Policy", "iam/role:Role", "kms/key:Key", "BucketPolicy", "TopicPolicy", "QueuePolicy")
    run = recorded("prod")
    assert len([one for kind in holders for one in run.of(kind)]) > 20
    for kind in holders:
        for one in run.of(kind):
            assert any(address.endswith(f".{one.name}") for address in report.looked_at["parliament"]), one.urn


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


FINDING = Finding(tool="checkov", id="CKV_X", resource="dev/aws_x.y", what="something")
WAIVER = Waiver(
    tool="checkov",
    id="CKV_X",
    resource="dev/*",
    reason="because of a thing that is like that",
    owner="somebody",
    expires=datetime.date(2099, 1, 1),
)


def scanned(*findings: Finding, stack: str = "dev") -> Scan:
    return Scan(tool="checkov", stack=stack, passed=1, findings=findings, looked_at=frozenset({"aws_x.y"}))


def test_a_waiver_never_reaches_the_baseline() -> None:
    of_brief = dataclasses.replace(FINDING, resource="brief/aws_x.y")
    waiver = dataclasses.replace(WAIVER, resource="*")
    found = weigh([scanned(FINDING), scanned(of_brief, stack=BASELINE)], [waiver], seconds=1)
    assert [(row.failed, row.waived) for row in found.rows] == [(0, 1), (1, 0)]
    assert found.succeeded


def test_an_open_finding_and_an_idle_waiver_both_fail() -> None:
    assert not weigh([scanned(FINDING)], [], seconds=1).succeeded
    idle = weigh([scanned()], [WAIVER], seconds=1)
    assert idle.unused == (WAIVER,)
    assert not idle.succeeded


def run_command(monkeypatch: pytest.MonkeyPatch, answer: Any, *arguments: str) -> int:
    def scan(today: datetime.date) -> Report:
        if isinstance(answer, Exception):
            raise answer
        found: Report = answer
        return found

    monkeypatch.setattr(command, "scan_everything", scan)
    monkeypatch.setattr(sys, "argv", ["scan", *arguments])
    return command.main()


def everywhere(*findings: Finding) -> Report:
    scans = [scanned(*(findings if stack == "dev" else ()), stack=stack) for stack in [*STACKS, BASELINE]]
    return weigh(scans, [], seconds=1)


def test_the_command_prints_a_table_and_succeeds(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert run_command(monkeypatch, everywhere()) == 0
    assert "checkov" in capsys.readouterr().out


def test_the_command_names_open_findings_and_fails(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert run_command(monkeypatch, everywhere(FINDING)) == 1
    assert "open: checkov CKV_X dev/aws_x.y: something" in capsys.readouterr().out


def test_the_command_writes_the_report_for_machines(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert run_command(monkeypatch, everywhere(FINDING), "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["succeeded"] is False
    assert said["rows"][0] == {"tool": "checkov", "stack": "dev", "passed": 1, "failed": 1, "waived": 0}
    assert said["open"][0]["id"] == "CKV_X"


def test_a_scanner_that_breaks_off_is_another_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert run_command(monkeypatch, ScanError("checkov broke off")) == 2
    assert "checkov broke off" in capsys.readouterr().err


def test_the_table_is_made_of_the_waivers_that_are_in_the_repository() -> None:
    assert reports.WAIVERS.name == "waivers.toml"
    assert reports.WAIVERS.is_file()
