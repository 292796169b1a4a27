"""Make, change and remove one resource, whatever kind of provider it has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.provision import (
    dynamic_provider,
    resource_types_code,
    resource_types_events,
    resource_types_iam,
    resource_types_lambda,
    resource_types_s3,
    resource_types_sagemaker,
    resource_types_watch,
)
from rehearsal.provision.aws_provider import PROVIDER_TYPE, AwsProvider, configured
from rehearsal.provision.dynamic_provider import Deleter
from rehearsal.provision.experiment import Experiment
from rehearsal.provision.resource_types import Existing, Inputs, Made, ProvisionError, ResourceType, Workbench
from rehearsal.provision.state import Resource, differing, remembered

TYPES: Mapping[str, ResourceType] = {
    **resource_types_code.TYPES,
    **resource_types_events.TYPES,
    **resource_types_iam.TYPES,
    **resource_types_lambda.TYPES,
    **resource_types_s3.TYPES,
    **resource_types_sagemaker.TYPES,
    **resource_types_watch.TYPES,
}
_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


class Maker:
    """What an engine's providers do, as the operator. `project` is the folder of the program."""

    def __init__(
        self, cloud: Cloud, repositories: Repositories, *, project: Path, experiment: Experiment | None
    ) -> None:
        self._cloud = cloud
        self._project = project
        self._bench = Workbench(cloud=cloud, repositories=repositories)
        self._experiment = experiment

    def put(self, type_name: str, name: str, values: Mapping[str, Any], existing: Resource | None) -> Made:
        """Make a resource with these plain properties, or change the existing one where they differ."""
        if type_name.startswith(dynamic_provider.TYPE_PREFIX):
            return _put_dynamic(values, existing)
        region = values.get("region", self._cloud.region)
        if region != self._cloud.region:
            raise ProvisionError(f"is meant for {region}; only {self._cloud.region} is emulated")
        if type_name == PROVIDER_TYPE:
            self.provider(values, name=name)
            return Made(id=name)
        if type_name not in TYPES:
            raise ProvisionError("nothing here makes this type. Add it to a rehearsal/provision/resource_types_*.py.")
        inputs = Inputs({key: value for key, value in values.items() if key != "region"}, logical_name=name)
        if existing is not None:
            changed = differing(existing.inputs, remembered(values))
            return TYPES[type_name].change(self._bench, inputs, _existing(existing), changed)
        if type_name == _ATTACHMENT and self._experiment and self._experiment.without.role == values["role"]:
            self._experiment.attach(values["policyArn"])
            return Made(id=f"{values['role']}/{values['policyArn']}")
        return TYPES[type_name].make(self._bench, inputs)

    def provider(self, values: Mapping[str, Any], *, name: str) -> AwsProvider:
        """Return the explicit provider with these properties. Raises ProvisionError where it does not fit here."""
        return configured(values, name=name, account=self._cloud.account)

    def remove(self, resource: Resource, deleter: Deleter, *, profile: str) -> None:
        """Remove a resource; one that is gone already is as good. `profile` is the one that the person works with."""
        if not resource.custom or resource.type == PROVIDER_TYPE or resource.options.retain_on_delete:
            return
        if resource.type.startswith(dynamic_provider.TYPE_PREFIX):
            deleter.delete(resource.urn, resource.id, resource.outputs, profile=profile)
        else:
            TYPES[resource.type].delete(self._bench, _existing(resource))

    def deleter(self) -> Deleter:
        """Return who deletes resources of dynamic providers, to be closed at the end."""
        return Deleter(self._cloud, self._project)


def _put_dynamic(values: Mapping[str, Any], existing: Resource | None) -> Made:
    if existing is None:
        return dynamic_provider.create(values)
    if not differing(existing.inputs, values):
        return Made(id=existing.id, outputs=existing.outputs)
    return dynamic_provider.change(existing.id, existing.outputs, values)


def _existing(resource: Resource) -> Existing:
    return Existing(id=resource.id, inputs=resource.inputs, outputs=resource.outputs)
