"""What a person sees: one line per step while it happens, and the tables at the end."""

import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from rehearsal.report import Act, Report

if TYPE_CHECKING:  # reading the drills takes as long as all else that a person waits for at first
    from rehearsal.drills.drill import Drill, Outcome

_WIDTH_OF_A_LOG = 140
_LONGEST_NOTE = 150
_STATUS_STYLES = {"Succeeded": "green", "Failed": "red", "Superseded": "yellow"}


class Console:
    """Prints progress from several threads, each line with the seconds since the start."""

    def __init__(self, *, started: float) -> None:
        # Without a terminal (a build log, a file) nobody says how wide a line may be.
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_LOG
        # Messages and comments are text that others wrote: neither markup nor the name of a picture.
        self._terminal = Terminal(highlight=False, markup=False, emoji=False, width=width)
        self._started = started
        self._lock = threading.Lock()
        self._hushed = False

    def hush(self) -> None:
        """Show no more notes: what still ends has nothing to say to anybody."""
        self._hushed = True

    def note(self, where: str, what: str) -> None:
        """Print one line of progress; what is too long for one line stands in full in the tables or the logs."""
        what = what if len(what) <= _LONGEST_NOTE else what[: _LONGEST_NOTE - 1] + "…"
        elapsed = time.monotonic() - self._started
        if self._hushed:
            return
        with self._lock:
            line = Text.assemble((f"{elapsed:6.1f}s  ", "dim"), (f"{where:<24} ", "cyan"), what)
            self._terminal.print(line, soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print a line that opens a new act."""
        with self._lock:
            self._terminal.print()
            self._terminal.rule(Text(text, style="bold"), align="left")

    def tell(self, title: str, lines: Iterable[str]) -> None:
        """Print lines that a person may copy: each in full, however long."""
        self.heading(title)
        with self._lock:
            for line in lines:
                self._terminal.print(Text(line), soft_wrap=True)

    def show_act(self, act: Act) -> None:
        """Print what came of one execution."""
        with self._lock:
            self._terminal.print()
            self._terminal.print(_act_table(act))

    def show_drills(self, drills: "Sequence[Drill]") -> None:
        """Print what can be drilled."""
        table = Table(title="Drills: each with the fault and the gate that must stop it", title_justify="left")
        for name in ("drill", "fault", "gate"):
            table.add_column(name, overflow="fold")
        for drill in drills:
            table.add_row(drill.name, drill.fault, drill.gate)
        self._terminal.print(table)

    def show_outcomes(self, outcomes: "Sequence[Outcome]") -> None:
        """Print how every drill ended."""
        table = Table(title="What stopped what", title_justify="left")
        for name in ("drill", "fault", "gate", "held", "s", "detail"):
            table.add_column(name, overflow="fold", no_wrap=name == "held", justify="right" if name == "s" else "left")
        for one in outcomes:
            held = Text(one.held, style="green" if one.as_it_should_be else "bold red")
            gate = one.gate if one.guarded else f"(taken away) {one.gate}"
            table.add_row(one.drill, one.fault, gate, held, f"{one.seconds:.1f}", one.detail)
        good, guarded = sum(one.as_it_should_be for one in outcomes), all(one.guarded for one in outcomes)
        claim = "gates held" if guarded else "drills noticed that their guard was gone"
        style = "bold green" if good == len(outcomes) else "bold red"
        with self._lock:
            self._terminal.print()
            self._terminal.print(table)
            self._terminal.print(Text(f"\n{good} of {len(outcomes)} {claim}.", style=style))

    def show(self, report: Report) -> None:
        """Print what happened, what it proved, and who called what."""
        for act in report.acts:
            self.show_act(act)
        with self._lock:
            self._terminal.print()
            self._terminal.print(_role_table(report))
            self._terminal.print()
            self._terminal.print(_proof_table(report))
            good = report.succeeded
            verdict = ("The road holds.", "bold green") if good else ("The road does not hold.", "bold red")
            checked = f" {len(report.all_proofs)} claims checked in {report.seconds:.1f} s."
            self._terminal.print(Text.assemble("\n", verdict, checked))


def _act_table(act: Act) -> Table:
    table = Table(title=f"{act.title}  (commit {act.commit[:8]}, {act.seconds:.1f} s)", title_justify="left")
    table.add_column("stage")
    table.add_column("action")
    table.add_column("s", justify="right")
    table.add_column("result")
    table.add_column("message", overflow="fold")
    for step in act.steps:
        result = Text(step.status, style=_STATUS_STYLES.get(step.status, ""))
        table.add_row(step.stage, step.action, f"{step.seconds:.1f}", result, step.message)
    if act.decision:
        table.add_row("", "decision", "", "", act.decision)
    if act.prediction:
        table.add_row("", "prediction", "", "", act.prediction)
    return table


def _role_table(report: Report) -> Table:
    table = Table(title="Calls by role, each evaluated against the program's own policies", title_justify="left")
    table.add_column("role")
    for name in ("allowed", "denied", "grants"):
        table.add_column(name, justify="right")
    if report.grants_judged:
        table.add_column("never used, without a reason", overflow="fold")
    for use in report.roles:
        unused = ["\n".join(use.unused) or "none"] if report.grants_judged else []
        table.add_row(use.role, str(use.allowed), str(use.denied), str(use.grants), *unused)
    if report.explained:
        table.caption = (
            f"{len(report.explained)} more were not needed, for reasons in rehearsal/unused_grants.py (also in --json)"
        )
    return table


def _proof_table(report: Report) -> Table:
    table = Table(title="What this rehearsal proved", title_justify="left")
    table.add_column("")
    table.add_column("claim", overflow="fold")
    table.add_column("seen", overflow="fold")
    for proof in report.all_proofs:
        mark = Text("yes", style="green") if proof.holds else Text("NO", style="bold red")
        table.add_row(mark, proof.claim, proof.detail)
    return table
