"""Hand a recorded graph to the policies as Pulumi's engine would, and break a recorded graph on purpose."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from policy.rules.graph import Graph, graph_of
from tests.harness import Recorded, Registered

Violation = tuple[str, str]
"""Message, URN."""


def stack_of(run: Recorded) -> StackValidationArgs:
    """Return what the engine asks a stack policy about: proxies that raise on a look at what is not known yet."""
    by_urn = {one.urn: _resource(one) for one in run.resources}
    for one in run.resources:
        made = by_urn[one.urn]
        made.parent = by_urn.get(one.parent)
        made.provider = _provider(by_urn[one.provider]) if one.provider in by_urn else None
        made.dependencies = [by_urn[urn] for urn in sorted(one.depends_on) if urn in by_urn]
        made.property_dependencies = {
            name: [by_urn[urn] for urn in urns if urn in by_urn] for name, urns in one.property_depends_on.items()
        }
    return StackValidationArgs(list(by_urn.values()))


def graph(run: Recorded) -> Graph:
    """Return the graph as the rules see it."""
    return graph_of(stack_of(run))


def violations(policy: StackValidationPolicy, run: Recorded) -> list[Violation]:
    """Run one policy and return what it reports."""
    found: list[Violation] = []

    def report(message: str, urn: str | None = None) -> None:
        found.append((message, urn or ""))

    assert policy.validate(stack_of(run), report) is None
    return found


def changed(run: Recorded, kind: str, part: str, change: Callable[[dict[str, Any]], None]) -> Recorded:
    """Return the run with the inputs of one resource changed: the only one of `kind` whose name holds `part`."""
    target = run.one(kind, part)
    inputs = copy.deepcopy(target.inputs)
    change(inputs)
    return _replaced(run, dataclasses.replace(target, inputs=inputs))


def with_fields(run: Recorded, kind: str, part: str, **fields: Any) -> Recorded:
    """Return the run with something else than the inputs of one resource changed."""
    return _replaced(run, dataclasses.replace(run.one(kind, part), **fields))


def without(run: Recorded, kind: str, part: str) -> Recorded:
    """Return the run without one resource."""
    gone = run.one(kind, part)
    return dataclasses.replace(run, resources=tuple(one for one in run.resources if one is not gone))


def _replaced(run: Recorded, new: Registered) -> Recorded:
    resources = tuple(new if one.urn == new.urn else one for one in run.resources)
    return dataclasses.replace(run, resources=resources)


def _resource(one: Registered) -> PolicyResource:
    timeouts = PolicyCustomTimeouts(0, 0, 0)
    options = PolicyResourceOptions(one.protect, [], None, [], timeouts, [], one.parent or None)
    props = unknown_checking_proxy(copy.deepcopy(one.inputs))
    return PolicyResource(one.type, props, one.urn, one.name, options, None, None, [], {})


def _provider(one: PolicyResource) -> PolicyProviderResource:
    return PolicyProviderResource(one.resource_type, one.props, one.urn, one.name)
