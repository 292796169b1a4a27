"""`python -m components`: print a stack's outputs as JSON, as its file says them. Nothing has to exist of the stack.

For `python -m ml` when Pulumi does not tell them: they end with the stack, and what the Deploy stage made may not.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import boto3
import pulumi

from components.exports import exports
from components.names import Names
from components.settings import Settings
from ml import stack_file
from ml.entry import run
from ml.errors import InputError


def file_settings(directory: Path, stack: str) -> Settings:
    """Return the settings that `Pulumi.<stack>.yaml` gives the stack. Raises InputError with every problem."""
    project, short = stack_file.project_name(directory), stack.rpartition("/")[2]
    config = stack_file.stack_config(directory, stack)
    try:
        return Settings.parse(
            {key.removeprefix(f"{project}:"): value for key, value in config.items()}, stack=short, project=project
        )
    except pulumi.RunError as error:
        raise InputError(str(error)) from error


def file_exports(settings: Settings, sts: Any) -> dict[str, Any]:
    """Return the outputs of the stack that has these settings, in the account of the credentials of `sts`."""
    account = sts.get_caller_identity()["Account"]
    try:
        names = Names.of(settings, account=account, region=settings.region)
    except pulumi.RunError as error:
        raise InputError(str(error)) from error
    return exports(names, settings)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m components", description=__doc__)
    parser.add_argument("--stack", required=True, help="whose file is read")
    parser.add_argument("--profile", help="the AWS profile; its account is the stack's")
    asked = parser.parse_args()
    settings = file_settings(stack_file.PROJECT, asked.stack)
    session = boto3.Session(region_name=settings.region, profile_name=asked.profile)
    print(json.dumps(file_exports(settings, session.client("sts"))))  # noqa: T201 - what it is asked for


if __name__ == "__main__":
    raise SystemExit(run(_main))
