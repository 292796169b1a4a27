"""Settings: what is accepted, what is refused, and that every refusal carries the command that repairs it."""

import re
from typing import Any

import botocore.session
import pulumi
import pytest
import yaml

from components.settings import Settings, sections, training_section
from components.settings import endpoint_section as of_endpoint
from ml import catalogue, runtimes
from ml.gate import Rule
from tests.harness import ROOT, record

CONNECTED = {
    "provider": "codeconnections",
    "connectionArn": "arn:aws:codeconnections:us-east-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef",
    "repository": "team/models",
}


def parse(values: dict[str, Any] | None = None, *, stack: str = "dev") -> Settings:
    return Settings.parse(values or {}, stack=stack, project="mle-004")


def refusal(values: dict[str, Any], *, stack: str = "dev") -> list[str]:
    """Return the lines of the one error that these values end in, without its headline."""
    with pytest.raises(pulumi.RunError) as caught:
        parse(values, stack=stack)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_defaults_are_the_design() -> None:
    settings = parse()
    assert settings.thresholds == {"accuracy": 0.85}
    assert (settings.approval.mode, settings.approval.timeout_minutes) == ("automated", 10_080)
    assert settings.source.branch == "main"
    assert (settings.use_case, settings.model_package_group) == ("churn", "ChurnPredictionModels")
    assert (settings.endpoint.instance_type, settings.endpoint.instance_count) == ("ml.m5.large", 1)
    assert (settings.training.compute_type, settings.training.image) == ("BUILD_GENERAL1_SMALL", runtimes.BUILD_IMAGE)
    assert (settings.training.data_uri, settings.training.target) == ("", "churned")
    assert settings.audit.retention_days == 365


@pytest.mark.parametrize("use_case", catalogue.USE_CASES)
def test_an_empty_group_is_the_use_cases_own(use_case: str) -> None:
    own = catalogue.USE_CASES[use_case].model_package_group
    assert parse({"useCase": use_case, "modelPackageGroup": ""}).model_package_group == own
    assert parse({"useCase": use_case, "modelPackageGroup": "Shared"}).model_package_group == "Shared"


def test_a_default_is_a_value_that_would_be_accepted() -> None:
    defaults = parse()
    again = {
        "nameSuffix": defaults.name_suffix,
        "useCase": defaults.use_case,
        "modelPackageGroup": defaults.model_package_group,
        "thresholds": dict(defaults.thresholds),
        "approval": {"mode": defaults.approval.mode, "timeoutMinutes": defaults.approval.timeout_minutes},
        "gate": {
            "basis": defaults.gate.basis,
            "confidence": defaults.gate.confidence,
            "championMargin": defaults.gate.champion_margin,
        },
        "source": {
            "provider": defaults.source.provider,
            "branch": defaults.source.branch,
            "reviews": defaults.source.reviews,
        },
        "alarms": {"emails": list(defaults.alarms.emails)},
        "tags": dict(defaults.tags),
        "training": {
            "computeType": defaults.training.compute_type,
            "image": defaults.training.image,
            "dataUri": defaults.training.data_uri,
            "target": defaults.training.target,
            "engine": defaults.training.engine,
            "search": {"trials": defaults.training.search.trials, "folds": defaults.training.search.folds},
        },
        "endpoint": {
            "instanceType": defaults.endpoint.instance_type,
            "instanceCount": defaults.endpoint.instance_count,
            "maxInstanceCount": defaults.endpoint.max_instance_count,
            "traffic": defaults.endpoint.traffic,
            "bakeSeconds": defaults.endpoint.bake_seconds,
            "keepVersions": defaults.endpoint.keep_versions,
        },
        "audit": {"trail": defaults.audit.trail, "retentionDays": defaults.audit.retention_days},
        "protectData": defaults.protect_data,
    }
    assert parse(again) == defaults


@pytest.mark.parametrize("given", ["0.9", 0.9, ".9", "9e-1"])
def test_a_threshold_is_a_number_or_its_text(given: object) -> None:
    assert parse({"thresholds": {"accuracy": given}}).thresholds == {"accuracy": 0.9}


@pytest.mark.parametrize("given", [0, "0", 0.0])
def test_zero_is_a_value(given: object) -> None:
    assert parse({"thresholds": {"recall": given}}).thresholds == {"recall": 0.0}


def test_an_error_metric_may_exceed_one() -> None:
    assert parse({"thresholds": {"log_loss": "1.5"}}).thresholds == {"log_loss": 1.5}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (float("nan"), "is not a finite number"),
        ("nan", "is not a number"),
        (float("inf"), "is not a finite number"),
        ("1e309", "is not a finite number"),
        (10**400, "is not a finite number"),
        (1.5, "is not between 0 and 1"),
        (-0.01, "is not between 0 and 1"),
        ("85", "is not between 0 and 1"),
        ("85%", "is not a number"),
        ("", "is not a number"),
        (" 0.9", "is not a number"),
        ("0_9", "is not a number"),
        ("\uff10.\uff19", "is not a number"),
        (True, "is not a number"),
        ("true", "is not a number"),
        (None, "is not a number"),
        ({"min": 0.9}, "is not a number"),
        ([0.9], "is not a number"),
    ],
)
def test_what_is_no_share_is_refused(given: object, reason: str) -> None:
    what, repair = refusal({"thresholds": {"accuracy": given}})
    assert what.startswith("thresholds.accuracy = ")
    assert what.endswith(reason)
    assert repair == "pulumi config set --stack dev --path thresholds.accuracy 0.85"


def test_nan_in_json_text_is_refused() -> None:
    assert "is not a finite number" in refusal({"thresholds": '{"accuracy": NaN}'})[0]


def test_a_misspelt_metric_is_refused_with_the_one_that_was_meant() -> None:
    assert refusal({"thresholds": {"acuracy": "0.9"}}) == [
        "thresholds.acuracy is not a metric of classification; accuracy is one",
        "pulumi config rm --stack dev --path thresholds.acuracy"
        " && pulumi config set --stack dev --path thresholds.accuracy 0.9",
    ]


def test_a_misspelt_metric_does_not_overwrite_the_right_one() -> None:
    _, repair = refusal({"thresholds": {"Accuracy": "0.5", "accuracy": "0.9"}})
    assert repair == "pulumi config rm --stack dev --path thresholds.Accuracy"


def test_a_forgotten_path_option_is_recognised() -> None:
    assert refusal({"thresholds.accuracy": "0.9"}) == [
        "thresholds.accuracy was set without --path",
        "pulumi config rm --stack dev thresholds.accuracy"
        " && pulumi config set --stack dev --path thresholds.accuracy 0.9",
    ]


@pytest.mark.parametrize("use_case", catalogue.USE_CASES)
@pytest.mark.parametrize("empty", [{}, "{}"])
def test_without_limits_of_the_stack_the_use_cases_own_hold(empty: object, use_case: str) -> None:
    own = catalogue.USE_CASES[use_case].thresholds
    assert parse({"useCase": use_case, "thresholds": empty}).thresholds == own
    assert parse({"useCase": use_case}).thresholds == own


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("use_case", ["fraud", "maintenance", "segmentation"])
def test_limits_left_from_another_use_case_are_refused_with_the_command_after_which_all_is_well(
    use_case: str, stack: str
) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"] | {"useCase": use_case}
    what, repair = refusal(config, stack=stack)
    known = catalogue.USE_CASES[use_case]
    name, limit = next(iter(known.thresholds.items()))
    assert what.startswith(f"thresholds name accuracy alone, which cannot judge the use case {use_case}; its own are ")
    assert f"{name} {limit:g}" in what
    assert repair == f"pulumi config rm --stack {stack} thresholds"

    # What the engine hands over then: the default of Pulumi.yaml.
    default = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]["thresholds"]["default"]
    assert parse(config | {"thresholds": default}, stack=stack).thresholds == known.thresholds


def test_a_metric_that_misleads_alone_may_stand_beside_one_that_does_not() -> None:
    limits = {"accuracy": 0.98, "average_precision": 0.5}
    assert parse({"useCase": "fraud", "thresholds": limits}).thresholds == limits
    assert (
        "thresholds name brier, log_loss alone"
        in refusal({"useCase": "fraud", "thresholds": {"brier": 0.1, "log_loss": 0.2}})[0]
    )


@pytest.mark.parametrize("given", ["0.9", 0.9, "accuracy", [0.9], None])
def test_thresholds_that_are_no_map_are_refused_once(given: object) -> None:
    what, repair = refusal({"thresholds": given})
    assert what.endswith("is not a map")
    assert repair == "pulumi config rm --stack dev thresholds"


def test_unknown_settings_are_refused_at_every_level() -> None:
    lines = refusal({"aproval": {"mode": "manual"}, "approval": {"mod": "manual"}, "endpoint": {"a.b": 1}})
    assert "approval.mod is not a setting; mode is one" in lines
    assert 'endpoint["a.b"] is not a setting' in lines
    assert "aproval is not a setting; approval is one" in lines
    assert "pulumi config rm --stack dev aproval" in lines


def test_all_problems_come_in_one_error() -> None:
    wrong = {
        "useCase": "chrun",
        "nameSuffix": "Dev_1",
        "modelPackageGroup": "Churn_Models",
        "thresholds": {"accuracy": float("nan"), "acuracy": 0.9, "f1": 1.5},
        "thresholds.auc": "0.8",
        "approval": {"mode": "Manual", "timeoutMinutes": 4},
        "source": {"branch": "refs/heads/main"},
        "training": {"computeType": "BIG", "image": "", "dataUri": "data.csv", "target": "a\nb"},
        "endpoint": {"instanceType": "m5.large", "instanceCount": 0},
        "audit": {"retentionDays": 364},
        "protectData": "yes",
        "colour": "green",
    }
    with pytest.raises(pulumi.RunError) as caught:
        parse(wrong)
    headline, *lines = str(caught.value).splitlines()
    assert headline == "19 problem(s) in the configuration of stack mle-004/dev:"
    problems, repairs = lines[::2], lines[1::2]
    assert len(problems) == len(repairs) == 19
    assert all(line.strip().startswith("pulumi config ") for line in repairs)


@pytest.mark.parametrize(
    ("section", "key", "given"),
    [
        ("approval", "mode", "Both"),
        ("approval", "mode", ""),
        ("approval", "timeoutMinutes", 86_401),
        ("approval", "timeoutMinutes", "ten"),
        ("source", "branch", ""),
        ("source", "branch", "two words"),
        ("source", "branch", "a..b"),
        ("source", "branch", "main/"),
        ("training", "computeType", "BUILD_LAMBDA_1GB"),
        ("training", "image", "two words"),
        ("training", "dataUri", "s3://bucket/rows.json"),
        ("training", "dataUri", "s3://bucket/*.csv"),
        ("training", "dataUri", "s3://bucket/${aws:username}.csv"),
        ("training", "dataUri", "s3://Bucket/rows.csv"),
        ("training", "dataUri", "https://example.com/rows.csv"),
        ("endpoint", "instanceType", "ml.m5.huge"),
        ("endpoint", "instanceType", "ml.m5.large "),
        ("endpoint", "instanceType", ["ml.m5.large"]),
        ("endpoint", "instanceType", "ml.c7g.large"),
        ("endpoint", "instanceType", "ml.r7gd.large"),
        ("endpoint", "instanceType", "ml.g5.xlarge"),
        ("endpoint", "instanceType", "ml.inf2.xlarge"),
        ("endpoint", "instanceCount", -1),
        ("endpoint", "instanceCount", "2.5"),
        ("endpoint", "instanceCount", 1000),
        ("endpoint", "instanceCount", True),
        ("audit", "retentionDays", 0),
        ("audit", "trail", "yes"),
        ("gate", "basis", "lower"),
        ("gate", "confidence", 95),
        ("gate", "confidence", 0.4),
        ("source", "provider", "github"),
        ("source", "reviews", -1),
        ("training", "engine", "batch"),
        ("endpoint", "kind", "batch"),
        ("endpoint", "maxInstanceCount", 0),
        ("endpoint", "traffic", "blue-green"),
        ("endpoint", "bakeSeconds", 3601),
        ("endpoint", "keepVersions", 1),
    ],
)
def test_a_wrong_part_is_refused_and_its_repair_is_accepted(section: str, key: str, given: object) -> None:
    _, repair = refusal({section: {key: given}})
    command = re.fullmatch(rf"pulumi config set --stack dev --path {section}\.{key} (.+)", repair)
    assert command
    assert parse({section: {key: command[1].strip("'")}}) == parse()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"approval": {"approvers": "a@example.com"}}, "is not a list"),
        ({"approval": {"approvers": ["nobody"], "mode": "manual"}}, "is not an e-mail address"),
        ({"approval": {"approvers": ["a@example.com\n"], "mode": "manual"}}, "is not an e-mail address"),
        ({"alarms": {"emails": ["a@b.c, d@e.f"]}}, "is not an e-mail address"),
        ({"gate": {"championMargin": -0.01}}, "is not at least 0, nor null"),
        ({"gate": {"championMargin": True}}, "is not a number, nor null"),
        ({"gate": {"championMargin": ".nan"}}, "is not a number, nor null"),
        ({"source": {"provider": "codeconnections", "connectionArn": "arn:x", "repository": "a/b"}}, "the ARN of"),
        ({"tags": {"owner": "a;b"}}, "is not a tag's value"),
        ({"tags": {"owner": 3}}, "is not a tag's value"),
        ({"tags": {"aws:owner": "a"}}, "is not a tag's key"),
        ({"tags": {"stack": "a"}}, "that AWS or this program sets"),
        ({"tags": {f"t{n}": "a" for n in range(41)}}, "at most 40 fit"),
        ({"aws:region": "us east"}, "is not a region's name"),
        ({"aws:profile": ""}, "is not a profile's name"),
        ({"aws:defaultTags": {"tags": {}}}, "does not reach this program's provider; set tags instead"),
        ({"aws:assumeRoles": []}, "does not reach this program's provider; only region and profile do"),
    ],
)
def test_other_wrong_values_are_refused(values: dict[str, Any], what: str) -> None:
    found, repair = refusal(values)
    assert what in found
    assert repair.startswith("pulumi config ")


@pytest.mark.parametrize(
    ("values", "what", "repair"),
    [
        (
            {"endpoint": {"traffic": "canary"}},
            "endpoint.traffic = 'canary' moves instances one by one: it needs two or more",
            "set --stack dev --path endpoint.instanceCount 2",
        ),
        (
            {"endpoint": {"instanceCount": 3, "traffic": "linear", "bakeSeconds": 3600}},
            "endpoint.bakeSeconds = 3600 means 240 minutes with linear traffic;"
            " the deploy action ends after eight hours, so 180 is the most",
            "set --stack dev --path endpoint.bakeSeconds 300",
        ),
        (
            {"endpoint": {"instanceCount": 3, "maxInstanceCount": 2}},
            "endpoint.maxInstanceCount = 2 is less than instanceCount 3",
            "set --stack dev --path endpoint.maxInstanceCount 3",
        ),
        (
            {"endpoint": {"kind": "serverless", "instanceType": "ml.m5.large"}},
            "endpoint.instanceType is set, but a serverless endpoint has no instances",
            "rm --stack dev --path endpoint.instanceType",
        ),
        (
            {"endpoint": {"memoryMb": 2048}},
            "endpoint.memoryMb is set, but a realtime endpoint has instances; set kind to serverless",
            "rm --stack dev --path endpoint.memoryMb",
        ),
        (
            {"source": {"connectionArn": "arn:aws:codeconnections:us-east-1:123456789012:connection/" + "0" * 36}},
            "source.connectionArn is set, but provider codecommit has none",
            "rm --stack dev --path source.connectionArn",
        ),
        (
            {"source": {**CONNECTED, "reviews": 2}},
            "source.reviews is set, but rules for pull requests are the repository's own there",
            "rm --stack dev --path source.reviews",
        ),
        (
            {"approval": {"approvers": ["a@example.com"]}},
            "approval.approvers are mailed when a person is asked; mode automated asks nobody",
            "set --stack dev --path approval.mode both",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, Any], what: str, repair: str) -> None:
    assert refusal(values) == [what, f"pulumi config {repair}"]


def test_a_connection_needs_both_of_its_keys() -> None:
    lines = refusal({"source": {"provider": "codeconnections"}})
    assert [line for line in lines if "must be set" in line] == [
        "source.connectionArn must be set for provider codeconnections",
        "source.repository must be set for provider codeconnections",
    ]


@pytest.mark.parametrize(
    ("given", "margin"), [(None, None), ("null", None), (0, 0.0), ("0", 0.0), ("0.02", 0.02), (40, 40.0)]
)
def test_a_champion_margin_is_a_number_or_null_also_as_text(given: Any, margin: float | None) -> None:
    settings = parse({"gate": {"championMargin": given}})
    assert settings.gate.champion_margin == margin
    assert Rule.read(settings.gate.text).champion_margin == margin


def test_the_other_choices_of_every_map_are_accepted() -> None:
    settings = parse(
        {
            "tags": {"owner": "ml team", "cost-center": "42"},
            "gate": {"basis": "point", "confidence": "0.9", "championMargin": None},
            "approval": {"mode": "both", "approvers": ["a@example.com", "b@example.com", "a@example.com"]},
            "source": CONNECTED,
            "endpoint": {"instanceCount": 2, "maxInstanceCount": "4", "traffic": "linear", "bakeSeconds": 0},
            "alarms": {"emails": ["on-call@example.com"]},
            "audit": {"trail": True},
            "aws:region": "eu-west-1",
            "aws:profile": "sandbox",
        }
    )
    assert settings.all_tags["owner"] == "ml team"
    assert settings.all_tags["stack"] == "dev"
    assert (settings.gate.basis, settings.gate.confidence, settings.gate.champion_margin) == ("point", 0.9, None)
    assert settings.approval.approvers == ("a@example.com", "b@example.com")
    assert settings.approval.asks_person
    assert settings.approval.judges_metrics
    assert settings.source.repository == "team/models"
    assert settings.endpoint.scales
    assert (settings.region, settings.profile) == ("eu-west-1", "sandbox")


def test_a_serverless_endpoint_is_chosen_by_memory_and_concurrency() -> None:
    chosen = parse({"endpoint": {"kind": "serverless", "memoryMb": "4096", "maxConcurrency": 20}}).endpoint
    assert (chosen.memory_mb, chosen.max_concurrency) == (4096, 20)
    assert "is not one of 1024, 2048" in refusal({"endpoint": {"kind": "serverless", "memoryMb": 2000}})[0]


@pytest.mark.parametrize(
    ("mode", "asks_person", "judges_metrics"),
    [("automated", False, True), ("manual", True, False), ("both", True, True)],
)
def test_a_mode_says_who_is_asked(mode: str, asks_person: bool, judges_metrics: bool) -> None:
    approval = parse({"approval": {"mode": mode}}).approval
    assert (approval.asks_person, approval.judges_metrics) == (asks_person, judges_metrics)


@pytest.mark.parametrize("branch", ["main", "release/2026-11", "v1.2"])
def test_a_branch_is_given_by_its_short_name(branch: str) -> None:
    assert parse({"source": {"branch": branch}}).source.branch == branch


@pytest.mark.parametrize("uri", ["s3://rows-2026/a b.csv".replace(" ", "-"), "s3://rows/x/y.parquet"])
def test_training_data_is_one_object_in_s3(uri: str) -> None:
    assert parse({"training": {"dataUri": uri}}).training.data_uri == uri


def test_whole_numbers_may_be_text_or_floats_without_fraction() -> None:
    assert parse({"endpoint": {"instanceCount": "2"}}).endpoint.instance_count == 2
    assert parse({"endpoint": {"instanceCount": 2.0}}).endpoint.instance_count == 2


@pytest.mark.parametrize(("given", "meant"), [(True, True), ("true", True), (False, False), ("false", False)])
def test_protection_is_true_or_false(given: object, meant: bool) -> None:
    assert parse({"protectData": given}, stack="prod").protect_data is meant


@pytest.mark.parametrize("given", ["yes", 1, "", None])
def test_protection_is_nothing_else(given: object) -> None:
    assert "is not true or false" in refusal({"protectData": given})[0]


def test_only_prod_is_protected_by_itself() -> None:
    assert parse(stack="prod").protect_data is True
    assert parse(stack="staging").protect_data is False


def test_the_suffix_is_the_stack_unless_set() -> None:
    assert parse(stack="staging").name_suffix == "-staging"
    assert parse({"nameSuffix": ""}, stack="staging").name_suffix == ""


@pytest.mark.parametrize("given", ["prod", "-", "-a--b", "-a-", "-A", "-a_b", "-ü", 1, None])
def test_a_suffix_never_joins_or_doubles_hyphens(given: object) -> None:
    assert "nameSuffix = " in refusal({"nameSuffix": given})[0]


def test_a_stack_name_that_aws_refuses_asks_for_a_suffix() -> None:
    assert refusal({}, stack="Prod_1") == [
        "nameSuffix must be set: the stack's name 'Prod_1' makes no part of an AWS name",
        "pulumi config set --stack Prod_1 -- nameSuffix -prod-1",
    ]


def test_choices_are_what_the_services_offer() -> None:
    models = botocore.session.get_session()
    offered = set(models.get_service_model("codebuild").shape_for("ComputeType").enum)
    assert set(training_section.COMPUTE_TYPES) <= offered
    approval = models.get_service_model("codepipeline").shape_for("ActionTimeout").metadata
    assert (approval["min"], approval["max"]) == sections.APPROVAL_TIMEOUT_MINUTES
    sagemaker = models.get_service_model("sagemaker")
    limits = {
        "ServerlessMemorySizeInMB": (
            of_endpoint.SERVERLESS_MEMORY_MB[0],
            of_endpoint.SERVERLESS_MEMORY_MB[-1],
        ),
        "ServerlessMaxConcurrency": of_endpoint.SERVERLESS_CONCURRENCY,
        "TerminationWaitInSeconds": of_endpoint.BAKE_SECONDS,
        "WaitIntervalInSeconds": of_endpoint.BAKE_SECONDS,
    }
    found = {name: sagemaker.shape_for(name).metadata for name in limits}
    assert {name: (one["min"], one["max"]) for name, one in found.items()} == limits


def test_default_instance_type_is_one_that_may_be_chosen() -> None:
    chosen = {"endpoint": {"instanceType": of_endpoint.DEFAULT_INSTANCE_TYPE}}
    assert parse(chosen).endpoint.instance_type == of_endpoint.DEFAULT_INSTANCE_TYPE


def test_the_program_stops_with_the_same_error_before_it_registers_anything() -> None:
    with pytest.raises(pulumi.RunError, match="accuracy was set without --path") as caught:
        record("dev", {"thresholds": {"acuracy": 0.9}, "thresholds.accuracy": "0.9"})
    assert "acuracy is not a metric" in str(caught.value)


@pytest.mark.slow
def test_settings_of_other_projects_are_none_of_ours() -> None:
    assert record("dev", {"aws:region": "us-east-1", "other:thing": "1"}).exports["approval_mode"] == "automated"


# --- training in jobs of SageMaker's

JOBS = {"engine": "sagemaker"}


def test_training_jobs_have_a_machine_and_a_limit_by_default() -> None:
    training = parse({"training": JOBS}).training

    assert training.in_jobs
    assert (training.instance_type, training.instance_count, training.max_runtime_minutes) == ("ml.m5.xlarge", 1, 60)
    assert (training.search.trials, training.search.parallel_jobs) == (0, 1)


@pytest.mark.parametrize(
    ("key", "given", "what"),
    [
        ("instanceType", "m5.xlarge", "is not an instance type that SageMaker trains on"),
        ("instanceType", "ml.m5.huge", "is not an instance type that SageMaker trains on"),
        ("instanceType", "ml.r5d.large", "has a disk of its own"),
        ("instanceType", "ml.g5.xlarge", "has accelerators"),
        ("instanceType", "ml.trn1.2xlarge", "has accelerators"),
        ("instanceCount", 2, "is not 1: scikit-learn trains on one machine"),
        ("instanceCount", 0, "is not between 1 and 100"),
        ("maxRuntimeMinutes", 181, "is not between 5 and 180"),
    ],
)
def test_a_machine_that_makes_no_sense_is_refused_with_the_reason(key: str, given: object, what: str) -> None:
    problem, _ = refusal({"training": {**JOBS, key: given}})

    assert problem.startswith(f"training.{key} = {given!r} ")
    assert what in problem


@pytest.mark.parametrize("kept", ["ml.m5.xlarge", "ml.c5n.18xlarge", "ml.m7i-flex.large", "ml.t3.medium"])
def test_a_machine_with_processors_only_is_accepted(kept: str) -> None:
    assert parse({"training": {**JOBS, "instanceType": kept}}).training.instance_type == kept


@pytest.mark.parametrize("key", ["instanceType", "instanceCount", "maxRuntimeMinutes"])
def test_keys_of_training_jobs_are_refused_where_there_are_none(key: str) -> None:
    values = {"instanceType": "ml.m5.xlarge", "instanceCount": 1, "maxRuntimeMinutes": 60}

    assert refusal({"training": {key: values[key]}}) == [
        f"training.{key} is set, but engine codebuild starts no training jobs; set training.engine to sagemaker",
        f"pulumi config rm --stack dev --path training.{key}",
    ]


def test_a_search_is_in_jobs_side_by_side_only_where_there_are_jobs() -> None:
    assert parse({"training": {**JOBS, "search": {"trials": "12", "parallelJobs": "4"}}}).training.rounds == 2
    assert parse({"training": {**JOBS, "search": {"trials": 12}}}).training.rounds == 1
    problem, repair = refusal({"training": {"search": {"trials": 12, "parallelJobs": 4}}})
    assert problem.startswith("training.search.parallelJobs is set, but engine codebuild starts no training jobs")
    assert repair == "pulumi config rm --stack dev --path training.search.parallelJobs"


@pytest.mark.parametrize(("key", "given"), [("trials", -1), ("trials", 201), ("folds", 1), ("kind", "grid")])
def test_a_wrong_search_is_refused(key: str, given: object) -> None:
    problem, _ = refusal({"training": {"search": {key: given}}})

    assert problem.startswith(f"training.search.{key} ")
