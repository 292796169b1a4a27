"""Every drill on a provisioned road: its gate holds, and it notices when that gate is taken away."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from rehearsal.drills.catalogue import CATALOGUE
from rehearsal.drills.drill import HELD, NOT_HELD, Outcome
from rehearsal.drills.run import open_stand, run
from tests.silence import Silent

NAMES = [drill.name for drill in CATALOGUE]


def played(folder: Path, *, guarded: bool) -> Mapping[str, Outcome]:
    """Every drill, all on one road."""
    with open_stand(work=folder, progress=Silent()) as stand:
        return {drill.name: run(drill, stand, guarded=guarded) for drill in CATALOGUE}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    return played(tmp_path_factory.mktemp("drills"), guarded=True)


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    return played(tmp_path_factory.mktemp("unguarded"), guarded=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_gate_holds(guarded: Mapping[str, Outcome], name: str) -> None:
    outcome = guarded[name]

    assert (outcome.held, [proof for proof in outcome.proofs if not proof.holds]) == (HELD, []), outcome.detail
    assert outcome.proofs


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_the_drill_notices_that_its_gate_is_gone(unguarded: Mapping[str, Outcome], name: str) -> None:
    assert unguarded[name].held == NOT_HELD, unguarded[name].detail
