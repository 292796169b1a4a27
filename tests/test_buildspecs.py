"""The buildspecs: parsed as CodeBuild reads them, and held against the code that they call."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml import contract, runtimes

ROOT = Path(__file__).resolve().parents[1]
STAGES = {"train": "ml.create_model_package", "deploy": "ml.deploy_model"}


def buildspec(stage: str) -> Any:
    return yaml.safe_load((ROOT / f"buildspecs/buildspec-{stage}.yml").read_text("utf-8"))


def commands(stage: str) -> list[str]:
    return [command for phase in buildspec(stage)["phases"].values() for command in phase["commands"]]


@pytest.mark.parametrize("stage", STAGES)
def test_the_format_is_0_2_in_which_commands_share_one_shell(stage: str) -> None:
    assert buildspec(stage)["version"] == 0.2


@pytest.mark.parametrize("stage", STAGES)
def test_python_is_the_serving_containers(stage: str) -> None:
    installed = buildspec(stage)["phases"]["install"]["runtime-versions"]

    assert {name: str(version) for name, version in installed.items()} == {"python": runtimes.PYTHON_VERSION}


@pytest.mark.parametrize("stage", STAGES)
def test_every_installation_is_by_hash_from_a_locked_file_of_its_stage(stage: str) -> None:
    installs = [command for command in commands(stage) if "pip install" in command]

    assert len(installs) == 2
    for command, name in zip(installs, ["installer", stage], strict=True):
        assert "--require-hashes" in command
        assert re.findall(r"-r (\S+)", command) == [f"buildspecs/requirements-{name}.txt"]
        assert (ROOT / f"buildspecs/requirements-{name}.txt").is_file()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("installed", "asked"),
    [
        ("", ["pip"]),
        ("uv {locked} (x86_64-unknown-linux-gnu)", []),
        ("uv {locked}1 (x)", ["pip"]),
        ("uv 0.1 (x)", ["pip"]),
    ],
)
def test_pip_installs_uv_unless_the_locked_version_is_there(
    tmp_path: Path, stage: str, installed: str, asked: list[str]
) -> None:
    lock = (ROOT / "buildspecs/requirements-installer.txt").read_text("utf-8")
    (version,) = re.findall(r"^uv==(\S+)", lock, flags=re.MULTILINE)
    says = f"echo '{installed.format(locked=version)}'" if installed else "exit 1"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in "-m uv --version") {says} ;; "-m pip"*) echo pip >> "$ASKED" ;; esac\n')
    python.chmod(0o755)
    (command,) = [command for command in commands(stage) if "requirements-installer" in command]
    told = tmp_path / "asked"

    environment = {"PATH": f"{tmp_path}:{os.defpath}", "ASKED": str(told)}
    subprocess.run(["/bin/sh", "-ec", command], env=environment, check=True)

    assert (told.read_text().split() if told.exists() else []) == asked


@pytest.mark.parametrize(("stage", "module"), STAGES.items())
def test_the_build_runs_the_stages_entry(stage: str, module: str) -> None:
    run = [command for command in commands(stage) if command.startswith("python -m ml.")]

    assert run == [f"python -m {module}"]
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_the_train_build_hands_on_what_the_contract_names() -> None:
    spec = buildspec("train")

    assert spec["env"]["exported-variables"] == [
        contract.MODEL_PACKAGE_ARN,
        contract.MODEL_SUMMARY,
        contract.MODEL_REPORT_URL,
    ]
    assert spec["artifacts"] == {"files": [contract.MODEL_PACKAGE_ARN_FILE]}
    exports = dict(re.findall(r'export (\w+)="\$\(cat (\S+)\)"', "\n".join(commands("train"))))
    assert exports == {
        contract.MODEL_PACKAGE_ARN: contract.MODEL_PACKAGE_ARN_FILE,
        contract.MODEL_SUMMARY: contract.MODEL_SUMMARY_FILE,
        contract.MODEL_REPORT_URL: contract.MODEL_REPORT_URL_FILE,
    }


def test_exports_follow_the_entry_that_writes_their_files() -> None:
    build = buildspec("train")["phases"]["build"]["commands"]

    assert [command.split()[0] for command in build] == ["python", "export", "export", "export"]


def test_the_deploy_build_leaves_nothing_behind() -> None:
    assert buildspec("deploy").keys() == {"version", "phases"}


@pytest.mark.parametrize("stage", STAGES)
def test_no_value_of_the_environment_is_set_here(stage: str) -> None:
    """The program sets them from the settings; a second place would win silently."""
    assert "variables" not in buildspec(stage).get("env", {})
