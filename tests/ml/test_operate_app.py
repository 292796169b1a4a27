"""The command line: which stack is meant where several are named, whose profile, how an end is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ml.errors import RoadError
from ml.operate import care, decide, options, state
from ml.operate.app import app
from ml.operate.show import Answer
from ml.operate.stack import Found, Stack
from tests.ml.fake_pulumi import FakePulumi
from tests.ml.operated_stack import OUTPUTS

Run = Callable[..., Result]


def answer(stack: Any, **more: Any) -> Answer:
    return Answer(title="", columns=("endpoint",), rows=[{"endpoint": stack.endpoint_name}], **more)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command beside a Pulumi whose stack serves as pulumis-<stack>; two commands tell the endpoint."""
    pulumi = FakePulumi(tmp_path)
    outputs = json.dumps({**OUTPUTS, "endpoint_name": "pulumis-NAME"}).replace("NAME", "'$5'")
    pulumi.answer(f"echo '{outputs}'")
    for name, value in {
        "PATH": str(pulumi.folder),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "STACK_OUTPUTS", "PULUMI_STACK"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text("[profile ada]\nregion = us-east-1\n")
    monkeypatch.setattr(state, "status", lambda aws, stack: answer(stack))
    monkeypatch.setattr(care, "teardown", lambda aws, stack, **_: answer(stack))

    def _run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(app, arguments, env=environment)

    return _run


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "o.json"
    path.write_text(json.dumps({**OUTPUTS, "endpoint_name": "of-the-file", "stack_name": "dev"}))
    return str(path)


def endpoint(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["rows"][0]["endpoint"])


# --- which stack


def test_a_stack_that_was_typed_goes_before_the_environments_outputs(run: Run, file: str) -> None:
    assert endpoint(run("--json", "--stack", "prod", "teardown", "--yes", STACK_OUTPUTS=file)) == "pulumis-prod"


def test_outputs_that_were_typed_go_before_the_environments_stack(run: Run, file: str) -> None:
    assert endpoint(run("--json", "--outputs", file, "status", PULUMI_STACK="prod")) == "of-the-file"


def test_of_the_environment_outputs_go_before_the_stack(run: Run, file: str) -> None:
    assert endpoint(run("--json", "status", STACK_OUTPUTS=file)) == "of-the-file"
    assert endpoint(run("--json", "status", PULUMI_STACK="prod")) == "pulumis-prod"
    assert endpoint(run("--json", "status", STACK_OUTPUTS=file, PULUMI_STACK="prod")) == "of-the-file"


def test_a_stack_and_outputs_that_disagree_are_a_usage_error(run: Run, file: str) -> None:
    assert endpoint(run("--json", "--stack", "dev", "--outputs", file, "status")) == "of-the-file"
    for command in (["status"], ["doctor"], ["teardown", "--yes"]):
        refused = run("--stack", "prod", "--outputs", file, *command, STACK_OUTPUTS=file)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "is of stack dev, and --stack says prod. Give one of the two" in refused.stderr


def test_where_the_settings_tell_the_names_a_person_is_told_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found(stack=Stack.of(OUTPUTS, ""), source="Pulumi.prod.yaml", problem="there are none")
    monkeypatch.setattr(options, "find", lambda *_: found)
    told = run("--json", "status")
    assert endpoint(told) == "churn"
    assert json.loads(told.stderr) == {
        "progress": "there are none. What follows goes by Pulumi.prod.yaml, as it is now"
    }


# --- whose profile


@pytest.mark.parametrize("command", [["status"], ["doctor"], ["cost"]])
@pytest.mark.parametrize(
    ("arguments", "environment"), [(["--profile", "eve"], {}), ([], {"AWS_PROFILE": "eve"})], ids=["typed", "set"]
)
def test_a_profile_that_there_is_not_is_a_usage_error_which_names_those_that_there_are(
    run: Run, file: str, arguments: list[str], environment: dict[str, str], command: list[str]
) -> None:
    refused = run(*arguments, "--outputs", file, *command, **environment)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "eve) could not be found; there is ada. See them with aws configure list-profiles" in refused.stderr
    assert "~/.aws/config" in refused.stderr


def test_a_profile_that_there_is_serves(run: Run, file: str) -> None:
    assert endpoint(run("--json", "--profile", "ada", "--outputs", file, "status")) == "of-the-file"


# --- how an end is told


def raising(*_: Any, **__: Any) -> Answer:
    raise RoadError("the endpoint does not go. Retry")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--outputs", "none.json", "status"], 2, "none.json holds no outputs"),
        (["--profile", "eve", "status"], 2, "could not be found"),
        (["teardown"], 1, "the endpoint does not go. Retry"),
        (["rollback"], 2, "Missing option '--to'"),
        (["replay", "--threshold", "acuracy=1"], 2, "is not METRIC=LIMIT"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["--outputs", "/", "status"], 2, "is a directory"),
    ],
)
def test_a_program_is_told_each_error_as_an_object_with_the_exit_status(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, says: str
) -> None:
    monkeypatch.setattr(care, "teardown", raising)
    refused = run("--json", *arguments)
    assert (refused.exit_code, refused.stdout) == (status, "")
    told = json.loads(refused.stderr)
    assert (set(told), told["exit"]) == ({"error", "exit"}, status)
    assert says in told["error"]
    person = run(*arguments)
    assert person.exit_code == status
    assert says in " ".join(person.stderr.replace("│", "").split())


def test_help_and_completion_are_the_same_for_a_program(run: Run) -> None:
    for arguments in (["--help"], ["rollback", "--help"], ["completion", "bash"]):
        assert run("--json", *arguments).stdout == run(*arguments).stdout
        assert run("--json", *arguments).exit_code == 0


def test_what_did_not_come_about_is_told_on_standard_error_beside_the_answer(
    run: Run, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(aws: Any, stack: Any, number: int, *, wait: bool, say: Callable[[str], None]) -> Answer:
        say(f"version {number}, {wait}")
        return answer(stack, exit_status=1, error="Deploy/deploy failed: no instances")

    monkeypatch.setattr(decide, "rollback", failed)
    told = run("--json", "--outputs", file, "rollback", "--to", "3", "--no-wait")
    assert told.exit_code == 1
    assert [json.loads(line) for line in told.stderr.splitlines()] == [
        {"progress": "version 3, False"},
        {"error": "Deploy/deploy failed: no instances", "exit": 1},
    ]
    assert json.loads(told.stdout)["rows"] == [{"endpoint": "of-the-file"}]
    person = run("--outputs", file, "rollback", "--to", "3")
    assert person.stderr == "version 3, True\nerror: Deploy/deploy failed: no instances\n"


def test_an_interrupted_command_says_that_what_was_begun_goes_on(
    run: Run, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> Answer:
        raise KeyboardInterrupt

    monkeypatch.setattr(state, "status", interrupted)
    told = run("--json", "--outputs", file, "status")
    assert told.exit_code == 1
    assert "goes on; see python -m ml status" in json.loads(told.stderr)["error"]
