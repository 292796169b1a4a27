"""The clean-up resource: what Pulumi keeps of it, when it goes, and what it then does."""

import base64
import os
import pickletools
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from components.clean_up import ReleasesProvider, remove_releases
from ml import clean_up
from ml.errors import InputError
from tests.harness import ROOT, Recorded

Record = Callable[..., Recorded]

PROPERTIES = {
    "account": "123456789012",
    "region": "us-east-1",
    "profile": "",
    "endpoint_name": "mle-004-churn",
    "model_package_group": "ChurnPredictionModels",
    "build_projects": ["train-model", "deploy-model"],
    "remove_versions": True,
    "__provider": "serialised",
}
CONNECTION = "connection/01234567-89ab-cdef-0123-456789abcdef"
HOSTED_ELSEWHERE = {
    "source": {
        "provider": "codeconnections",
        "connectionArn": f"arn:aws:codeconnections:us-east-1:123456789012:{CONNECTION}",
        "repository": "owner/name",
    }
}


def serialised(run: Recorded) -> str:
    return str(run.one("Releases").inputs["__provider"])


# --- what the state of a stack holds ---------------------------------------------------------------------------------


def test_dev_gives_its_versions_up_and_prod_keeps_them(recorded: Record) -> None:
    known = {name: value for name, value in PROPERTIES.items() if name != "__provider"}
    dev, prod = (recorded(stack).one("Releases").inputs for stack in ("dev", "prod"))
    assert {name: value for name, value in dev.items() if name != "__provider"} == known
    assert (prod["remove_versions"], prod["endpoint_name"]) == (False, "mle-004-churn-prod")
    assert prod["build_projects"] == ["train-model-prod", "deploy-model-prod"]


def test_the_profile_of_the_stack_is_passed_on(recorded: Record) -> None:
    assert recorded("dev", {"aws:profile": "work"}).one("Releases").inputs["profile"] == "work"


def test_a_class_is_remembered_by_its_name_and_none_of_its_code(recorded: Record) -> None:
    content = base64.b64decode(serialised(recorded("dev")))
    texts = [argument for _, argument, _ in pickletools.genops(content) if isinstance(argument, str)]
    assert texts == ["components.clean_up", "ReleasesProvider"]
    assert len(content) < 100


@pytest.mark.slow
def test_every_run_and_every_stack_remembers_the_same(recorded: Record) -> None:
    here = serialised(recorded("dev"))
    program = "from components.clean_up import ReleasesProvider as P; from pulumi.dynamic.dynamic import *"
    elsewhere = [_python(f"{program}; print(serialize_provider(P()))", seed) for seed in ("1", "2")]
    assert {here, serialised(recorded("prod")), *elsewhere} == {here}


@pytest.mark.slow
def test_a_fresh_process_in_the_projects_folder_can_use_what_was_remembered(recorded: Record) -> None:
    program = f"import base64, dill; p = dill.loads(base64.b64decode({serialised(recorded('dev'))!r}))"
    assert _python(f"{program}; print(type(p).__name__, p.create({PROPERTIES!r}).id)", "0") == (
        "ReleasesProvider mle-004-churn"
    )


def _python(program: str, seed: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# --- when it goes ----------------------------------------------------------------------------------------------------


def outlive(run: Recorded, urn: str) -> set[str]:
    """Return type and name of what an engine deletes later than `urn`: what it needs, and that in turn."""
    by_urn, found, waiting = {one.urn: one for one in run.resources}, set(), [urn]
    while waiting:
        one = by_urn[waiting.pop()]
        for needed in {*one.depends_on, one.parent} & by_urn.keys() - found:
            found.add(needed)
            waiting.append(needed)
    return {f"{by_urn[each].type.rpartition(':')[2]} {by_urn[each].name}" for each in found}


@pytest.mark.parametrize("changes", [{}, HOSTED_ELSEWHERE], ids=["codecommit", "codeconnections"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_what_releases_need_goes_after_them(recorded: Record, stack: str, changes: dict[str, Any]) -> None:
    run = recorded(stack, changes)
    later = outlive(run, run.one("Releases").urn)
    assert {
        "ModelPackageGroup registry-group",
        "Role roles-execution-role",
        "RolePolicyAttachment roles-execution-access-attachment",
        "Bucket storage-models-bucket",
        "Key key-key",
        "LogGroup endpoint-log",
        "Project train-project",
        "Project deploy-project",
    } <= later
    assert "Pipeline release-pipeline" not in later


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_pipeline_that_could_make_one_more_release_goes_before_them(recorded: Record, stack: str) -> None:
    run = recorded(stack)
    assert "Releases clean-up-releases" in outlive(run, run.one("Pipeline", "release").urn)


# --- what Pulumi asks of it ------------------------------------------------------------------------------------------


def test_to_create_it_calls_nobody_and_keeps_every_property() -> None:
    made = ReleasesProvider().create(PROPERTIES)
    assert (made.id, made.outs) == ("mle-004-churn", PROPERTIES)


@pytest.mark.parametrize(
    ("changed", "replaces"),
    [
        ({}, []),
        ({"remove_versions": False}, []),
        ({"profile": "work"}, []),
        ({"__provider": "serialised by a newer version"}, []),
        ({"endpoint_name": "mle-004-churn-b"}, ["endpoint_name"]),
        ({"region": "eu-west-1", "account": "1"}, ["account", "region"]),
        ({"model_package_group": "Other"}, ["model_package_group"]),
    ],
)
def test_other_releases_are_a_replacement_and_other_choices_an_update(
    changed: dict[str, Any], replaces: list[str]
) -> None:
    provider, new = ReleasesProvider(), {**PROPERTIES, **changed}
    verdict = provider.diff("mle-004-churn", PROPERTIES, new)
    assert (verdict.changes, verdict.replaces) == (bool(changed), replaces)
    assert provider.update("mle-004-churn", PROPERTIES, new).outs == new


def test_nothing_in_it_is_encrypted_as_a_secret() -> None:
    assert ReleasesProvider.serialize_as_secret_always is False


# --- what its deletion does ------------------------------------------------------------------------------------------


class Session:
    """Credentials of one account. Keeps how each client was asked for."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.attempts: dict[str, int] = {}

    def client(self, service: str, *, config: Any) -> Any:
        self.attempts[service] = config.retries["total_max_attempts"]
        return SimpleNamespace(service=service, get_caller_identity=lambda: {"Account": self.account})


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is done in which order, with nothing of it done."""
    done: list[Any] = []

    def step(name: str, answer: Any = None) -> Callable[..., Any]:
        def record(_clients: Any, *arguments: Any, **_more: Any) -> Any:
            done.append((name, *arguments))
            return answer

        return record

    for name in ("stop_builds", "remove_all", "remove_versions"):
        monkeypatch.setattr(clean_up, name, step(name))
    monkeypatch.setattr(clean_up, "package_versions", step("package_versions", ["arn:1"]))
    return done


def test_builds_are_stopped_first_and_versions_go_last(steps: list[Any]) -> None:
    session = Session("123456789012")
    remove_releases(PROPERTIES, session, say=lambda text: None)
    assert steps == [
        ("stop_builds", ["train-model", "deploy-model"]),
        ("remove_all", "mle-004-churn"),
        ("package_versions", "ChurnPredictionModels"),
        ("remove_versions", ["arn:1"]),
    ]
    assert session.attempts == dict.fromkeys(("sts", "sagemaker", "application-autoscaling", "codebuild"), 8)


def test_protected_versions_stay(steps: list[Any]) -> None:
    remove_releases({**PROPERTIES, "remove_versions": False}, Session("123456789012"), say=lambda text: None)
    assert [name for name, *_ in steps] == ["stop_builds", "remove_all"]


def test_credentials_of_another_account_remove_nothing(steps: list[Any]) -> None:
    with pytest.raises(InputError, match="credentials are of account 999999999999, the stack is in 123456789012"):
        remove_releases(PROPERTIES, Session("999999999999"), say=lambda text: None)
    assert steps == []
