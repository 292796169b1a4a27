"""The whole program, for each stack file, as a preview and as an update; and the runner that plays the engine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from ml.errors import InputError
from ml.stack_file import stack_config
from rehearsal.provision.program import run_program
from tests.harness import ACCOUNT, REGION, ROOT, STACK_TYPE, ProviderMocks, Recorded, record

Record = Callable[..., Recorded]
STACKS = sorted(path.stem.removeprefix("Pulumi.") for path in ROOT.glob("Pulumi.*.yaml"))
PROVIDER_TYPE = "pulumi:providers:aws"
KEPT_FOR_PEOPLE = {
    "stack_name": "dev",
    "clone_url_http": f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/model-registry-pipeline-repo",
    "branch": "main",
    "pipeline_name": "mle-004-model-registry-pipeline",
    "pipeline_console_url": f"https://{REGION}.console.aws.amazon.com/codesuite/codepipeline/pipelines"
    f"/mle-004-model-registry-pipeline/view?region={REGION}",
    "model_package_group": "ChurnPredictionModels",
    "endpoint_name": "mle-004-churn",
    "model_bucket": f"mle-004-models-{ACCOUNT}-{REGION}",
    "artifact_bucket": f"mle-004-artifacts-{ACCOUNT}-{REGION}",
    "alarms_topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-alarms",
    "approval_mode": "automated",
    "thresholds": {"accuracy": 0.85},
    "region": REGION,
    # What `python -m ml` reads.
    "queues": {"push": "mle-004-source-push-dead-letters", "approval": "mle-004-auto-approve-dead-letters"},
    "alarms": [
        f"mle-004-{alarm}"
        for alarm in (
            "pipeline-failed",
            "push-dead-letters",
            "decision-failed",
            "dead-letters",
            "endpoint-errors",
            "endpoint-latency",
        )
    ],
    "build_projects": ["train-model", "deploy-model"],
    "endpoint": {
        "kind": "realtime",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "max_instance_count": 1,
        "memory_mb": 2048,
        "max_concurrency": 10,
        "traffic": "all-at-once",
        "bake_seconds": 300,
        "keep_versions": 3,
    },
    "training": {
        "engine": "codebuild",
        "compute_type": "BUILD_GENERAL1_SMALL",
        "image": "aws/codebuild/standard:7.0",
        "instance_type": "ml.m5.xlarge",
        "instance_count": 1,
        "max_runtime_minutes": 60,
        "data_uri": "",
        "target": "churned",
        "search": {"trials": 0, "folds": 3, "parallel_jobs": 1},
    },
    "gate": {"basis": "point", "confidence": 0.95, "championMargin": None},
    "parts": {
        "functions": ["mle-004-auto-approve-model"],
        "rules": ["mle-004-pipeline-failed-rule", "mle-004-source-push-rule", "mle-004-model-registry-rule"],
        "log_groups": [
            "/aws/codebuild/train-model",
            "/aws/codebuild/deploy-model",
            "/aws/sagemaker/Endpoints/mle-004-churn",
            "/aws/lambda/mle-004-auto-approve-model",
        ],
        "topics": [f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-alarms"],
    },
}


def test_the_stack_files_are_those_of_dev_and_prod() -> None:
    assert STACKS == ["dev", "prod"]


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
@pytest.mark.parametrize("stack", STACKS)
def test_the_program_runs_and_registers_no_name_twice(stack: str, preview: bool, recorded: Record) -> None:
    run = recorded(stack, preview=preview)
    assert run.duplicates == ()
    assert len(run.resources) > 60
    names = [(one.type, one.name) for one in run.resources]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("stack", STACKS)
def test_a_preview_registers_what_an_update_does(stack: str, recorded: Record) -> None:
    assert [one.urn for one in recorded(stack, preview=True).resources] == [
        one.urn for one in recorded(stack).resources
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_belongs_to_a_component_and_is_named_after_it(stack: str, recorded: Record) -> None:
    run = recorded(stack)
    by_urn = {one.urn: one for one in run.resources}
    for one in run.resources:
        if one.type in (STACK_TYPE, PROVIDER_TYPE):
            continue
        parent = by_urn[one.parent]
        if one.custom:
            assert parent.type.startswith("mle004:components:"), one.urn
        if parent.type != STACK_TYPE:
            # A component that is the whole of another may keep its name.
            whole = not one.custom and one.name == parent.name
            assert whole or one.name.startswith(f"{parent.name}-"), one.urn


def test_the_exports_are_what_a_person_needs_next(recorded: Record) -> None:
    assert recorded().exports == KEPT_FOR_PEOPLE


def test_a_preview_already_tells_what_is_computed_from_names(recorded: Record) -> None:
    known = recorded(preview=True).exports
    assert known == {**KEPT_FOR_PEOPLE, "clone_url_http": None, "alarms_topic": None}


def test_prod_is_judged_more_strictly_and_serves_from_two_instances(recorded: Record) -> None:
    dev, prod = recorded("dev"), recorded("prod")
    assert prod.exports["thresholds"]["accuracy"] > dev.exports["thresholds"]["accuracy"]
    variables = prod.one("Project", "deploy").inputs["environment"]["environmentVariables"]
    assert {"name": "ENDPOINT_INSTANCE_COUNT", "value": "2", "type": "PLAINTEXT"} in variables


def test_dev_and_prod_share_no_physical_name(recorded: Record) -> None:
    keys = ("name", "bucket", "repositoryName", "modelPackageGroupName")

    def physical(stack: str) -> set[str]:
        return {str(one.inputs[key]) for one in recorded(stack).resources for key in keys if key in one.inputs}

    assert len(physical("dev")) > 20
    assert not physical("dev") & physical("prod")


def test_every_physical_name_is_chosen_and_none_is_left_to_chance(recorded: Record) -> None:
    named = ("Role", "iam/policy:Policy", "Project", "Pipeline", "Function", "EventRule", "LogGroup", "Queue", "Alias")
    unnamed = [one.urn for kind in named for one in recorded().of(kind) if not one.inputs.get("name")]
    assert unnamed == []


def test_a_stack_file_is_read_as_the_engine_reads_it(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: road\n")
    (tmp_path / "Pulumi.x.yaml").write_text(
        'config:\n  aws:region: eu-west-1\n  nameSuffix: ""\n  protectData: true\n'
        '  thresholds: {accuracy: 0.9, f1: "0.8"}\n'
    )
    config = stack_config(tmp_path, "x")
    assert config.pop("road:thresholds") == json.dumps({"accuracy": 0.9, "f1": "0.8"})
    assert config == {"aws:region": "eu-west-1", "road:nameSuffix": "", "road:protectData": "true"}


def test_a_stack_without_a_file_is_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"Pulumi\.staging\.yaml is not in "):
        stack_config(ROOT, "staging")


class _Calls(ProviderMocks):
    """Providers that remember who was asked what."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.regions: dict[str, str] = {}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        self.asked.append((args.token.rpartition(":")[2], args.provider))
        return super().call(args)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == PROVIDER_TYPE:
            self.regions[args.name] = args.inputs["region"]
        return super().new_resource(args)


def test_a_stack_that_sets_no_region_asks_in_the_programs_own_for_its_account() -> None:
    config = {key: value for key, value in stack_config(ROOT, "dev").items() if key != "aws:region"}
    mocks = _Calls()
    run_program(ROOT, mocks, project="mle-004", stack="dev", config=config)
    [(what, by)] = mocks.asked
    assert what == "getCallerIdentity"
    assert mocks.regions[by.split("::")[-2]] == REGION


@pytest.mark.slow
def test_a_stack_that_is_turned_over_keeps_a_group_of_a_name_of_its_own(recorded: Record) -> None:
    """Another name or description would be another group; a second one of that name cannot be made."""
    churn, fraud = (
        recorded("dev", {"modelPackageGroup": "Shared", "useCase": use_case, "thresholds": {}}).one("ModelPackageGroup")
        for use_case in ("churn", "fraud")
    )
    assert churn.inputs == fraud.inputs


class _Refusing(ProviderMocks):
    """A provider that cannot make log groups."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ.endswith(":LogGroup"):
            raise RuntimeError(f"no room for {args.name}")
        return super().new_resource(args)


@pytest.mark.slow
def test_a_failed_run_raises_and_leaves_nothing_for_the_next_one(recorded: Record) -> None:
    config = stack_config(ROOT, "dev")
    with pytest.raises(RuntimeError, match="no room for "):
        run_program(ROOT, _Refusing(), project="mle-004", stack="dev", config=config)
    assert record("dev").exports == KEPT_FOR_PEOPLE


def test_a_program_sees_only_its_own_configuration(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        "import pulumi\n"
        "config = pulumi.Config()\n"
        "pulumi.export('colour', config.get('colour'))\n"
        "pulumi.export('stack', pulumi.get_stack())\n"
        "pulumi.export('later', pulumi.Output.concat('a', 'b'))\n"
    )

    def exports(config: dict[str, str], stack: str) -> dict[str, Any]:
        return run_program(tmp_path, ProviderMocks(), project="road", stack=stack, config=config)

    assert exports({"road:colour": "green"}, "x") == {"colour": "green", "stack": "x", "later": "ab"}
    assert exports({}, "y") == {"colour": None, "stack": "y", "later": "ab"}
