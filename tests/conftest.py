"""What every test may rely on: no AWS account in reach, strict Outputs, and the recorded program."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from components.settings import Settings
from ml.stack_file import project_name
from tests.harness import ROOT, Recorded, configured, record


def pytest_collection_finish() -> None:
    """Keep what the tests have imported out of each search for garbage: it stays until the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def nobodys_account() -> Iterator[None]:
    """Hide every AWS credential and setting of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for key in [key for key in os.environ if key.startswith("AWS_")]:
            patch.delenv(key)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def outputs_refuse_to_be_text() -> Iterator[None]:
    """Make Pulumi raise where an Output is formatted into a string instead of putting a help text there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_ERROR_OUTPUT_STRING", "true")
        yield


@pytest.fixture(scope="session")
def recorded(outputs_refuse_to_be_text: None) -> Callable[..., Recorded]:
    """Return `recorded(stack, changes, preview=False)`: what the program registers; equal settings are run once.

    Settings are all that the program reads of its configuration, so what is spelt out and what is left to its default
    is one question.
    """
    project = project_name(ROOT)
    runs: dict[tuple[str, bool], Recorded] = {}

    def run(stack: str = "dev", changes: Mapping[str, Any] | None = None, *, preview: bool = False) -> Recorded:
        values = {key.removeprefix(f"{project}:"): value for key, value in configured(stack, changes).items()}
        question = repr(Settings.parse(values, stack=stack, project=project)), preview
        if question not in runs:
            runs[question] = record(stack, changes, preview=preview)
        return runs[question]

    return run
