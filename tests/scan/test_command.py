"""What is made of findings: the weighing, the table, the exit status. Nothing is scanned here."""

import dataclasses
import datetime
import json
import sys
from typing import Any

import pytest

from tests.scan import __main__ as command
from tests.scan import report as reports
from tests.scan.finding import Finding, Scan, ScanError
from tests.scan.report import BASELINE, STACKS, Report, weigh
from tests.scan.waivers import Waiver

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
