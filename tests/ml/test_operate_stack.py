"""Which stack a command is about: Pulumi tells, or a file does, or the stack's own settings; never another one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml import stack_file
from ml.errors import InputError
from ml.operate import stack as stacks
from ml.operate.stack import find, from_pulumi
from tests.ml.fake_pulumi import FakePulumi
from tests.ml.operated_stack import OUTPUTS


@pytest.fixture
def pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePulumi:
    fake = FakePulumi(tmp_path)
    monkeypatch.setenv("PATH", str(fake.folder))
    return fake


def outputs(folder: Path, **changes: Any) -> Path:
    file = folder / "outputs.json"
    file.write_text(json.dumps({**OUTPUTS, **changes}))
    return file


def answering(pulumi: FakePulumi, folder: Path, **changes: Any) -> None:
    """Have Pulumi tell these outputs."""
    text = outputs(folder, **changes).read_text()
    pulumi.answer(f"echo '{text}'")


@pytest.fixture
def by_settings(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The program's answer from a stack's settings; the list has each command that asked for it."""
    asked: list[list[str]] = []
    run = stacks._run

    def answer(command: list[str]) -> subprocess.CompletedProcess[str]:
        if command[0] != sys.executable:
            return run(command)
        asked.append(command[1:])
        told = json.dumps({**OUTPUTS, "endpoint_name": f"of-{command[4]}"})
        return subprocess.CompletedProcess(command, 0, told, "")

    monkeypatch.setattr(stacks, "_run", answer)
    return asked


# --- Pulumi


def test_pulumi_is_asked_for_the_stack_that_is_named_in_the_projects_folder(
    pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(pulumi, tmp_path, endpoint_name="theirs")
    monkeypatch.chdir(tmp_path)
    found = from_pulumi("prod")
    assert found.known().endpoint_name == "theirs"
    assert (found.source, found.problem) == ("pulumi stack output --json --stack prod", "")
    from_pulumi(None)
    assert pulumi.asked == [
        f"{stack_file.PROJECT}: stack output --json --stack prod",
        f"{stack_file.PROJECT}: stack output --json",
    ]


def test_lists_of_the_outputs_become_what_the_commands_read(pulumi: FakePulumi, tmp_path: Path) -> None:
    answering(pulumi, tmp_path)
    stack = from_pulumi(None).known()
    assert (stack.alarms, stack.build_projects) == (("errors",), ("train",))
    assert (stack.stack_name, stack.account) == ("", "123456789012")


def test_outputs_of_another_program_are_refused_with_every_name_that_is_absent(pulumi: FakePulumi) -> None:
    pulumi.answer("""echo '{"region": "us-east-1"}'""")
    with pytest.raises(InputError, match="lacks pipeline_name, model_package_group.*Run pulumi up"):
        from_pulumi(None)


WITHOUT_OUTPUTS = [
    ("echo '{}'", "there are none, as before pulumi up and after pulumi destroy"),
    ("echo no stack named prod >&2; exit 255", "pulumi stack output --json --stack {name}: no stack named prod"),
    ("echo hello", "printed no JSON"),
    ("", "printed no JSON"),
]


@pytest.mark.parametrize(("script", "why"), WITHOUT_OUTPUTS)
def test_where_pulumi_tells_no_outputs_it_is_said_why(pulumi: FakePulumi, script: str, why: str) -> None:
    pulumi.answer(script)
    found = from_pulumi("prod")
    assert found.stack is None
    assert why.format(name="prod") in found.problem
    with pytest.raises(InputError):
        found.known()


def test_without_the_pulumi_cli_it_is_said_how_to_go_on(pulumi: FakePulumi) -> None:
    assert "not on PATH. Install it (pulumi.com/docs/install), or name a file" in from_pulumi(None).problem


def test_a_pulumi_cli_that_hangs_is_given_up(pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi.answer("while :; do :; done")
    monkeypatch.setattr(stacks, "MOST_SECONDS", 0.2)
    assert "took more than 0.2 s" in from_pulumi(None).problem


# --- the stack's own settings


@pytest.mark.parametrize(("script", "why"), [*WITHOUT_OUTPUTS, (None, "not on PATH")])
def test_where_pulumi_does_not_tell_the_settings_of_the_stack_that_is_named_do(
    pulumi: FakePulumi, by_settings: list[list[str]], script: str | None, why: str
) -> None:
    if script is not None:
        pulumi.answer(script)
    found = find("me/mle-004/prod", None, None)
    assert found.known().endpoint_name == "of-me/mle-004/prod"
    assert found.source == "Pulumi.prod.yaml"
    assert why.format(name="me/mle-004/prod") in found.problem
    assert by_settings == [["-m", "components", "--stack", "me/mle-004/prod"]]


def test_the_settings_are_read_in_the_account_of_the_persons_profile(
    pulumi: FakePulumi, by_settings: list[list[str]]
) -> None:
    find("prod", None, "ada")
    assert by_settings == [["-m", "components", "--stack", "prod", "--profile", "ada"]]


def test_outputs_that_pulumi_tells_go_before_the_settings(
    pulumi: FakePulumi, by_settings: list[list[str]], tmp_path: Path
) -> None:
    answering(pulumi, tmp_path)
    assert find("prod", None, None).known().endpoint_name == "churn"
    assert by_settings == []


def test_the_selected_stack_is_asked_for_by_name_before_its_settings_are_read(
    pulumi: FakePulumi, by_settings: list[list[str]]
) -> None:
    pulumi.answer("""if [ "$2" = --show-name ]; then echo dev; else echo '{}'; fi""")
    assert find(None, None, None).source == "Pulumi.dev.yaml"
    assert by_settings == [["-m", "components", "--stack", "dev"]]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (None, "not on PATH.*Or name the stack with --stack"),
        ("staging", "not on PATH.*there is no Pulumi.staging.yaml"),
    ],
)
def test_a_stack_that_nobody_tells_is_refused_with_what_would(
    pulumi: FakePulumi, by_settings: list[list[str]], name: str | None, says: str
) -> None:
    found = find(name, None, None)
    assert (found.stack, found.source, by_settings) == (None, "", [])
    with pytest.raises(InputError, match=says):
        found.known()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            subprocess.CompletedProcess([], 2, "", "error: thresholds.accuracy = 2\n"),
            "prod.yaml: thresholds.accuracy = 2",
        ),
        (subprocess.TimeoutExpired("python", 120), "prod.yaml could not be read in 120 s"),
    ],
)
def test_settings_that_cannot_be_read_are_told_with_pulumis_own_cause(
    pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch, answer: Any, says: str
) -> None:
    pulumi.answer("echo '{}'")
    run = stacks._run

    def only_pulumi(command: list[str]) -> subprocess.CompletedProcess[str]:
        if command[0] == "pulumi":
            return run(command)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(stacks, "_run", only_pulumi)
    with pytest.raises(InputError, match=f"there are none.*{says}"):
        find("prod", None, None).known()


# --- a file


def test_a_file_of_outputs_is_read_and_pulumi_is_not_asked(pulumi: FakePulumi, tmp_path: Path) -> None:
    answering(pulumi, tmp_path, endpoint_name="pulumis")
    file = outputs(tmp_path, endpoint_name="the-files")
    found = find(None, file, None)
    assert (found.known().endpoint_name, found.source, found.problem) == ("the-files", str(file), "")
    assert pulumi.asked == []


@pytest.mark.parametrize("text", ["", "[]", "nonsense"])
def test_a_file_without_outputs_is_told_with_the_command_that_writes_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.json").write_text(text)
    with pytest.raises(InputError, match="o.json holds no outputs.*pulumi stack output --json"):
        find(None, tmp_path / "o.json", None).known()


def test_a_file_and_a_stack_that_agree_are_one_stack(tmp_path: Path) -> None:
    file = outputs(tmp_path, stack_name="prod")
    assert find("me/mle-004/prod", file, None).known().stack_name == "prod"


@pytest.mark.parametrize(("changes", "said"), [({"stack_name": "dev"}, "of stack dev"), ({}, "does not name")])
def test_a_file_of_another_stack_than_the_one_named_is_refused(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=f"{said}, and --stack says prod. Give one of the two"):
        find("prod", outputs(tmp_path, **changes), None)
