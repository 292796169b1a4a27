"""When the account closes, what runs is killed and nothing is started any more, on an account of its own."""

from pathlib import Path

import pytest

from rehearsal.account.cloud import AwsError
from tests.rehearsal.runner_account import eventually, running_cloud
from tests.rehearsal.test_functions import REMEMBERING, Functions, runs


def test_closing_kills_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        functions = Functions(cloud)
        started = tmp_path / "started"
        waits = f"import pathlib, threading\ndef handler(*_):\n    pathlib.Path({str(started)!r}).touch()\n"
        name = functions.deploy(f"{waits}    threading.Event().wait()", Timeout=60)

        functions.runner.invoke_async(name, {})
        eventually(started.exists, seconds=60)
        functions.runner.close()

        functions.runner.drain(20)
        with pytest.raises(AwsError, match="the account is closed"):
            functions.runner.invoke(name, {})


def test_closing_ends_the_environments_that_wait(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        functions = Functions(cloud)
        process = functions.call(functions.deploy(REMEMBERING))["Payload"][0]
        assert runs(process)

        functions.runner.close()

        assert not runs(process)
