"""The index of tags (GetResources of the Resource Groups Tagging API) over what SageMaker hosts. moto's has none of it.

AWS's own index follows a change after a while; this one is the tags themselves, at once.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from moto.sagemaker.models import sagemaker_backends

from rehearsal.account.calls import Caller, Reply
from rehearsal.account.gateway import Proceed
from rehearsal.account.operations import json_result

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

_KINDS = ("endpoint", "endpoint-config", "model")
"""As in their ARNs, from which the API takes its words for types (API reference, GetResources, ResourceTypeFilters)."""
_ASKED = {"TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "PaginationToken"}
_PAGE_SIZE = 50
"""Where nobody asks for another one. AWS's own default is not known here; 100 is its most."""


class ResourceTags:
    """What carries which tags, of the kinds that the road makes while it deploys."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._of_endpoints: dict[str, list[Mapping[str, str]]] = {}
        """By the endpoint's name: whoever runs the endpoints keeps no tags, and moto does not know them."""
        cloud.correct("sagemaker", "CreateEndpoint", self._create_endpoint)
        cloud.operation("resourcegroupstaggingapi", "GetResources", self._get_resources)

    def _create_endpoint(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        reply = proceed(params)
        json_result(reply)
        self._of_endpoints[params["EndpointName"]] = params.get("Tags", [])
        return reply

    def _get_resources(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        if others := sorted(set(params) - _ASKED):
            raise NotImplementedError(f"GetResources with {', '.join(others)}")
        kinds = [_kind(word) for word in params.get("ResourceTypeFilters", [])]
        if not kinds:
            raise NotImplementedError("GetResources of every type: only SageMaker's endpoints, their parts and models")
        wanted = [each for kind in kinds for each in self._tagged(kind) if _passes(each["Tags"], params)]
        start, size = int(params.get("PaginationToken") or 0), params.get("ResourcesPerPage", _PAGE_SIZE)
        token = str(start + size) if len(wanted) > start + size else ""
        return {"ResourceTagMappingList": wanted[start : start + size], "PaginationToken": token}

    def _tagged(self, kind: str) -> Iterator[Mapping[str, Any]]:
        for name, tags in self._held(kind):
            if tags:
                arn = f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:{kind}/{name}"
                yield {"ResourceARN": arn, "Tags": list(tags)}

    def _held(self, kind: str) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
        if kind == "endpoint":
            pages = self._cloud.client("sagemaker").get_paginator("list_endpoints").paginate()
            names = [each["EndpointName"] for page in pages for each in page["Endpoints"]]
            yield from ((name, self._of_endpoints.get(name, [])) for name in names)
            return
        backend: Any = sagemaker_backends[self._cloud.account][self._cloud.region]
        held = backend.endpoint_configs if kind == "endpoint-config" else backend._models
        yield from ((name, resource.tags) for name, resource in held.items())


def _kind(word: str) -> str:
    service, _, kind = word.partition(":")
    if service != "sagemaker" or kind not in _KINDS:
        raise NotImplementedError(f"GetResources of {word}")
    return kind


def _passes(tags: list[Mapping[str, str]], params: Mapping[str, Any]) -> bool:
    """Every key that is asked for must be there, with one of its values where values are asked for (API reference)."""
    held = {tag["Key"]: tag["Value"] for tag in tags}
    filters = params.get("TagFilters", [])
    return all(
        each["Key"] in held and (not each.get("Values") or held[each["Key"]] in each["Values"]) for each in filters
    )
