"""Component schemas: what each component takes and gives is data that Pulumi can describe to programs in any language.

The analyzer is the one that `pulumi package add` runs on a component package. It knows plain data, dataclasses of it,
archives, and resources of published providers; a component of ours is nothing that it could describe. A schema is not
yet a component that other programs can call: see docs/decisions/0009.
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

# The analyzer leaves it to Python to close the file in which a provider says its version.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*pulumi-plugin.json:ResourceWarning")

INPUTS = {
    "Alarms": {"names", "settings", "topicArn", "bridgeLogGroup"},
    "ApprovalAutomation": {"names", "settings", "codeRoot", "role", "modelPackageGroup", "keyArn"},
    "ApprovalBridge": {"names", "settings", "codeRoot", "role", "modelPackageGroup", "keyArn"},
    "AuditTrail": {"names", "settings", "role", "keyArn", "accessLog"},
    "BuildProject": {
        "projectName",
        "buildspec",
        "image",
        "computeType",
        "timeoutMinutes",
        "environment",
        "role",
        "retentionDays",
        "keyArn",
    },
    "CleanUp": {"names", "settings"},
    "Dashboard": {"names", "settings"},
    "EncryptionKey": {"names", "settings"},
    "EndpointLog": {"names", "retentionDays", "keyArn"},
    "EventFunction": {
        "names",
        "functionName",
        "description",
        "logGroupName",
        "queueName",
        "code",
        "handler",
        "role",
        "environment",
        "rules",
        "retentionDays",
        "keyArn",
    },
    "MailTopic": {"topicName", "displayName", "statements", "addresses", "keyArn", "namedInPolicy"},
    "ModelRegistry": {"names", "protect"},
    "Notifications": {"names", "settings", "keyArn", "pipelineRole"},
    "PrivateBucket": {
        "bucketName",
        "encryption",
        "expireDays",
        "expireBelow",
        "protect",
        "statements",
        "accessLog",
    },
    "ReleasePipeline": {"names", "settings", "role", "artifactBucket", "keyArn", "called"},
    "Roles": {"names", "settings", "keyArn"},
    "ServiceRole": {"roleName", "description", "trustPolicy", "policy", "keyPolicy"},
    "SourceRepository": {"names", "settings", "trigger"},
    "Storage": {"names", "settings", "keyArn"},
}
"""Component -> the inputs in its schema."""

OPTIONAL = {
    "Alarms": {"bridgeLogGroup"},
    "PrivateBucket": {"expireDays", "accessLog"},
    "ServiceRole": {"keyPolicy"},
}

OUTPUTS = {
    "ApprovalAutomation": {"functionName"},
    "ApprovalBridge": {"functionName", "logGroupName"},
    "BuildProject": {"projectName"},
    "EncryptionKey": {"arn"},
    "EventFunction": {"functionName", "logGroupName"},
    "MailTopic": {"arn"},
    "ModelRegistry": {"groupName"},
    "Notifications": {"alarmsTopic", "approvalsTopic"},
    "PrivateBucket": {"bucket", "policy"},
    "ReleasePipeline": {"pipelineName"},
    "Roles": {"pipeline", "train", "deploy", "execution", "trigger", "approval", "bridge", "trail"},
    "ServiceRole": {"role"},
    "SourceRepository": {"repositoryName", "cloneUrlHttp", "branchGuardArn"},
    "Storage": {"artifactBucket", "modelBucket", "accessLog"},
}
"""Component -> what others take from it; the rest give nothing."""


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


def package_of(*kinds: type[pulumi.ComponentResource]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ComponentProvider(list(kinds), "mle004").schema)
    return found


def test_these_are_all_components() -> None:
    assert set(all_components()) == set(INPUTS)


@pytest.mark.parametrize("name", INPUTS)
def test_every_component_has_a_schema(name: str) -> None:
    schema = package_of(all_components()[name])["resources"][f"mle004:index:{name}"]
    assert set(schema["inputProperties"]) == INPUTS[name]
    assert set(schema["requiredInputs"]) == INPUTS[name] - OPTIONAL.get(name, set())
    assert set(schema["properties"]) == OUTPUTS.get(name, set())
    assert schema["description"]


def test_together_they_are_one_package_that_needs_the_aws_provider_alone() -> None:
    package = package_of(*all_components().values())
    assert set(package["resources"]) == {f"mle004:index:{name}" for name in INPUTS}
    assert [one["name"] for one in package["dependencies"]] == ["aws"]


def test_no_type_is_an_empty_box() -> None:
    """A class without annotations, such as a Path, gets a schema as well: one that says nothing."""
    types = package_of(*all_components().values())["types"]
    assert types
    assert [name for name, one in types.items() if not one.get("properties")] == []
