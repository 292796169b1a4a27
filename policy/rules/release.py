"""The road itself: what the pipeline must look like so that nothing is released undecided."""

from .graph import Graph, Resource, at
from .rule import Check, Checks, Rule, check
from .wiring import PIPELINE, actions, builds

SOURCE_ARTIFACT = "SourceArtifact"
BUILD_ARTIFACT = "BuildArtifact"
APPROVAL_MINUTES = (5, 86_400)
"""What CodePipeline accepts as the time that an approval may take."""


def decision_stands_between(graph: Graph) -> Checks:
    """Check that a build runs before the decision and another after it, each under a role of its own."""
    for pipeline in graph.of(PIPELINE):
        found = builds(graph, pipeline)
        problem = "has no decision between the build that makes a model and the build that deploys it"
        yield check(pipeline, bool(found.before) and bool(found.after), problem)
        makers = {urn for one in found.before for urn in one.uses.get("serviceRole", ())}
        releasers = {urn for one in found.after for urn in one.uses.get("serviceRole", ())}
        yield check(pipeline, not makers & releasers, "trains and deploys under one role")


def newest_commit_wins(graph: Graph) -> Checks:
    """Check the pipeline's kind: V2, a newer commit supersedes a waiting one, and a push starts it once."""
    for pipeline in graph.of(PIPELINE):
        kind = (pipeline.props.get("pipelineType"), pipeline.props.get("executionMode"))
        yield check(pipeline, kind == ("V2", "SUPERSEDED"), f"is {kind}; it must be V2 and SUPERSEDED")
        for _, action in actions(pipeline):
            if action.get("provider") == "CodeCommit":
                polls = at(action, "configuration", "PollForSourceChanges")
                yield check(pipeline, polls == "false", "polls its source beside the push rule: each push runs twice")


def deploy_takes_commit_and_version(graph: Graph) -> Checks:
    """Check the inputs of the builds after the decision: the commit first, then what the train build handed over."""
    for pipeline in graph.of(PIPELINE):
        after = {at(one.props, "name") for one in builds(graph, pipeline).after}
        for _, action in actions(pipeline):
            if at(action, "configuration", "ProjectName") in after:
                yield _takes_both(pipeline, action)


def _takes_both(pipeline: Resource, action: dict[str, object]) -> Check:
    inputs, primary = action.get("inputArtifacts"), at(action, "configuration", "PrimarySource")
    holds = inputs == [SOURCE_ARTIFACT, BUILD_ARTIFACT] and primary == SOURCE_ARTIFACT
    problem = f"{action.get('name')} takes {inputs} with {primary} first; it must take both artifacts, the commit first"
    return check(pipeline, holds, problem)


def approvals_end(graph: Graph) -> Checks:
    """Check that a person's approval has a deadline of its own, and deciding functions answer at once."""
    for pipeline in graph.of(PIPELINE):
        for _, action in actions(pipeline):
            if action.get("category") == "Approval":
                minutes = action.get("timeoutInMinutes")
                low, high = APPROVAL_MINUTES
                holds = isinstance(minutes, int | float) and low <= minutes <= high
                yield check(pipeline, holds, f"{action.get('name')} has no timeout between {low} and {high} minutes")


RULES = (
    Rule(
        name="decision-stands-between",
        says="A decision stands between the build that makes a model and the build that deploys it.",
        checks=decision_stands_between,
    ),
    Rule(
        name="newest-commit-wins",
        says="The pipeline is V2, superseding, and started by pushes alone.",
        checks=newest_commit_wins,
    ),
    Rule(
        name="deploy-takes-commit-and-version",
        says="The deploy build takes the commit and the built version, in the brief's order.",
        checks=deploy_takes_commit_and_version,
    ),
    Rule(
        name="approvals-end",
        says="A person's approval has a deadline.",
        checks=approvals_end,
    ),
)
