"""What `python -m components` prints from a stack's file is what the program exports, without anything being there."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from components.__main__ import file_exports, file_settings
from components.exports import exports
from components.names import Names
from components.settings import Settings
from ml.errors import InputError
from ml.operate.stack import Stack
from ml.stack_file import PROJECT
from tests.harness import ACCOUNT, ROOT, Recorded, configured

STS = SimpleNamespace(get_caller_identity=lambda: {"Account": ACCOUNT})
OF_PULUMI_ALONE = {"clone_url_http", "branch_guard_policy"}
"""What AWS gives, for people; the commands need none of it."""


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stacks_file_tells_what_its_program_exports(stack: str, recorded: Callable[..., Recorded]) -> None:
    told = recorded(stack).exports
    assert file_exports(file_settings(PROJECT, stack), STS) == {
        name: value for name, value in told.items() if name not in OF_PULUMI_ALONE
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"approval": {"mode": "manual"}, "audit": {"trail": True}, "nameSuffix": "-b"},
        {"endpoint": {"kind": "serverless"}, "training": {"engine": "sagemaker"}},
        {"source": {"provider": "codeconnections", "repository": "a/b", "connectionArn": "CONNECTION"}},
    ],
    ids=["manual", "serverless", "elsewhere"],
)
def test_the_names_are_the_resources_own_in_every_mode(changes: Any, recorded: Callable[..., Recorded]) -> None:
    connection = f"arn:aws:codeconnections:us-east-1:{ACCOUNT}:connection/12345678-1234-1234-1234-123456789012"
    changes = json.loads(json.dumps(changes).replace("CONNECTION", connection))
    config = {key.removeprefix("mle-004:"): value for key, value in configured("dev", changes).items()}
    settings = Settings.parse(config, stack="dev", project="mle-004")
    names = Names.of(settings, account=ACCOUNT, region=settings.region)
    told = recorded("dev", changes).exports
    assert exports(names, settings) == {name: told[name] for name in told if name not in OF_PULUMI_ALONE}


@pytest.mark.parametrize("stack", ["dev", "me/mle-004/prod"])
def test_the_file_tells_all_that_the_operators_commands_need(stack: str) -> None:
    told = Stack.of(json.loads(json.dumps(file_exports(file_settings(ROOT, stack), STS))), "the file")
    assert told.stack_name == stack.rpartition("/")[2]
    assert (told.account, told.endpoint_name.startswith("mle-004-churn")) == (ACCOUNT, True)


def test_a_file_with_faults_is_told_with_every_repair(tmp_path: Any) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: mle-004\n")
    (tmp_path / "Pulumi.x.yaml").write_text("config:\n  useCase: chrun\n  nameSuffix: -y\n")
    with pytest.raises(InputError, match="stack mle-004/x:\n  useCase = 'chrun'.*\n.*pulumi config set --stack x"):
        file_settings(tmp_path, "x")


def test_names_that_aws_refuses_are_told_too(tmp_path: Any) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: mle-004\n")
    (tmp_path / "Pulumi.x.yaml").write_text("config:\n  aws:region: xx-nowhere-1\n")
    with pytest.raises(InputError, match="xx-nowhere-1"):
        file_exports(file_settings(tmp_path, "x"), STS)
