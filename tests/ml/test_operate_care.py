"""What is of no use is what a release would remove, and no command removes what anybody may still need."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ml import endpoint
from ml.endpoint_config import Release
from ml.errors import InputError, RoadError
from ml.operate import care
from ml.operate.show import Answer
from tests.ml import hosting_account
from tests.ml.hosting_account import NAME, HostingAccount
from tests.ml.operated_stack import GROUP, OUTPUTS, aws, pages, raising, refusal, stack

OWN = {"project": "road", "stack": "dev"}
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
TARGET = {
    "ResourceId": f"endpoint/{NAME}/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def release(version: int, **changes: Any) -> Release:
    made = hosting_account.release(version, **changes)
    return replace(made, plan=replace(made.plan, tags=OWN))


class Operated:
    """An account with its hosting, an index of its tags, its builds and a scalable target or none."""

    def __init__(self, hosting: HostingAccount) -> None:
        self.hosting = hosting
        self.group_tags = OWN
        self.stray_arns: list[str] = []
        self.builds: dict[str, str] = {}
        self.targets: list[dict[str, str]] = []
        self.when_builds_are_asked_for: Callable[[], object] = lambda: None
        self.index: Any = SimpleNamespace(get_paginator=lambda operation: SimpleNamespace(paginate=self._tagged))
        self.said: list[str] = []

    def orphans(self, *, do: bool = False, **endpoint_changes: Any) -> Answer:
        outputs = stack(endpoint_name=NAME, endpoint={**OUTPUTS["endpoint"], **endpoint_changes})
        return care.orphans(self._aws(), outputs, do=do, say=self.said.append)

    def _aws(self) -> Any:
        listed = [{"Tags": [{"Key": key, "Value": value}]} for key, value in self.group_tags.items()]
        return aws(
            sagemaker=_Sagemaker(self.hosting, listed),
            application_autoscaling=SimpleNamespace(
                get_paginator=pages(describe_scalable_targets=[{"ScalableTargets": self.targets}]),
                deregister_scalable_target=lambda **_: self.targets.clear(),
            ),
            codebuild=SimpleNamespace(list_builds_for_project=self._builds_of, batch_get_builds=self._described),
            resourcegroupstaggingapi=self.index,
        )

    def _builds_of(self, projectName: str, sortOrder: str) -> Any:
        self.when_builds_are_asked_for()
        return {"ids": [build for build in self.builds if build.startswith(f"{projectName}:")]}

    def _described(self, ids: list[str]) -> Any:
        return {"builds": [{"id": each, "buildStatus": self.builds[each]} for each in ids]}

    def _tagged(self, TagFilters: Any, ResourceTypeFilters: list[str]) -> Any:
        assert set(ResourceTypeFilters) == {"sagemaker:endpoint", "sagemaker:endpoint-config", "sagemaker:model"}
        wanted = {each["Key"]: each["Values"] for each in TagFilters}
        held = {"model": self.hosting.models, "endpoint-config": self.hosting.configs}
        for kind, things in held.items():
            for name, thing in things.items():
                tags = {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}
                if all(tags.get(key) in values for key, values in wanted.items()):
                    yield {"ResourceTagMappingList": [{"ResourceARN": f"{ARN}:{kind}/{name}"}]}
        yield {"ResourceTagMappingList": [{"ResourceARN": arn} for arn in self.stray_arns]}


class _Sagemaker:
    def __init__(self, hosting: HostingAccount, listed: list[dict[str, Any]]) -> None:
        self._hosting = hosting.clients.sagemaker
        self.get_paginator = pages(list_tags=listed)

    def describe_model_package_group(self, ModelPackageGroupName: str) -> Any:
        assert ModelPackageGroupName == GROUP
        return {"ModelPackageGroupArn": f"{ARN}:model-package-group/{GROUP}"}

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._hosting, operation)


@pytest.fixture
def account(check_request: Any) -> Operated:
    """Two releases have come to serve, in turn."""
    hosting = HostingAccount(check_request)
    for version in (1, 2):
        hosting.run(release(version))
    return Operated(hosting)


def killed(account: Operated, version: int = 3) -> tuple[str, str]:
    """A release that ended before its update began: its configuration and its model."""
    sagemaker, made = account.hosting.clients.sagemaker, release(version)
    endpoint.put_model(sagemaker, made)
    return endpoint.put_endpoint_config(sagemaker, made), made.model_name


def names(answer: Answer) -> list[str]:
    return [row["name"] for row in answer.rows]


# --- what is of no use


def test_what_serves_and_the_ways_back_are_no_orphans(account: Operated) -> None:
    answer = account.orphans()
    assert (answer.rows, answer.notes, answer.exit_status) == ([], [], 0)


def test_what_a_killed_release_left_is_told_with_the_command_that_removes_it(account: Operated) -> None:
    config, model = killed(account)
    answer = account.orphans()
    assert names(answer) == [config, model]
    assert "newer than the one in service" in answer.rows[0]["why"]
    assert answer.exit_status == 1
    assert any("python -m ml orphans --remove --yes" in note for note in answer.notes)
    assert any("The next release that comes to serve removes" in note for note in answer.notes)
    assert {config, model} <= {*account.hosting.configs, *account.hosting.models}


def test_what_is_beyond_the_versions_to_keep_is_told(account: Operated) -> None:
    account.hosting.run(release(3))
    answer = account.orphans(keep_versions=2)
    assert names(answer) == [release(1).config_name, release(1).model_name]
    assert answer.rows[0]["why"] == "beyond the 2 versions to keep"


def test_what_came_to_nothing_takes_no_kept_versions_place(account: Operated) -> None:
    config, model = killed(account)
    assert names(account.orphans(keep_versions=2)) == [config, model]


def test_the_next_release_removes_the_same(account: Operated) -> None:
    killed(account)
    told = names(account.orphans())
    account.hosting.run(release(4))
    assert not set(told) & {*account.hosting.configs, *account.hosting.models}


def test_a_model_in_service_is_none_whatever_the_name_of_its_configuration(account: Operated) -> None:
    hosting = account.hosting
    for name in list(hosting.configs):
        hosting.configs[f"by-hand-{name[-4:]}"] = hosting.configs.pop(name)
        hosting.endpoint = {**(hosting.endpoint or {}), "serving": f"by-hand-{name[-4:]}"}
    assert names(account.orphans()) == [release(1).model_name, f"by-hand-{release(1).config_name[-4:]}"]


def test_without_an_endpoint_nothing_of_it_is_of_use(account: Operated) -> None:
    account.hosting.endpoint, account.targets = None, [TARGET]
    answer = account.orphans(do=True)
    assert {row["kind"] for row in answer.rows} == {"scalable target", "endpoint configuration", "model"}
    assert len(answer.rows) == 5
    assert (account.targets, account.hosting.configs, account.hosting.models) == ([], {}, {})


def test_outputs_that_tell_too_little_of_the_endpoint_are_refused_with_the_repair(account: Operated) -> None:
    told = {key: value for key, value in OUTPUTS["endpoint"].items() if key != "keep_versions"}
    with pytest.raises(InputError, match="lacks keep_versions. Run pulumi up"):
        care.orphans(account._aws(), stack(endpoint=told), do=False, say=print)


# --- removing it


def test_only_what_is_of_no_use_is_removed(account: Operated) -> None:
    config, model = killed(account)
    before = {*account.hosting.configs, *account.hosting.models}
    answer = account.orphans(do=True)
    assert (names(answer), answer.exit_status) == ([config, model], 0)
    assert before - {*account.hosting.configs, *account.hosting.models} == {config, model}
    assert account.said == [f"removed: endpoint configuration {config}", f"removed: model {model}"]
    assert account.hosting.violations == []
    assert account.orphans().rows == []


@pytest.mark.parametrize("status", [*sorted(endpoint.CHANGING), endpoint.DELETING, endpoint.ROLLBACK_FAILED])
def test_while_the_endpoint_changes_nothing_is_removed_and_nothing_new_is_called_of_no_use(
    account: Operated, status: str
) -> None:
    config, _ = killed(account)
    account.hosting.endpoint = {**(account.hosting.endpoint or {}), "status": status, "wanted": config}
    account.hosting._go_on = lambda: None  # type: ignore[method-assign]
    assert_refused_while(account, f"endpoint {NAME} is {status}")


def test_while_a_build_runs_nothing_is_removed_and_nothing_new_is_called_of_no_use(account: Operated) -> None:
    killed(account)
    account.builds = {"train:1": "SUCCEEDED", "train:2": "IN_PROGRESS"}
    assert_refused_while(account, "build train:2 runs")


def assert_refused_while(account: Operated, busy: str) -> None:
    before = (dict(account.hosting.configs), dict(account.hosting.models))
    answer = account.orphans()
    assert (answer.rows, answer.exit_status) == ([], 0)
    assert answer.notes == [f"{busy}: what may be needed until that is over is left out"]
    with pytest.raises(RoadError, match=f"{busy} and may need what is there: nothing was removed"):
        account.orphans(do=True)
    assert (account.hosting.configs, account.hosting.models) == before


def test_while_a_build_runs_what_is_beyond_the_versions_to_keep_is_still_told(account: Operated) -> None:
    account.hosting.run(release(3))
    account.builds = {"train:1": "IN_PROGRESS"}
    answer = account.orphans(keep_versions=2)
    assert names(answer) == [release(1).config_name]
    assert not any("--remove" in note for note in answer.notes)


def test_what_a_release_makes_after_the_look_is_not_removed(account: Operated) -> None:
    """The build that made it may have ended before anybody asks for builds, and its stage may be retried."""
    made: list[tuple[str, str]] = []
    account.when_builds_are_asked_for = lambda: made or made.append(killed(account))
    assert account.orphans(do=True).rows == []
    [(config, model)] = made
    assert (config in account.hosting.configs, model in account.hosting.models) == (True, True)


# --- whose it is


def test_what_has_the_name_without_the_tags_is_told_and_left(account: Operated) -> None:
    lost = f"{NAME}--v9-lost"
    bare = {key: value for key, value in account.hosting.models[release(1).model_name].items() if key != "Tags"}
    account.hosting.models[lost] = bare
    answer = account.orphans(do=True)
    assert [(row["name"], row["removed"]) for row in answer.rows] == [(lost, False)]
    assert answer.rows[0]["why"].endswith("it lacks this stack's tags")
    assert answer.exit_status == 1
    assert lost in account.hosting.models
    assert any("find out who made it" in note for note in answer.notes)


def test_what_has_the_tags_without_the_name_is_told_and_left(account: Operated) -> None:
    first = next(iter(account.hosting.models.values()))
    account.hosting.models["renamed--v1-0"] = first
    answer = account.orphans(do=True)
    assert [(row["kind"], row["name"]) for row in answer.rows] == [("model", "renamed--v1-0")]
    assert answer.rows[0]["why"] == "it has this stack's tags, but not its endpoint's name"
    assert (answer.exit_status, "renamed--v1-0" in account.hosting.models) == (1, True)


def test_what_the_index_still_names_although_it_has_gone_is_not_told(account: Operated) -> None:
    account.stray_arns = [f"{ARN}:model/gone--v1-0", f"{ARN}:endpoint-config/gone--v1-0-1"]
    assert account.orphans().rows == []


def test_an_arn_may_spell_a_name_in_lower_case(account: Operated) -> None:
    config, model = killed(account)
    account.hosting.models[model.upper()] = account.hosting.models.pop(model)
    account.stray_arns = [f"{ARN}:endpoint/{NAME}", f"{ARN}:endpoint-config/{config.upper()}"]
    assert names(account.orphans()) == [config]


def test_another_stacks_things_of_the_same_project_are_not_ours(account: Operated) -> None:
    account.group_tags = {"project": "road", "stack": "prod"}
    config, model = killed(account)
    answer = account.orphans(do=True)
    assert [(row["name"], row["removed"]) for row in answer.rows] == [(config, False), (model, False)]


@pytest.mark.parametrize("fault", ["refused", "no tags"])
def test_where_the_tags_are_not_known_names_alone_decide_and_the_answer_says_so(account: Operated, fault: str) -> None:
    if fault == "refused":
        account.index = SimpleNamespace(
            get_paginator=pages(get_resources=refusal("AccessDeniedException", "GetResources"))
        )
    else:
        account.group_tags = {"project": "road"}
    config, model = killed(account)
    answer = account.orphans(do=True)
    assert [(row["name"], row["removed"]) for row in answer.rows] == [(config, True), (model, True)]
    reason = {"refused": "AccessDeniedException", "no tags": f"{GROUP} has no tags project and stack"}[fault]
    assert any(note.startswith("Names alone tell what is ours") and reason in note for note in answer.notes)


def test_a_refused_look_at_a_stray_thing_is_not_taken_for_its_absence(account: Operated) -> None:
    account.stray_arns = [f"{ARN}:model/renamed--v1-0"]
    account.hosting._describe_model = raising("AccessDeniedException")  # type: ignore[method-assign]
    with pytest.raises(Exception, match="AccessDenied"):
        account.orphans()
