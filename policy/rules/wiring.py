"""Who does what on the road, read from how the pipeline is wired and not from names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .graph import Graph, Resource, at
from .iam import Role, roles_used_by

PIPELINE = "codepipeline/pipeline:Pipeline"
PROJECT = "codebuild/project:Project"
FUNCTION = "lambda/function:Function"

DECIDING_CATEGORIES = frozenset({"Approval", "Invoke"})
"""Categories of pipeline actions that may stop an execution on somebody's or some function's word."""


@dataclass(frozen=True, kw_only=True)
class Builds:
    """The build projects that one pipeline runs before and after its decision."""

    before: tuple[Resource, ...]
    after: tuple[Resource, ...]


def actions(pipeline: Resource) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each action with the number of its stage, counted from 0."""
    for number, stage in enumerate(at(pipeline.props, "stages") or []):
        for action in at(stage, "actions") or []:
            yield number, action


def builds(graph: Graph, pipeline: Resource) -> Builds:
    """Return the projects by their place; without a decision every build counts as one before it."""
    deciding = [number for number, action in actions(pipeline) if action.get("category") in DECIDING_CATEGORIES]
    first = min(deciding, default=None)
    by_name = {at(one.props, "name"): one for one in graph.of(PROJECT)}
    before: list[Resource] = []
    after: list[Resource] = []
    for number, action in actions(pipeline):
        project = by_name.get(at(action, "configuration", "ProjectName"))
        if action.get("provider") == "CodeBuild" and project is not None:
            (before if first is None or number < first else after).append(project)
    return Builds(before=tuple(before), after=tuple(after))


def trainers(graph: Graph) -> list[Role]:
    """Return the roles of the builds that run before a decision: they make what is decided about."""
    return [role for pipeline in graph.of(PIPELINE) for role in _roles(graph, builds(graph, pipeline).before)]


def deployers(graph: Graph) -> list[Role]:
    """Return the roles of the builds that run after a decision."""
    return [role for pipeline in graph.of(PIPELINE) for role in _roles(graph, builds(graph, pipeline).after)]


def function_roles(graph: Graph) -> list[Role]:
    """Return the roles of the functions."""
    return [role for function in graph.of(FUNCTION) for role in roles_used_by(graph, function, "role")]


def _roles(graph: Graph, projects: tuple[Resource, ...]) -> list[Role]:
    return [role for project in projects for role in roles_used_by(graph, project, "serviceRole")]
