"""Run the scanners: other people's in an environment of their own, with no way out, and our own policies here."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from policy.rules import RULES
from policy.rules.graph import graph_of
from tests.policy.engine import stack_of
from tests.scan.finding import Finding, Scan, ScanError
from tests.scan.graph import Stack, documents, planned
from tests.scan.plan import plan

ENVIRONMENT = Path(sys.prefix) / "scanners"
"""Beside what runs the tests, because checkov pins packages that the tests need newer."""
SCAN_SECONDS = 300

CHECKOV = "checkov"
PARLIAMENT = "parliament"
OURS = "policy"

_PARLIAMENT = Path(__file__).with_name("run_parliament.py")


def scan(stacks: Sequence[Stack]) -> list[Scan]:
    """Return what every tool says about every stack. Raises ScanError when a scanner is missing or breaks off."""
    return [*checkov(stacks), *parliament(stacks), *map(ours, stacks)]


def checkov(stacks: Sequence[Stack]) -> list[Scan]:
    """Run checkov once over the plans of all stacks."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for stack in stacks:
            path = Path(folder, f"{stack.name}.json")
            path.write_text(json.dumps(plan([*planned(stack.run), *stack.deployment])), encoding="utf-8")
            arguments += ["--file", str(path)]
        answer = _run(
            "checkov", "--framework", "terraform_plan", "--skip-download", "--soft-fail", "--output", "json", *arguments
        )
    report = json.loads(answer)
    results = report.get("results", {}) if isinstance(report, dict) else {}
    if not results.get("passed_checks") or results.get("parsing_errors"):
        raise ScanError(f"checkov read no plan: {answer[:500]}")
    return [_of_stack(stack.name, results) for stack in stacks]


def parliament(stacks: Sequence[Stack]) -> list[Scan]:
    """Run parliament over every policy document of every stack; a document without a finding has passed."""
    asked = [
        {"resource": f"{stack.name}/{one.holder.address}", "document": one.text, "trust": one.trust}
        for stack in stacks
        for one in documents(stack.run)
    ]
    answers = json.loads(_run("python", "-W", "ignore", str(_PARLIAMENT), given=json.dumps(asked)))
    scans = []
    for stack in stacks:
        of_stack = [one for one in answers if one["resource"].startswith(f"{stack.name}/")]
        found = [
            Finding(tool=PARLIAMENT, id=said["id"], resource=one["resource"], what=said["what"])
            for one in of_stack
            for said in one["findings"]
        ]
        passed = sum(not one["findings"] for one in of_stack)
        looked_at = frozenset(one["resource"].removeprefix(f"{stack.name}/") for one in of_stack)
        scans.append(Scan(tool=PARLIAMENT, stack=stack.name, passed=passed, findings=tuple(found), looked_at=looked_at))
    return scans


def ours(stack: Stack) -> Scan:
    """Ask our own policies."""
    address = {one.key: one.address for one in planned(stack.run)}
    graph = graph_of(stack_of(stack.run))
    checks = [(rule, one) for rule in RULES for one in rule.checks(graph)]
    found = [
        Finding(tool=OURS, id=rule.name, resource=f"{stack.name}/{address[one.resource.urn]}", what=one.problem)
        for rule, one in checks
        if one.problem
    ]
    return Scan(
        tool=OURS,
        stack=stack.name,
        passed=len(checks) - len(found),
        findings=tuple(found),
        looked_at=frozenset(address[one.resource.urn] for _, one in checks),
    )


def _of_stack(name: str, results: Mapping[str, Any]) -> Scan:
    def of_stack(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [one for one in checks if one["file_path"].endswith(f"/{name}.json")]

    found = [
        Finding(tool=CHECKOV, id=one["check_id"], resource=f"{name}/{one['resource']}", what=one["check_name"])
        for one in of_stack(results["failed_checks"])
    ]
    passed = of_stack(results["passed_checks"])
    looked_at = frozenset(one["resource"] for one in (*passed, *of_stack(results["failed_checks"])))
    return Scan(tool=CHECKOV, stack=name, passed=len(passed), findings=tuple(found), looked_at=looked_at)


def _run(program: str, *arguments: str, given: str = "") -> str:
    """Return what a program of the scanners' environment prints."""
    path = ENVIRONMENT / "bin" / program
    if not path.exists():
        raise ScanError(f"{path} is not installed. Run: make scan")
    try:
        done = subprocess.run(
            [str(path), *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=SCAN_SECONDS,
            check=True,
            env=_alone(),
        )
    except subprocess.TimeoutExpired as error:
        raise ScanError(
            f"{program} took more than {SCAN_SECONDS} s. Run it again on a machine with less to do"
        ) from error
    except subprocess.CalledProcessError as error:
        raise ScanError(f"{program} broke off with {error.returncode}: {error.stderr[-1000:]}") from error
    return done.stdout


def _alone() -> dict[str, str]:
    """Return an environment in which nothing can be asked of the network: every way out leads to a closed port."""
    nowhere = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    return {"PATH": os.defpath, "HOME": tempfile.gettempdir(), "LC_ALL": "C.UTF-8", **nowhere}
