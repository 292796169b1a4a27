"""Opening a road: what cannot be opened leaves nothing behind, and what the program warns of is seen."""

from pathlib import Path

import pytest

from rehearsal import road
from rehearsal.account.cloud import Cloud
from rehearsal.plan import make_plan
from rehearsal.services import Services
from tests.harness import ProviderMocks, Recorder
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


class Noting:
    """Keeps every note."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []

    def note(self, where: str, what: str) -> None:
        self.notes.append((where, what))


def test_what_the_program_warns_of_is_noted_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    progress = Noting()
    road.run_plan(make_plan("prod"), progress, Recorder(ProviderMocks()))
    assert {where for where, _ in progress.notes} == {"Pulumi"}
    lines = [what for _, what in progress.notes]
    assert len(lines) == 4
    assert lines[0].startswith("approval.approvers is empty: ")
    assert lines[1].startswith("pulumi config set --stack prod --path 'approval.approvers[0]' ")
    assert lines[2].startswith("alarms.emails is empty: ")
    assert lines[3].startswith("pulumi config set --stack prod --path 'alarms.emails[0]' ")
    # Nor a second time, between the lines that a person watches.
    assert caplog.records == []
