"""Completion: the script of each shell is made, and bash, which is everywhere, completes with it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml.operate.app import app
from ml.operate.completion import SHELLS, script


def made(shell: str) -> str:
    result = CliRunner().invoke(app, ["completion", shell])
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_brings_the_name_and_asks_this_project(shell: str) -> None:
    text = made(shell)
    assert text == script(app, shell)
    first = text.splitlines()[0]
    assert first.startswith("function ml" if shell == "fish" else "ml() {")
    asked = [line for line in text.splitlines() if f"_ML_COMPLETE={shell}_complete" in line]
    assert len(asked) == 1
    assert " -m ml" in asked[0]
    assert "commands[ml]" not in text


def test_another_shell_is_refused_with_those_that_there_are() -> None:
    refused = CliRunner().invoke(app, ["completion", "csh"])
    assert refused.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in refused.output


def bash(commands: str, folder: Path) -> str:
    program = shutil.which("bash")
    assert program is not None
    done = subprocess.run([program, "--norc", "-c", commands], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_bash_completes_commands_and_options_and_runs_them_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "completion").write_text(made("bash"))
    asked = "COMP_WORDS=(ml {word}); COMP_CWORD={place}; COMPREPLY=(); _ml_completion ml; echo ${{COMPREPLY[@]}};"
    said = bash(
        "source ./completion;"
        + asked.format(word="ro", place=1)
        + asked.format(word="replay --pl", place=2)
        + "ml rollback --help",
        tmp_path,
    ).splitlines()
    assert said[0] == "rollback"
    assert said[1] == "--plot"
    assert said[2] == "Usage: python -m ml rollback [OPTIONS]"


def test_help_says_what_the_exit_status_means() -> None:
    shown = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert (
        "Exit status: 0 all is well; 1 it is not, or AWS refused; 2 the command or its input must be repaired" in shown
    )
