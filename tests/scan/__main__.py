"""`python -m tests.scan`: run every scanner and print the table; --json for machines. Exits with 1 on open findings."""

import argparse
import datetime
import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tests.scan.finding import Finding, ScanError
from tests.scan.plan import PlanError
from tests.scan.report import BASELINE, STACKS, Report, scan_everything
from tests.scan.waivers import WaiverError

_WIDTH_OF_A_LOG = 140


def main() -> int:
    """Scan, say what was found, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.scan", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    parser.add_argument("--findings", action="store_true", help="also list what is waived, and the brief's findings")
    arguments = parser.parse_args()
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_LOG
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    try:
        report = scan_everything(datetime.datetime.now(tz=datetime.UTC).date())
    except (ScanError, PlanError, WaiverError) as error:
        Console(stderr=True, highlight=False, markup=False, emoji=False).print(str(error))
        return 2
    if arguments.json:
        console.print(json.dumps(report.as_dict(), indent=2, default=str), soft_wrap=True)
    else:
        _show(console, report, everything=arguments.findings)
    return 0 if report.succeeded else 1


def _show(console: Console, report: Report, *, everything: bool) -> None:
    console.print(table(report))
    if everything:
        _list(console, "waived", report.waived)
        _list(console, "in the brief's own stack", report.baseline)
    _list(console, "open", report.open)
    for waiver in report.unused:
        console.print(f"unused waiver: {waiver.tool} {waiver.id} {waiver.resource}")


def table(report: Report) -> Table:
    """Return the table: a row for each stack, three columns for each tool. Nothing of the brief's is waived."""
    shown = Table(title=f"Scanners, {report.seconds} s (brief: its own policies and guide, word for word)")
    shown.add_column("stack")
    cells = {(row.tool, row.stack): row for row in report.rows}
    tools = list(dict.fromkeys(row.tool for row in report.rows))
    for tool in tools:
        for heading in ("pass", "fail", "waived"):
            shown.add_column(f"{tool}\n{heading}", justify="right")
    for name in [*STACKS, BASELINE]:
        texts = [name]
        for tool in tools:
            row = cells[tool, name]
            texts += [str(row.passed), str(row.failed), str(row.waived) if name != BASELINE else ""]
        shown.add_row(*texts)
    return shown


def _list(console: Console, heading: str, findings: Iterable[Finding]) -> None:
    for one in findings:
        console.print(f"{heading}: {one.tool} {one.id} {one.resource}: {one.what}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
