"""Component schemas: which components could serve programs in other languages as they are, and what stops the others.

The analyzer is the one that `pulumi package add` runs on a component package. It takes plain data, Settings and Names
among it, and resources of published providers. What takes one of our own components (a role with the grants that others
wait for) has no schema.
"""

import importlib
import inspect
import json
import pkgutil
from types import ModuleType
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.component import ComponentProvider

import components

WITH_SCHEMA = {
    "Alarms": {"names", "settings", "topicArn", "bridgeLogGroup"},
    "CleanUp": {"names", "settings"},
    "Dashboard": {"names", "settings"},
    "EncryptionKey": {"names", "settings"},
    "EndpointLog": {"names", "retentionDays", "keyArn"},
    "ModelRegistry": {"names", "protect"},
}
"""Component -> the inputs in its schema."""

OPTIONAL = {"bridgeLogGroup"}

ROLE = "'ServiceRole.pulumi_type' is not defined"
RESOURCES = "'Resource.pulumi_type' is not defined"
WITHOUT_SCHEMA = {
    "ApprovalAutomation": ROLE,
    "ApprovalBridge": ROLE,
    "AuditTrail": ROLE,
    "BuildProject": ROLE,
    "EventFunction": ROLE,
    "MailTopic": RESOURCES,
    "Notifications": ROLE,
    "PrivateBucket": "issubclass() arg 1 must be a class",
    "ReleasePipeline": ROLE,
    "Roles": ROLE,
    "ServiceRole": RESOURCES,
    "SourceRepository": ROLE,
    "Storage": "'PrivateBucket.pulumi_type' is not defined",
}
"""Component -> the analyzer's first complaint. An entry goes when the component has a schema."""


def all_components() -> dict[str, type[pulumi.ComponentResource]]:
    modules: list[ModuleType] = [
        importlib.import_module(one.name) for one in pkgutil.walk_packages(components.__path__, "components.")
    ]
    return {
        name: kind
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, pulumi.ComponentResource) and kind.__module__ == module.__name__
    }


def schema_of(kind: type[pulumi.ComponentResource]) -> dict[str, Any]:
    schema = json.loads(ComponentProvider([kind], "mle004").schema)
    found: dict[str, Any] = schema["resources"][f"mle004:index:{kind.__name__}"]
    return found


def test_every_component_has_a_schema_or_a_reason() -> None:
    assert set(all_components()) == set(WITH_SCHEMA) | set(WITHOUT_SCHEMA)


@pytest.mark.parametrize("name", WITH_SCHEMA)
def test_a_component_that_takes_plain_data_has_a_schema(name: str) -> None:
    schema = schema_of(all_components()[name])
    assert set(schema["inputProperties"]) == WITH_SCHEMA[name]
    assert set(schema["requiredInputs"]) == WITH_SCHEMA[name] - OPTIONAL
    assert schema["description"]


@pytest.mark.parametrize("name", WITHOUT_SCHEMA)
def test_a_component_without_a_schema_says_what_stops_it(name: str) -> None:
    with pytest.raises(Exception) as raised:
        schema_of(all_components()[name])
    assert WITHOUT_SCHEMA[name] in str(raised.value)
