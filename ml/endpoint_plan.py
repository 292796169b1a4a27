"""What the endpoint shall be, as the stack's settings say. No AWS, no I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ml import contract
from ml.errors import InputError
from ml.gate import one_line

KEYS = (
    contract.ENDPOINT_NAME,
    contract.ENDPOINT_KIND,
    contract.ENDPOINT_INSTANCE_TYPE,
    contract.ENDPOINT_INSTANCE_COUNT,
    contract.ENDPOINT_MAX_INSTANCE_COUNT,
    contract.ENDPOINT_MEMORY_MB,
    contract.ENDPOINT_MAX_CONCURRENCY,
    contract.ENDPOINT_TRAFFIC,
    contract.ENDPOINT_BAKE_SECONDS,
    contract.ENDPOINT_KEEP_VERSIONS,
    contract.ENDPOINT_ALARMS,
    contract.TAGS,
)
"""Keys of the environment that an EndpointPlan is read from."""

KINDS = (contract.REALTIME, contract.SERVERLESS)
MOST_ALARMS = 10
"""AlarmList in SageMaker's API model."""


@dataclass(frozen=True, kw_only=True)
class EndpointPlan:
    """The endpoint of a stack: what serves, how a new version takes over, and how many old ones are kept."""

    name: str
    kind: str
    instance_type: str
    instance_count: int
    max_instance_count: int
    memory_mb: int
    max_concurrency: int
    traffic: str
    bake_seconds: int
    keep_versions: int
    alarms: tuple[str, ...]
    tags: Mapping[str, str]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the plan that a build's environment, in which every one of KEYS is set, describes.

        Raises InputError that names the setting to repair.
        """
        plan = cls(
            name=environment[contract.ENDPOINT_NAME],
            kind=_word(environment, contract.ENDPOINT_KIND, "kind", KINDS),
            instance_type=environment[contract.ENDPOINT_INSTANCE_TYPE],
            instance_count=_whole(environment, contract.ENDPOINT_INSTANCE_COUNT, "instanceCount", 1),
            max_instance_count=_whole(environment, contract.ENDPOINT_MAX_INSTANCE_COUNT, "maxInstanceCount", 1),
            memory_mb=_whole(environment, contract.ENDPOINT_MEMORY_MB, "memoryMb", 1),
            max_concurrency=_whole(environment, contract.ENDPOINT_MAX_CONCURRENCY, "maxConcurrency", 1),
            traffic=_word(environment, contract.ENDPOINT_TRAFFIC, "traffic", tuple(contract.SHIFTS)),
            bake_seconds=_whole(environment, contract.ENDPOINT_BAKE_SECONDS, "bakeSeconds", 0),
            # The version in service and one to return to.
            keep_versions=_whole(environment, contract.ENDPOINT_KEEP_VERSIONS, "keepVersions", 2),
            alarms=_alarms(environment),
            tags=_read_tags(environment),
        )
        _check(plan)
        return plan

    @property
    def serverless(self) -> bool:
        """Whether there are no instances to speak of."""
        return self.kind == contract.SERVERLESS

    @property
    def scales(self) -> bool:
        """Whether the number of instances follows the load."""
        return not self.serverless and self.max_instance_count > self.instance_count

    @property
    def guarded(self) -> bool:
        """Whether alarms are watched while an update is going on. Without a bake there is no time to watch in."""
        return bool(self.alarms) and self.bake_seconds > 0 and not self.serverless

    @property
    def watch_seconds(self) -> int:
        """For how long SageMaker watches an update before it ends the old instances, at most."""
        return 0 if self.serverless else contract.watch_seconds(self.traffic, self.bake_seconds)

    @property
    def prefix(self) -> str:
        """How the name of every model and every configuration of this endpoint begins."""
        return f"{self.name}{contract.VERSION_SEPARATOR}"


def _whole(found: Mapping[str, str], key: str, setting: str, least: int) -> int:
    text = found[key]
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise InputError(f"{key} is {one_line(repr(text), 40)}, not a number from {least}. Set endpoint.{setting}")
    return int(text)


def _word(found: Mapping[str, str], key: str, setting: str, words: tuple[str, ...]) -> str:
    if found[key] not in words:
        text = one_line(repr(found[key]), 40)
        raise InputError(f"{key} is {text}, not one of {', '.join(words)}. Set endpoint.{setting}")
    return found[key]


def _alarms(found: Mapping[str, str]) -> tuple[str, ...]:
    names = _json(found, contract.ENDPOINT_ALARMS)
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"{contract.ENDPOINT_ALARMS} is not a JSON list of alarm names. Run pulumi up")
    if len(names) > MOST_ALARMS:
        raise InputError(f"{contract.ENDPOINT_ALARMS} names {len(names)} alarms, SageMaker takes {MOST_ALARMS}")
    return tuple(names)


def _read_tags(found: Mapping[str, str]) -> dict[str, str]:
    tags = _json(found, contract.TAGS)
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise InputError(f"{contract.TAGS} is not a JSON object of texts. Run pulumi up")
    return tags


def _json(found: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(found[key])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{key} is not JSON. Run pulumi up") from error


def _check(plan: EndpointPlan) -> None:
    """Refuse what does not go together; the settings refuse it too, but a build's environment can be edited."""
    if plan.serverless:
        return
    if plan.max_instance_count < plan.instance_count:
        raise InputError(
            f"{contract.ENDPOINT_MAX_INSTANCE_COUNT} is less than {contract.ENDPOINT_INSTANCE_COUNT}."
            " Set endpoint.maxInstanceCount"
        )
    if plan.traffic != contract.ALL_AT_ONCE and plan.instance_count < 2:
        raise InputError(f"{plan.traffic} needs two instances or more. Set endpoint.instanceCount")
