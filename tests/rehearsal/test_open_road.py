"""A road that cannot be opened leaves nothing behind."""

from pathlib import Path

import pytest

from rehearsal import road
from rehearsal.account.cloud import Cloud
from rehearsal.plan import make_plan
from rehearsal.services import Services
from tests.silence import Silent


def test_what_was_started_ends_when_the_program_cannot_be_provisioned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Services] = []
    close = Services.close

    def closing(services: Services) -> None:
        close(services)
        closed.append(services)

    def failing(*_: object) -> None:
        raise RuntimeError("no such program")

    monkeypatch.setattr(Services, "close", closing)
    monkeypatch.setattr(road.Road, "up", failing)
    with (
        pytest.raises(RuntimeError, match="no such program"),
        road.open_road(make_plan("dev"), work=tmp_path / "work", progress=Silent()),
    ):
        pass

    assert len(closed) == 1
    # Only one account runs in a process: the next can start.
    Cloud.start(tmp_path / "next", "us-east-1", Silent()).stop()
