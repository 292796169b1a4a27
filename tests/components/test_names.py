"""Names: the brief's in dev, never shared between stacks, never longer than AWS allows."""

import dataclasses
import fnmatch
import itertools

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.arns import Arns
from components.names import LIMITS, Names
from components.settings import Settings, sections
from ml import catalogue, serving_image

ACCOUNT = "123456789012"
REGION = "us-east-1"
SUFFIXES = st.lists(st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True), max_size=3).map(
    lambda words: "".join(f"-{word}" for word in words)
)


def settings_for(suffix: str, **changes: object) -> Settings:
    return Settings.parse({"nameSuffix": suffix, **changes}, stack="dev", project="mle-004")


def names_for(suffix: str, region: str = REGION) -> Names:
    return Names.of(settings_for(suffix), account=ACCOUNT, region=region)


def made(names: Names) -> dict[str, str]:
    return {field: getattr(names, field) for field in LIMITS}


def arn_patterns(names: Names) -> list[str]:
    arns = Arns(names=names)
    texts = [getattr(arns, name) for name, kind in vars(Arns).items() if isinstance(kind, property)]
    lists = [[text] if isinstance(text, str) else text for text in texts]
    # Two stacks of one account share the account itself, its service-linked role and AWS's image.
    shared = {arns.account_root, arns.any_sagemaker_resource, arns.serving_image, arns.scaling_role}
    return [text for text in itertools.chain(*lists) if text not in shared]


def test_without_a_suffix_the_names_are_the_briefs() -> None:
    assert made(names_for("")) == {
        "pipeline": "mle-004-model-registry-pipeline",
        "train_project": "train-model",
        "deploy_project": "deploy-model",
        "approval_function": "mle-004-auto-approve-model",
        "registry_rule": "mle-004-model-registry-rule",
        "push_rule": "mle-004-source-push-rule",
        "repository": "model-registry-pipeline-repo",
        "model_package_group": "ChurnPredictionModels",
        "endpoint": "mle-004-churn",
        "artifact_bucket": f"mle-004-artifacts-{ACCOUNT}-{REGION}",
        "model_bucket": f"mle-004-models-{ACCOUNT}-{REGION}",
        "key_alias": "alias/mle-004",
        "dead_letter_queue": "mle-004-auto-approve-dead-letters",
        "pipeline_role": "CodePipeline-MLE-004-Role",
        "train_role": "CodeBuildTrainRole",
        "deploy_role": "CodeBuildDeployRole",
        "execution_role": "SageMaker-MLE-004-Role",
        "approval_role": "Lambda-AutoApprove-Role",
        "trigger_role": "EventBridge-MLE-004-Role",
        # Beyond the brief.
        "bridge_function": "mle-004-approval-bridge",
        "push_dead_letter_queue": "mle-004-source-push-dead-letters",
        "push_dead_letters_alarm": "mle-004-push-dead-letters",
        "bridge_dead_letter_queue": "mle-004-approval-bridge-dead-letters",
        "bridge_role": "Lambda-ApprovalBridge-Role",
        "decision_rule": "mle-004-registry-decision-rule",
        "waiting_rule": "mle-004-approval-state-rule",
        "age_rule": "mle-004-approval-age-rule",
        "pipeline_failed_rule": "mle-004-pipeline-failed-rule",
        "approval_rule_template": "mle-004-review",
        "branch_guard": "mle-004-branch-guard",
        "approvals_topic": "mle-004-approvals",
        "alarms_topic": "mle-004-alarms",
        "dashboard": "mle-004-model-registry-pipeline",
        "pipeline_failed_alarm": "mle-004-pipeline-failed",
        "decision_failed_alarm": "mle-004-decision-failed",
        "bridge_failed_alarm": "mle-004-bridge-failed",
        "dead_letters_alarm": "mle-004-dead-letters",
        "bridge_dead_letters_alarm": "mle-004-bridge-dead-letters",
        "approval_age_alarm": "mle-004-approval-age",
        "endpoint_errors_alarm": "mle-004-endpoint-errors",
        "endpoint_latency_alarm": "mle-004-endpoint-latency",
        "access_log_bucket": f"mle-004-logs-{ACCOUNT}-{REGION}",
        "trail": "mle-004-trail",
        "trail_bucket": f"mle-004-trail-{ACCOUNT}-{REGION}",
        "trail_role": "CloudTrail-MLE-004-Role",
    }


def test_every_name_has_a_limit() -> None:
    fields = {field.name for field in dataclasses.fields(Names)}
    assert set(LIMITS) == fields - {"account", "region"}


@settings(deadline=None)
@given(one=SUFFIXES, other=SUFFIXES)
def test_two_stacks_share_no_name(one: str, other: str) -> None:
    if one != other:
        assert not set(made(names_for(one)).values()) & set(made(names_for(other)).values())


@settings(deadline=None)
@given(one=SUFFIXES, other=SUFFIXES)
@pytest.mark.slow
def test_no_stacks_arn_pattern_reaches_into_another_stack(one: str, other: str) -> None:
    if one == other:
        return
    # What the other stack's things are called: its own patterns with something in place of each star.
    foreign = [pattern.replace("*", "v1-0123abcd") for pattern in arn_patterns(names_for(other))]
    reached = [(p, f) for p in arn_patterns(names_for(one)) for f in foreign if fnmatch.fnmatchcase(f, p)]
    assert reached == []


GROUPS = ("", "Churn", "churn", "Churn-a", "Churn-A", "churn-a-b", "Churn--a", "a", "a-b")
FEW_SUFFIXES = ("", "-a", "-b", "-a-b", "-b-a")


def test_two_stacks_share_no_group_whatever_they_call_it() -> None:
    """In neither spelling: SageMaker has been seen to lower-case a group in its ARNs."""
    owners: dict[str, str] = {}
    for group, suffix in itertools.product(GROUPS, FEW_SUFFIXES):
        try:
            chosen = settings_for(suffix, modelPackageGroup=group)
        except pulumi.RunError:
            continue
        name = Names.of(chosen, account=ACCOUNT, region=REGION).model_package_group
        assert owners.setdefault(name.lower(), suffix) == suffix, f"{group!r} with {suffix!r} is {name}, another's too"
    assert len(owners) == 3 * len(FEW_SUFFIXES)


@pytest.mark.parametrize("group", ["Churn-prod", "churn-models", "Churn--x", "-Churn", "Churn-", "Churn_x"])
def test_a_group_with_a_suffix_of_its_own_is_refused(group: str) -> None:
    with pytest.raises(pulumi.RunError, match="letters and digits alone: a hyphen begins the suffix") as caught:
        settings_for("", modelPackageGroup=group)
    assert "pulumi config set --stack dev modelPackageGroup ''" in str(caught.value)


def test_no_use_case_brings_a_suffix_along() -> None:
    """Its group is the default, which no setting checks; its name is the endpoint's, with hyphens."""
    for name, known in catalogue.USE_CASES.items():
        assert known.model_package_group
        assert sections.GROUP_NAME(known.model_package_group) == known.model_package_group
        assert [other for other in catalogue.USE_CASES if name.startswith(f"{other}_")] == []


def test_a_models_name_begins_with_the_endpoint_and_two_hyphens() -> None:
    assert Arns(names=names_for("")).models.endswith(":model/mle-004-churn--*")


def test_both_spellings_of_a_group_are_named_once_each() -> None:
    arns = Arns(names=names_for("-prod"))
    prefix = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    assert arns.model_packages == [
        f"{prefix}:model-package/ChurnPredictionModels-prod/*",
        f"{prefix}:model-package/churnpredictionmodels-prod/*",
    ]
    lower = Names.of(settings_for("", modelPackageGroup="models"), account=ACCOUNT, region=REGION)
    assert Arns(names=lower).model_packages == [f"{prefix}:model-package/models/*"]


def test_the_longest_region_leaves_room_for_a_usual_suffix() -> None:
    longest = max(serving_image.ACCOUNTS, key=len)
    assert names_for("-feature-branch-1", region=longest)


def test_a_model_name_fits_into_what_the_endpoints_name_leaves() -> None:
    longest = LIMITS["endpoint"].most_characters
    assert longest + len("--v99999-0123abcd-0123abcd") <= 63


@pytest.mark.parametrize("suffix", ["-averyveryverylongsuffixforasmallteam", "-a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r"])
def test_names_that_are_too_long_come_in_one_error_that_names_the_setting(suffix: str) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        names_for(suffix)
    text = str(caught.value)
    assert "the artifact bucket" in text
    assert "the model bucket" in text
    assert "AWS accepts 63: nameSuffix makes it so" in text
    assert "pulumi config set --stack dev -- nameSuffix -a" in text


def test_a_group_that_is_too_long_is_repaired_by_its_own_setting() -> None:
    chosen = settings_for("", modelPackageGroup="M" * 64)
    with pytest.raises(pulumi.RunError, match="AWS accepts 63: modelPackageGroup makes it so"):
        Names.of(chosen, account=ACCOUNT, region=REGION)


def test_characters_that_aws_refuses_are_found_whatever_let_them_pass() -> None:
    chosen = dataclasses.replace(settings_for(""), name_suffix="-Ü")
    with pytest.raises(pulumi.RunError, match="is no name that AWS accepts"):
        Names.of(chosen, account=ACCOUNT, region=REGION)


@pytest.mark.parametrize("region", ["us-east1", "cn-north-1", ""])
def test_a_region_without_the_serving_image_is_refused(region: str) -> None:
    with pytest.raises(pulumi.RunError, match=r"pulumi config set --stack dev aws:region us-east-1"):
        names_for("", region=region)


def test_artifacts_lie_under_what_codepipeline_leaves_of_the_names() -> None:
    arns = Arns(names=names_for(""))
    bucket = f"arn:aws:s3:::mle-004-artifacts-{ACCOUNT}-{REGION}"
    assert arns.source_artifacts == f"{bucket}/mle-004-model-regist/SourceArti/*"
    assert arns.build_artifacts == f"{bucket}/mle-004-model-regist/BuildArtif/*"
