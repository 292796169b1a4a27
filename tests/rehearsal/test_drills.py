"""What drills say of themselves, and what is made of their proofs; no road is walked."""

import subprocess
import sys
from dataclasses import replace

import pytest

from ml.errors import InputError, RoadError
from rehearsal.console import Console
from rehearsal.drills.archives import TextChange
from rehearsal.drills.catalogue import ALL, CATALOGUE, chosen
from rehearsal.drills.drill import BROKEN, HELD, NOT_HELD, Drill, Outcome
from rehearsal.drills.run import run
from rehearsal.drills.stand import Stand
from rehearsal.report import Proof
from tests.harness import ROOT

COMMAND_SECONDS = 180
NAMES = [drill.name for drill in CATALOGUE]


def test_the_page_has_every_drill_as_it_is() -> None:
    page = (ROOT / "docs" / "drills.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]

    assert rows == [f"| `{drill.name}` | {drill.fault} | {drill.gate} |" for drill in CATALOGUE]


def test_every_drill_names_a_gate_that_exists_and_a_way_to_take_it_away() -> None:
    for drill in CATALOGUE:
        files = [word.strip(":,()") for word in drill.gate.split() if "/" in word]
        assert files, drill.name
        assert all((ROOT / file).is_file() for file in files), drill.gate
        assert drill.without_guard, drill.name


def test_what_ends_the_road_comes_last_and_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert [drill.ends_road for drill in CATALOGUE] == sorted(drill.ends_road for drill in CATALOGUE)


def test_drills_are_chosen_by_name_in_the_order_of_the_catalogue() -> None:
    assert [drill.name for drill in chosen([NAMES[2], NAMES[0]])] == [NAMES[0], NAMES[2]]
    assert [drill.name for drill in chosen([ALL])] == NAMES
    with pytest.raises(InputError, match="no drill weak-modle. Choose of: all, weak-model"):
        chosen(["weak-modle"])


@pytest.mark.parametrize("text", ["", "if a:\nif a:\n"])
def test_a_guard_that_has_moved_is_told_and_not_overlooked(text: str) -> None:
    change = TextChange(path="ml/gate.py", old="if a:\n", new="if False:\n")

    with pytest.raises(RoadError, match="the guard has moved"):
        change.of(text)


def test_every_source_level_guard_is_where_its_drill_says() -> None:
    changes = [
        change for drill in CATALOGUE for removal in drill.without_guard for change in getattr(removal, "changes", ())
    ]

    for change in changes:
        path = ROOT / change.path.replace("code/", "ml/")
        assert change.of(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8")
    assert len(changes) > len(CATALOGUE) / 2


class Nowhere(Stand):
    """A stand on no road, for drills that do nothing to it."""

    def __init__(self) -> None:
        pass

    def ready(self) -> None:
        pass


def drilled(*proofs: Proof | RoadError) -> Outcome:
    def play(_stand: Stand) -> list[Proof]:
        for proof in proofs:
            if isinstance(proof, RoadError):
                raise proof
        return [proof for proof in proofs if isinstance(proof, Proof)]

    return run(Drill(name="d", fault="f", gate="g", play=play, without_guard=[]), Nowhere())


def test_a_drill_is_held_when_every_proof_holds_and_broken_when_its_fault_never_came() -> None:
    good, bad = (Proof(claim=f"claim {holds}", holds=holds, detail="seen") for holds in (True, False))

    assert (drilled(good).held, drilled(good, bad).held, drilled().held) == (HELD, NOT_HELD, BROKEN)
    assert drilled(good, bad).detail == "claim False: seen"
    assert (drilled(RoadError("no such call")).held, drilled(RoadError("no such call")).detail) == (
        BROKEN,
        "no such call",
    )


def test_what_is_as_it_should_be_decides_about_the_exit_status() -> None:
    held, noticed = drilled(Proof(claim="c", holds=True, detail="")), drilled(Proof(claim="c", holds=False, detail=""))

    assert [held.as_it_should_be, noticed.as_it_should_be] == [True, False]
    assert [replace(held, guarded=False).as_it_should_be, replace(noticed, guarded=False).as_it_should_be] == [
        False,
        True,
    ]
    assert held.as_dict()["as_it_should_be"]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "rehearsal", "drill", *words]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)


def test_the_command_lists_drills_and_refuses_a_name_that_is_none() -> None:
    listed, unknown = command("--list"), command("weak-modle")

    assert (listed.returncode, [name for name in NAMES if name not in listed.stdout]) == (0, [])
    assert unknown.returncode == 2
    assert "error: there is no drill weak-modle" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_the_table_tells_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = (drilled(Proof(claim=f"claim {holds}", holds=holds, detail="seen")) for holds in (True, False))
    Console(started=0.0).show_outcomes([good, bad])

    text = capsys.readouterr().out
    assert "1 of 2 gates held." in text
    assert "claim False: seen" in text
    assert NOT_HELD in text
