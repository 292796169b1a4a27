"""What a stack has made, and in which order it may be taken apart: what an engine keeps in its state file.

Source of the rules: Pulumi's engine (pkg/resource/graph, pkg/resource/deploy/step_generator.go).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi import Archive, Asset, AssetArchive

from rehearsal.provision.archives import zip_archive

_TYPE_SEPARATOR = "$"
STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a registration says beside type, name and inputs: options of the resource, and what it depends on."""

    urn: str
    parent: str = ""
    provider: str = ""
    """Reference of an explicit provider, `<urn>::<id>`; empty for the default one."""
    dependencies: frozenset[str] = frozenset()
    protect: bool = False
    retain_on_delete: bool = False


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource that exists. `inputs` are as declared, archives as digests; `outputs` are the computed ones."""

    type: str
    name: str
    custom: bool
    id: str
    options: Options
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        """The resource's address in its stack."""
        return self.options.urn

    @property
    def label(self) -> str:
        """Type and name, as messages show them."""
        return f"{self.type} {self.name!r}"

    def needs(self) -> frozenset[str]:
        """Return the URNs of what must outlive it: what it depends on, its parent and its provider."""
        others = {self.options.parent, self.options.provider.rpartition("::")[0]}
        return (self.options.dependencies | others) - {"", self.urn}


class State:
    """The resources of one stack. Not safe for several threads: whoever owns it holds a lock."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}

    def __iter__(self) -> Iterator[Resource]:
        """Yield every resource, in the order in which they were made."""
        return iter(tuple(self._resources.values()))

    def __len__(self) -> int:
        return len(self._resources)

    def get(self, urn: str) -> Resource | None:
        """Return the resource at this address, None when nothing was made there."""
        return self._resources.get(urn)

    def put(self, resource: Resource) -> None:
        """Keep a resource; one that was there already keeps its place in the order."""
        self._resources[resource.urn] = resource

    def remove(self, resource: Resource) -> None:
        """Forget a resource that no longer exists."""
        del self._resources[resource.urn]

    def guarded(self) -> frozenset[str]:
        """Return the URNs of the protected resources and of everything that they need, which goes no sooner."""
        waiting = [resource.urn for resource in self if resource.options.protect]
        found: set[str] = set()
        while waiting:
            resource = self.get(waiting.pop())
            if resource is not None and resource.urn not in found:
                found.add(resource.urn)
                waiting.extend(resource.needs())
        return frozenset(found)

    def waves(self, condemned: Iterable[Resource]) -> list[list[Resource]]:
        """Return the condemned in the order of removal: a wave is removed at once, after everything that needs it.

        The engine removes a wave's members in parallel, so a wave's own order means nothing; here it is by URN.
        """
        left = {resource.urn: resource for resource in condemned}
        waves: list[list[Resource]] = []
        while left:
            needed = {urn for resource in left.values() for urn in resource.needs()}
            wave = [resource for urn, resource in sorted(left.items()) if urn not in needed]
            waves.append(wave)
            for resource in wave:
                del left[resource.urn]
        return waves


def resource_urn(stack: str, project: str, *, parent: str, type_name: str, name: str) -> str:
    """Return the address that the engine would give: it holds the types of all parents but the stack."""
    qualified = parent.split("::")[2] if parent else STACK_TYPE
    full_type = type_name if qualified == STACK_TYPE else f"{qualified}{_TYPE_SEPARATOR}{type_name}"
    return f"urn:pulumi:{stack}::{project}::{full_type}::{name}"


def remembered(value: Any) -> Any:
    """Return an input in the form in which it is kept and compared: archives and assets by the digest of content."""
    if isinstance(value, Asset):
        return _digest(AssetArchive({"asset": value}))
    if isinstance(value, Archive):
        return _digest(value)
    if isinstance(value, dict):
        return {name: remembered(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [remembered(inner) for inner in value]
    return value


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """Return the top-level properties that are not the same in both."""
    return frozenset(name for name in {*old, *new} if _text(old.get(name)) != _text(new.get(name)))


def _digest(archive: Archive) -> str:
    return "sha256:" + hashlib.sha256(zip_archive(archive)).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
