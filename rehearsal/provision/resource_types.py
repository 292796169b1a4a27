"""What the mappings of Pulumi resource types to API calls share: inputs that must all be used, and what comes back."""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ml.errors import RoadError
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories

_SUFFIX_LENGTH = 7
_HOW_TO_CHANGE = "Destroy the stack and provision it again, or add it to the type's mapping."
_WHERE_TO_ADD = "Map it, or name it as kept for AWS only with a reason, in {file}."


class ProvisionError(RoadError):
    """The emulated cloud cannot be made as the program declares it; the text names the resource and what to do."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A created resource: its physical id, and the outputs that the provider would compute (camelCase)."""

    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Existing:
    """What a mapping is told of a resource that it made before: as `Made`, with the properties it was made from."""

    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class Inputs:
    """Declared properties of one resource. Each must be taken by its mapping; `untaken` tells which were not."""

    def __init__(self, values: Mapping[str, Any], *, logical_name: str, path: str = "") -> None:
        self.logical_name = logical_name
        self._values = dict(values)
        self._path = path
        self._children: list[Inputs] = []

    def need(self, name: str) -> Any:
        """Take a property that the type cannot do without. Raises ProvisionError when it is absent."""
        if name not in self._values:
            raise ProvisionError(f"property {self._path}{name} is missing")
        return self._values.pop(name)

    def take(self, name: str, default: Any = None) -> Any:
        """Take a property, or `default` when it is absent."""
        return self._values.pop(name, default)

    def name(self, property_name: str = "name") -> str:
        """Take the physical name; an absent one is made as the provider would, the same in every run."""
        given = self.take(property_name)
        return str(given) if given else automatic_name(self.logical_name)

    def renamed(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Take these properties (the mapping's keys) and return the given ones under the API's names."""
        return {api: self._values.pop(ours) for ours, api in names.items() if ours in self._values}

    def child(self, name: str) -> "Inputs | None":
        """Take a nested object, to be read property by property in its turn."""
        value = self._values.pop(name, None)
        return None if value is None else self._nested(value, f"{self._path}{name}.")

    def children(self, name: str) -> list["Inputs"]:
        """Take a list of nested objects; empty when absent."""
        values = self._values.pop(name, None) or []
        return [self._nested(value, f"{self._path}{name}[{index}].") for index, value in enumerate(values)]

    def holds(self, name: str) -> bool:
        """Whether a property is there and not taken yet."""
        return name in self._values

    def untaken(self) -> list[str]:
        """Return the paths of all properties that nothing took, nested ones included."""
        own = [f"{self._path}{name}" for name in self._values]
        return own + [path for child in self._children for path in child.untaken()]

    def _nested(self, values: Mapping[str, Any], path: str) -> "Inputs":
        nested = Inputs(values, logical_name=self.logical_name, path=path)
        self._children.append(nested)
        return nested


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """What a mapping may use: the cloud's API, and the host of repositories."""

    cloud: Cloud
    repositories: Repositories

    def arn(self, service: str, rest: str) -> str:
        """Return the ARN of a regional resource of this account."""
        return f"arn:aws:{service}:{self.cloud.region}:{self.cloud.account}:{rest}"


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """How one type is made and removed.

    `delete` removes what `create` made, and may find it gone. `updatable` names the top-level properties that may
    change while the resource stays: `update` puts them, or, without one, `create` once more, for operations that put.
    `taggable` types get their provider's default tags. `aws_only` are top-level properties that mean nothing here,
    each with the reason; they may change at any time.
    """

    create: Callable[[Workbench, Inputs], Made]
    delete: Callable[[Workbench, Existing], None]
    update: Callable[[Workbench, Inputs, Existing], Made] | None = None
    updatable: Set[str] = frozenset()
    taggable: bool = False
    aws_only: Mapping[str, str] = field(default_factory=dict)

    def make(self, bench: Workbench, inputs: Inputs) -> Made:
        """Create the resource. Raises ProvisionError naming the first property that the mapping does not know."""
        made = self.create(bench, inputs)
        self._refuse_untaken(inputs.untaken())
        return made

    def change(self, bench: Workbench, inputs: Inputs, existing: Existing, changed: Set[str]) -> Made:
        """Change an existing resource, whose `changed` properties differ. Raises ProvisionError where it cannot."""
        if fixed := changed - self.updatable - set(self.aws_only):
            names = ", ".join(sorted(fixed))
            raise ProvisionError(f"{names} changed, and nothing here changes that in place. {_HOW_TO_CHANGE}")
        if not changed - set(self.aws_only):
            return Made(id=existing.id, outputs=existing.outputs)
        update = self.update
        made = update(bench, inputs, existing) if update else self.create(bench, inputs)
        # What did not change was understood when the resource was made.
        self._refuse_untaken(path for path in inputs.untaken() if re.split(r"[.\[]", path)[0] in changed)
        return made

    def _refuse_untaken(self, paths: Iterable[str]) -> None:
        names = sorted(set(paths) - set(self.aws_only))
        if names:
            file = self.create.__module__.replace(".", "/") + ".py"
            text = f"nothing here understands {', '.join(names)}."
            raise ProvisionError(f"{text} {_WHERE_TO_ADD.format(file=file)}")


@contextlib.contextmanager
def absent_is_fine(*codes: str) -> Iterator[None]:
    """Let pass the errors by which a service says that what is to be removed does not exist."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def automatic_name(logical_name: str) -> str:
    """Return `<logical name>-<7 hex digits>`, the provider's scheme, but with digits that a rerun repeats."""
    return f"{logical_name}-{hashlib.sha256(logical_name.encode()).hexdigest()[:_SUFFIX_LENGTH]}"


def tag_list(tags: Mapping[str, str] | None, *, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as the list of pairs that most services take."""
    return [{key: name, value: text} for name, text in sorted((tags or {}).items())]
