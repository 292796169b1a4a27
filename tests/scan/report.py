"""The scanner table: each tool on each of our stacks, with our waivers, and the brief's own stack beside them."""

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.harness import ACCOUNT, REGION, ROOT, Recorded, record
from tests.scan.brief import brief, brief_deployment
from tests.scan.finding import Finding, Scan
from tests.scan.graph import Stack, deployed
from tests.scan.scanners import scan
from tests.scan.waivers import Waiver, load, unused, waived

WAIVERS = ROOT / "policy/waivers.toml"
BASELINE = "brief"

_CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/8a3c1f52-0c1e-4c0e-9c83-0b6a2f9a0f11"

STACKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "serverless": ("dev", {"endpoint": {"kind": "serverless"}}),
    "connection": (
        "dev",
        {
            "source": {"provider": "codeconnections", "connectionArn": _CONNECTION, "repository": "somebody/road"},
            "approval": {"mode": "manual", "approvers": ["ann@example.com"]},
            "alarms": {"emails": ["bob@example.com"]},
        },
    ),
    "jobs": (
        "dev",
        {
            "source": {"reviews": 1},
            "training": {
                "engine": "sagemaker",
                "dataUri": "s3://rows/customers.csv",
                "search": {"trials": 8, "parallelJobs": 2},
            },
        },
    ),
}
"""Stack -> the stack file, and what is changed in it. Together they make every kind of resource, every role and every
statement of a policy that the program can make, and what the deploy step asks for either kind of endpoint."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One cell group of the table: how many checks of a tool held on a stack, failed, and are waived."""

    tool: str
    stack: str
    passed: int
    failed: int
    waived: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one run of all scanners found. `open` are our findings that nobody has waived."""

    rows: tuple[Row, ...]
    open: tuple[Finding, ...]
    unused: tuple[Waiver, ...]
    waived: tuple[Finding, ...]
    baseline: tuple[Finding, ...]
    looked_at: Mapping[str, frozenset[str]]
    """Tool -> addresses that it checked, in any of our stacks."""
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether every finding of ours is waived and every waiver is needed."""
        return not self.open and not self.unused

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines."""
        looked_at = {tool: sorted(addresses) for tool, addresses in self.looked_at.items()}
        return {"succeeded": self.succeeded, **asdict(self), "looked_at": looked_at}


def stacks(recorded: Callable[..., Recorded] = record) -> list[Stack]:
    """Return our stacks, as `recorded` runs them, and, last, the baseline."""
    runs = {name: recorded(stack, changes) for name, (stack, changes) in STACKS.items()}
    ours = [Stack(name=name, run=run, deployment=deployed(run)) for name, run in runs.items()]
    return [*ours, Stack(name=BASELINE, run=brief(), deployment=brief_deployment())]


def scan_everything(
    today: datetime.date, waivers: Path = WAIVERS, *, recorded: Callable[..., Recorded] = record
) -> Report:
    """Run every scanner. Raises WaiverError for a bad list of waivers and ScanError for a scanner that broke off."""
    started = time.monotonic()
    accepted = load(waivers, today)
    return weigh(scan(stacks(recorded)), accepted, seconds=time.monotonic() - started)


def weigh(scans: Sequence[Scan], waivers: Sequence[Waiver], *, seconds: float) -> Report:
    """Return the report of what the scanners said: waivers are for our stacks, never for the baseline."""
    ours = [finding for one in scans if one.stack != BASELINE for finding in one.findings]
    accepted = waived(ours, waivers)
    return Report(
        rows=tuple(_row(one, waivers) for one in scans),
        open=tuple(sorted(set(ours) - set(accepted))),
        unused=tuple(unused(ours, waivers)),
        waived=tuple(sorted(accepted)),
        baseline=tuple(sorted(finding for one in scans if one.stack == BASELINE for finding in one.findings)),
        looked_at=_looked_at(scans),
        seconds=round(seconds, 1),
    )


def _looked_at(scans: Sequence[Scan]) -> dict[str, frozenset[str]]:
    ours = [one for one in scans if one.stack != BASELINE]
    return {tool: frozenset().union(*(one.looked_at for one in ours if one.tool == tool)) for tool in _tools(ours)}


def _tools(scans: Sequence[Scan]) -> list[str]:
    return list(dict.fromkeys(one.tool for one in scans))


def _row(one: Scan, waivers: Sequence[Waiver]) -> Row:
    accepted = 0 if one.stack == BASELINE else len(waived(one.findings, waivers))
    return Row(
        tool=one.tool,
        stack=one.stack,
        passed=one.passed,
        failed=len(one.findings) - accepted,
        waived=accepted,
    )
