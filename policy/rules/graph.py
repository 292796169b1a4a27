"""The resource graph as plain values. What the engine does not know before an update is UNKNOWN."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi_policy import StackValidationArgs
from pulumi_policy.proxy import UnknownValueError


class Unknown:
    """A value that only the update will tell. A rule neither accepts nor refuses it."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource. `uses` maps a property to the URNs of the resources that its value was taken from."""

    urn: str
    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool
    uses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    provider_props: Mapping[str, Any] | None = None
    """The explicit provider's properties; None for the default provider and for components."""

    @property
    def custom(self) -> bool:
        """Whether a provider makes it, so that it is neither a component nor the stack nor a provider itself."""
        return self.type.startswith("aws:")

    @property
    def stack(self) -> str:
        """The stack's name, from the URN (urn:pulumi:<stack>::<project>::<type>::<name>)."""
        return self.urn.split("::")[0].removeprefix("urn:pulumi:")

    @property
    def project(self) -> str:
        """The project's name, from the URN."""
        return self.urn.split("::")[1]


class Graph:
    """Every resource of one stack."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._by_urn = {one.urn: one for one in self.resources}

    def of(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types, written as "iam/role:Role"."""
        full = {f"aws:{name}" for name in types}
        return (one for one in self.resources if one.type in full)

    def used_by(self, one: Resource, prop: str) -> list[Resource]:
        """Return the resources that this property of `one` was taken from."""
        return [self._by_urn[urn] for urn in one.uses.get(prop, ()) if urn in self._by_urn]

    def users_of(self, one: Resource, kind: str, prop: str) -> list[Resource]:
        """Return the resources of type `kind` whose property `prop` was taken from `one`."""
        return [user for user in self.of(kind) if one.urn in user.uses.get(prop, ())]


def graph_of(args: StackValidationArgs) -> Graph:
    """Return the graph that the engine hands to a policy."""
    return Graph(
        Resource(
            urn=one.urn,
            type=one.resource_type,
            name=one.name,
            props=_plain(one.props),
            protect=one.opts.protect,
            uses={prop: [taken.urn for taken in taken_from] for prop, taken_from in one.property_dependencies.items()},
            provider_props=_plain(one.provider.props) if one.provider else None,
        )
        for one in args.resources
    )


def at(value: Any, *path: str | int) -> Any:
    """Return what lies at `path` within `value`: None where nothing does, UNKNOWN where a part is not known yet."""
    for step in path:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any) -> Any:
    """Copy the engine's proxies, which raise on the first look at an unknown value, into plain values."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(value: Any, key: Any) -> Any:
    try:
        return _plain(value[key])
    except UnknownValueError:
        return UNKNOWN
