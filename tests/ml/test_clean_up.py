"""What releases left is found by name and removed in the order in which AWS lets it go, as often as one likes."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import clean_up
from ml.clean_up import Clients, ServingResources
from ml.errors import RoadError

ENDPOINT = "mle-004-churn"
VARIANT = f"endpoint/{ENDPOINT}/variant/AllTraffic"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
GROUP = "ChurnPredictionModels"
ACCOUNT = "arn:aws:sagemaker:us-east-1:123456789012"

Check = Callable[[str, str, dict[str, Any]], None]


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class Account:
    """A SageMaker account that deletes slowly and lists one thing a page. Every call is held against AWS's models."""

    check: Check
    looks: list[str] = field(default_factory=list)
    """Statuses of the endpoint, one for each look; the last one stays until something changes it."""
    configs: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    builds: dict[str, str] = field(default_factory=dict)
    """Status of each build by its id; a project that is not the first part of any of them does not exist."""
    log: list[str] = field(default_factory=list)

    def clients(self) -> Clients:
        return Clients(
            sagemaker=Client(self, "sagemaker"),  # type: ignore[arg-type]
            autoscaling=Client(self, "application-autoscaling"),  # type: ignore[arg-type]
            codebuild=Client(self, "codebuild"),
        )

    def DescribeEndpoint(self, EndpointName: str) -> dict[str, Any]:
        if not self.looks or EndpointName != ENDPOINT:
            raise refusal("ValidationException", f'Could not find endpoint "{EndpointName}".')
        status = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        if status == "gone":
            self.looks.clear()
            return self.DescribeEndpoint(EndpointName=EndpointName)
        return {"EndpointStatus": status}

    def DeleteEndpoint(self, EndpointName: str) -> None:
        assert self.looks[0] not in ("Creating", "Updating"), "SageMaker deletes no endpoint that is being changed"
        assert not self.targets, "an endpoint with a scalable target asks for more rights"
        self.log.append(f"endpoint {EndpointName}")
        self.looks[:] = ["Deleting", "gone"]

    def ListEndpointConfigs(self, NameContains: str) -> Iterator[dict[str, Any]]:
        return ({"EndpointConfigs": [{"EndpointConfigName": name}]} for name in self.configs if NameContains in name)

    def ListModels(self, NameContains: str) -> Iterator[dict[str, Any]]:
        return ({"Models": [{"ModelName": name}]} for name in self.models if NameContains in name)

    def DescribeScalableTargets(self, ServiceNamespace: str, ResourceIds: list[str]) -> Iterator[dict[str, Any]]:
        known = [each for each in self.targets if each in ResourceIds]
        yield {"ScalableTargets": [{"ResourceId": each, "ScalableDimension": DIMENSION} for each in known]}

    def ListModelPackages(self, ModelPackageGroupName: str) -> Iterator[dict[str, Any]]:
        if ModelPackageGroupName != GROUP:
            raise refusal("ValidationException", f"Model Package Group {ModelPackageGroupName} does not exist.")
        return ({"ModelPackageSummaryList": [{"ModelPackageArn": arn}]} for arn in self.versions)

    def DeleteEndpointConfig(self, EndpointConfigName: str) -> None:
        assert not self.looks, "the endpoint still uses it"
        self._drop(self.configs, EndpointConfigName, "Could not find endpoint configuration")

    def DeleteModel(self, ModelName: str) -> None:
        assert not any(name.startswith(ModelName) for name in self.configs), "a configuration still names it"
        self._drop(self.models, ModelName, "Could not find model")

    def DeleteModelPackage(self, ModelPackageName: str) -> None:
        self._drop(self.versions, ModelPackageName, "ModelPackage does not exist:")

    def DeregisterScalableTarget(self, ServiceNamespace: str, ResourceId: str, ScalableDimension: str) -> None:
        if ResourceId not in self.targets:
            raise refusal("ObjectNotFoundException", "No scalable target found")
        self._drop(self.targets, ResourceId, "")

    def ListBuildsForProject(self, projectName: str, sortOrder: str) -> dict[str, Any]:
        ids = [build for build in self.builds if build.split(":")[0] == projectName]
        if not ids:
            raise refusal("ResourceNotFoundException", f"The provided project {projectName} does not exist")
        return {"ids": ids}

    def BatchGetBuilds(self, ids: list[str]) -> dict[str, Any]:
        """A build that was told to stop is shown as running once more."""
        statuses = {build: self.builds[build] for build in ids}
        self.builds.update({build: "STOPPED" for build, status in statuses.items() if status == "STOPPING"})
        shown = {build: status.replace("STOPPING", "IN_PROGRESS") for build, status in statuses.items()}
        return {"builds": [{"id": build, "buildStatus": status} for build, status in shown.items()]}

    def StopBuild(self, id: str) -> None:
        self.log.append(f"build {id}")
        self.builds[id] = "STOPPING"

    def _drop(self, things: list[str], name: str, absent: str) -> None:
        if name not in things:
            raise refusal("ValidationException", f"{absent} {name}")
        things.remove(name)
        self.log.append(name)


@dataclass
class Client:
    account: Account
    service: str

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = "".join(word.capitalize() for word in method.split("_"))

        def call(**parameters: Any) -> Any:
            self.account.check(self.service, operation, parameters)
            return getattr(self.account, operation)(**parameters)

        return call

    def get_paginator(self, method: str) -> Any:
        return Pages(getattr(self, method))


@dataclass
class Pages:
    call: Callable[..., Any]

    def paginate(self, **parameters: Any) -> Iterator[Any]:
        """Ask for a page when somebody wants it, as boto3 does."""
        yield from self.call(**parameters)


def looks(_seconds: float) -> Iterator[float]:
    """Six looks, whatever the time allowed: no test sleeps."""
    return itertools.islice(itertools.count(0.0), 6)


@pytest.fixture
def account(check_request: Check) -> Account:
    """What three releases left, beside the things of a stack whose names look alike."""
    return Account(
        check=check_request,
        looks=["InService"],
        configs=[f"{ENDPOINT}--v1-aaaa-1", f"{ENDPOINT}-prod--v1-aaaa-1", f"{ENDPOINT}--v2-bbbb-2"],
        models=[f"{ENDPOINT}--v1-aaaa", f"{ENDPOINT}--v2-bbbb", f"not-{ENDPOINT}--v9"],
        versions=[f"{ACCOUNT}:model-package/{GROUP}/2", f"{ACCOUNT}:model-package/{GROUP.lower()}/1"],
        targets=[VARIANT],
    )


def remove_all(account: Account) -> list[str]:
    said: list[str] = []
    clean_up.remove_all(account.clients(), ENDPOINT, pauses=looks, say=said.append)
    return said


# --- what is there ---------------------------------------------------------------------------------------------------


def test_exactly_what_belongs_to_the_endpoint_is_found_page_by_page(account: Account) -> None:
    assert clean_up.serving_resources(account.clients(), ENDPOINT) == ServingResources(
        endpoint=ENDPOINT,
        scalable_targets=[(VARIANT, DIMENSION)],
        endpoint_configs=[f"{ENDPOINT}--v1-aaaa-1", f"{ENDPOINT}--v2-bbbb-2"],
        models=[f"{ENDPOINT}--v1-aaaa", f"{ENDPOINT}--v2-bbbb"],
    )


def test_each_thing_is_one_line_for_a_person(account: Account) -> None:
    assert clean_up.serving_resources(account.clients(), ENDPOINT).labels()[:3] == [
        f"endpoint {ENDPOINT}",
        f"scalable target {VARIANT}",
        f"endpoint configuration {ENDPOINT}--v1-aaaa-1",
    ]


def test_before_the_first_release_there_is_nothing(check_request: Check) -> None:
    assert clean_up.serving_resources(Account(check=check_request).clients(), ENDPOINT).labels() == []


# --- removing --------------------------------------------------------------------------------------------------------


def test_what_uses_goes_before_what_is_used_and_other_stacks_keep_theirs(account: Account) -> None:
    remove_all(account)
    assert account.log == [
        VARIANT,
        f"endpoint {ENDPOINT}",
        f"{ENDPOINT}--v1-aaaa-1",
        f"{ENDPOINT}--v2-bbbb-2",
        f"{ENDPOINT}--v1-aaaa",
        f"{ENDPOINT}--v2-bbbb",
    ]
    assert (account.configs, account.models) == ([f"{ENDPOINT}-prod--v1-aaaa-1"], [f"not-{ENDPOINT}--v9"])


def test_every_removal_is_told(account: Account) -> None:
    said = remove_all(account)
    assert said[:3] == [
        f"removed: scalable target {VARIANT}",
        f"endpoint: {ENDPOINT} is Deleting after 0 s",
        f"removed: endpoint {ENDPOINT}",
    ]


def test_a_second_removal_finds_nothing_to_do(account: Account) -> None:
    remove_all(account)
    account.log.clear()
    assert (remove_all(account), account.log) == ([], [])


def test_what_somebody_else_removed_meanwhile_is_as_good_as_removed(account: Account) -> None:
    found = clean_up.serving_resources(account.clients(), ENDPOINT)
    account.looks.clear()
    account.configs.clear()
    account.models.clear()
    account.targets.clear()
    clean_up.remove(account.clients(), found, pauses=looks, say=lambda text: None)
    assert account.log == []


def test_an_endpoint_that_is_being_updated_is_deleted_afterwards(account: Account) -> None:
    account.looks[:] = ["Updating", "Updating", "Updating", "InService"]
    remove_all(account)
    assert f"endpoint {ENDPOINT}" in account.log


def test_an_endpoint_that_is_already_being_deleted_is_only_waited_for(account: Account) -> None:
    account.looks[:] = ["Deleting", "Deleting", "Deleting", "gone"]
    remove_all(account)
    assert f"endpoint {ENDPOINT}" not in account.log
    assert f"{ENDPOINT}--v1-aaaa" in account.log


def test_an_endpoint_that_never_settles_is_an_error_and_nothing_that_it_uses_is_removed(account: Account) -> None:
    account.looks[:] = ["Updating"]
    with pytest.raises(RoadError, match=f"endpoint {ENDPOINT} is still Updating after the time allowed"):
        remove_all(account)
    assert account.log == [VARIANT]


def test_what_a_build_made_at_the_last_moment_is_found_by_the_next_look(account: Account) -> None:
    late = [f"{ENDPOINT}--v3-cccc"]

    class Late(Account):
        def ListModels(self, NameContains: str) -> Iterator[dict[str, Any]]:
            if "v2" not in str(self.models) and late:
                self.models.append(late.pop())
            return super().ListModels(NameContains)

    remove_all(Late(**vars(account)))
    assert f"{ENDPOINT}--v3-cccc" in account.log


def test_what_keeps_coming_back_is_an_error_that_names_it(account: Account) -> None:
    class Restless(Account):
        def DeleteModel(self, ModelName: str) -> None:
            self.log.append(ModelName)

    with pytest.raises(RoadError, match=f"somebody still makes model {ENDPOINT}--v1-aaaa, model {ENDPOINT}--v2-bbbb"):
        remove_all(Restless(**vars(account)))


def test_an_answer_that_is_no_absence_is_not_taken_for_one(account: Account) -> None:
    class Throttled(Account):
        def DeleteModel(self, ModelName: str) -> None:
            raise refusal("ThrottlingException", "Rate exceeded")

    with pytest.raises(ClientError, match="ThrottlingException"):
        remove_all(Throttled(**vars(account)))


# --- the registry ----------------------------------------------------------------------------------------------------


def test_versions_are_removed_as_aws_spells_them(account: Account) -> None:
    sagemaker = account.clients().sagemaker
    found = clean_up.package_versions(sagemaker, GROUP)
    assert found == [f"{ACCOUNT}:model-package/{GROUP}/2", f"{ACCOUNT}:model-package/{GROUP.lower()}/1"]
    clean_up.remove_versions(sagemaker, [*found, f"{ACCOUNT}:model-package/{GROUP}/7"], say=lambda text: None)
    assert (account.versions, account.log) == ([], found)


def test_a_version_of_another_group_is_left_alone(account: Account) -> None:
    account.versions.append(f"{ACCOUNT}:model-package/Other/1")
    assert f"{ACCOUNT}:model-package/Other/1" not in clean_up.package_versions(account.clients().sagemaker, GROUP)


def test_without_the_group_there_are_no_versions(account: Account) -> None:
    assert clean_up.package_versions(account.clients().sagemaker, "Nobody") == []


# --- builds ----------------------------------------------------------------------------------------------------------


def stop(account: Account) -> None:
    clean_up.stop_builds(account.clients().codebuild, ["deploy", "train"], pauses=looks, say=lambda text: None)


def test_running_builds_are_stopped_and_waited_for(account: Account) -> None:
    account.builds = {"deploy:1": "SUCCEEDED", "deploy:2": "IN_PROGRESS", "train:1": "IN_PROGRESS"}
    stop(account)
    assert account.log == ["build deploy:2", "build train:1"]
    assert set(account.builds.values()) == {"SUCCEEDED", "STOPPED"}


def test_without_the_projects_there_is_nothing_to_stop(account: Account) -> None:
    stop(account)
    assert account.log == []


def test_a_build_that_does_not_stop_is_an_error(account: Account) -> None:
    class Deaf(Account):
        def StopBuild(self, id: str) -> None:
            self.log.append(id)

    deaf = Deaf(**{**vars(account), "builds": {"deploy:1": "IN_PROGRESS"}})
    with pytest.raises(RoadError, match="build deploy:1 does not stop"):
        stop(deaf)
