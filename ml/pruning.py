"""Remove models and configurations that the endpoint no longer needs, and only those."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import endpoint
from ml.endpoint_config import Release
from ml.endpoint_plan import EndpointPlan
from ml.endpoint_wait import Say

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True, kw_only=True)
class Config:
    """A configuration of this endpoint."""

    name: str
    created: datetime

    @property
    def model(self) -> str:
        """The name of the model that it serves."""
        return model_of(self.name)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that was made for one endpoint and not removed yet."""

    configs: Sequence[Config]
    models: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class OfNoUse:
    """What the next release removes: configurations beyond the versions to keep, those that came to nothing, and the
    models that no other configuration serves.
    """

    beyond: Sequence[str]
    unfinished: Sequence[str]
    models: Sequence[str]


# --- what goes. Pure -------------------------------------------------------------------------------------------------


def model_of(config_name: str) -> str:
    """Return the name of the model that a configuration serves: configurations are named after theirs."""
    return config_name.rpartition("-")[0]


def kept(configs: Iterable[Config], serving: str, versions: int) -> set[str]:
    """Return the configurations to keep: the one in service, then the newest of other models, `versions` in all."""
    newest_first = sorted(configs, key=lambda config: (config.name == serving, config.created), reverse=True)
    by_model: dict[str, str] = {}
    for config in newest_first:
        by_model.setdefault(config.model, config.name)
    return set(list(by_model.values())[:versions])


def unfinished(configs: Iterable[Config], serving: Config, release: Release) -> set[str]:
    """Return the configurations that never came to serve, or were taken back: all that are newer than the one in
    service. This release's own is not among them: an earlier try of the same execution made it.
    """
    return {config.name for config in _newer(configs, serving)} - {release.config_name}


def of_no_use(inventory: Inventory, serving: Config, versions: int) -> OfNoUse:
    """Return what is of no use while `serving` serves and no release is under way, which would need its own.

    The rules are the release's: what came to nothing goes first, and does not count among the versions to keep.
    """
    unfinished_ones = _newer(inventory.configs, serving)
    proven = [config for config in inventory.configs if config not in unfinished_ones]
    keep = kept(proven, serving.name, versions)
    beyond = [config.name for config in proven if config.name not in keep]
    came_to_nothing = [config.name for config in unfinished_ones]
    models = unused_models(inventory, {*beyond, *came_to_nothing}, also_needed=serving.model)
    return OfNoUse(beyond=beyond, unfinished=came_to_nothing, models=models)


def _newer(configs: Iterable[Config], serving: Config) -> list[Config]:
    return [config for config in configs if config.created > serving.created]


def previous(configs: Iterable[Config], serving: Config) -> str | None:
    """Return the configuration that served before `serving`: the newest older one."""
    older = [config for config in configs if config.created < serving.created]
    return max(older, key=lambda config: config.created).name if older else None


def unused_models(inventory: Inventory, removed: Collection[str], also_needed: str) -> list[str]:
    """Return the models that no configuration serves once those in `removed` are gone."""
    needed = {config.model for config in inventory.configs if config.name not in removed} | {also_needed}
    return [model for model in inventory.models if model not in needed]


# --- doing it --------------------------------------------------------------------------------------------------------


def inventory_of(sagemaker: "SageMakerClient", plan: EndpointPlan) -> Inventory:
    """Return the configurations and models of this endpoint."""
    configs = _listed(sagemaker.list_endpoint_configs, "EndpointConfigs", plan.prefix)
    models = _listed(sagemaker.list_models, "Models", plan.prefix)
    own_configs = [Config(name=each["EndpointConfigName"], created=each["CreationTime"]) for each in configs]
    return Inventory(
        configs=[config for config in own_configs if config.name.startswith(plan.prefix)],
        models=[each["ModelName"] for each in models if each["ModelName"].startswith(plan.prefix)],
    )


def prune(sagemaker: "SageMakerClient", release: Release, serving: str, say: Say) -> None:
    """Remove what is beyond the versions to keep. Only after `serving` has proven itself: a way back must stay."""
    inventory = inventory_of(sagemaker, release.plan)
    keep = kept(inventory.configs, serving, release.plan.keep_versions)
    removed = [config.name for config in inventory.configs if config.name not in keep]
    _remove(sagemaker, removed, unused_models(inventory, removed, also_needed=release.model_name), say)


def remove_unfinished(sagemaker: "SageMakerClient", release: Release, serving: Config, say: Say) -> None:
    """Remove what earlier deployments left behind that did not come to their end."""
    inventory = inventory_of(sagemaker, release.plan)
    removed = sorted(unfinished(inventory.configs, serving, release))
    if removed:
        _remove(sagemaker, removed, unused_models(inventory, removed, also_needed=release.model_name), say)


def discard(sagemaker: "SageMakerClient", release: Release, say: Say) -> None:
    """Remove the release's own configuration, and its model unless another configuration serves it."""
    inventory = inventory_of(sagemaker, release.plan)
    unused = unused_models(inventory, [release.config_name], also_needed="")
    _remove(sagemaker, [release.config_name], [model for model in unused if model == release.model_name], say)


def _remove(sagemaker: "SageMakerClient", configs: Iterable[str], models: Iterable[str], say: Say) -> None:
    """Configurations go first: after a crash in between, their models can still be told to be unused."""
    for config in configs:
        _unless_gone(lambda name=config: sagemaker.delete_endpoint_config(EndpointConfigName=name))  # type: ignore[misc]
        say(f"removed: configuration {config}")
    for model in models:
        _unless_gone(lambda name=model: sagemaker.delete_model(ModelName=name))  # type: ignore[misc]
        say(f"removed: model {model}")


def _unless_gone(delete: Callable[[], object]) -> None:
    try:
        delete()
    except ClientError as error:
        if not endpoint.is_absent(error):
            raise


def _listed(operation: Callable[..., Any], key: str, prefix: str) -> list[Any]:
    """Return every page of a List operation, whose filter finds the prefix anywhere in a name."""
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        page = operation(NameContains=prefix, MaxResults=100, **token)
        found += page[key]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}
