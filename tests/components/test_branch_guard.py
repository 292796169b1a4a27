"""Branch guard: whoever has the policy changes the branch by merging a reviewed pull request, and in no other way."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data, get_actions_for_service

from components.branch_guard import BRANCH_WRITES, RULE_DODGES
from rehearsal.account.calls import Check
from rehearsal.account.iam import Policy, evaluate
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
REPOSITORY = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:model-registry-pipeline-repo-prod"
NEIGHBOUR = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:model-registry-pipeline-repo"
MERGES = tuple(f"codecommit:MergePullRequestBy{how}" for how in ("FastForward", "Squash", "ThreeWay"))
REFERENCES = "codecommit:References"

COMMITTER = Policy(
    name="committer",
    document={"Statement": [{"Sid": "All", "Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]},
)
"""More than anybody who commits needs: what is refused, the guard refuses."""


def guards(run: Recorded) -> list[Policy]:
    return [
        Policy(name=str(one.inputs["name"]), document=json.loads(one.inputs["policy"]))
        for one in run.of("iam/policy:Policy")
        if "branch-guard" in one.name
    ]


@pytest.fixture(scope="module")
def guard(recorded: Record) -> Policy:
    [found] = guards(recorded("prod"))
    return found


def may(guard: Policy, action: str, branch: str | None, repository: str = REPOSITORY) -> bool:
    context = {} if branch is None else {REFERENCES: f"refs/heads/{branch}"}
    return evaluate([COMMITTER, guard], Check(action=action, resource=repository, context=context)).allowed


def rows(action: str) -> list[Mapping[str, Any]]:
    service, name = action.split(":")
    found: list[Mapping[str, Any]] = get_action_data(service, name)[service]
    return found


@pytest.mark.parametrize("action", BRANCH_WRITES)
def test_the_branch_is_changed_by_nobody_directly_and_every_other_branch_by_everybody(
    action: str, guard: Policy
) -> None:
    assert not may(guard, action, "main")
    assert all(may(guard, action, other) for other in ("try", "main2", "team/main", "Main"))
    assert may(guard, action, "main", NEIGHBOUR)


@pytest.mark.parametrize("action", MERGES)
def test_a_pull_request_is_merged_into_the_branch(action: str, guard: Policy) -> None:
    assert may(guard, action, "main")


def test_a_push_may_begin_before_it_names_a_branch(guard: Policy) -> None:
    assert may(guard, "codecommit:GitPush", None)


@pytest.mark.parametrize("action", RULE_DODGES)
def test_the_reviews_of_a_pull_request_are_not_set_aside(action: str, guard: Policy) -> None:
    assert not may(guard, action, None)
    assert may(guard, action, None, NEIGHBOUR)


def test_every_action_that_writes_to_a_branch_is_denied_but_the_merge_of_a_pull_request() -> None:
    by_branch = {
        action
        for action in get_actions_for_service("codecommit")
        if any(REFERENCES in row["condition_keys"] and row["access_level"] == "Write" for row in rows(action))
    }
    # A commit that no branch leads to changes none.
    assert by_branch - {*MERGES, "codecommit:CreateUnreferencedMergeCommit"} == set(BRANCH_WRITES)


def test_every_action_of_a_repository_that_ends_a_rule_is_denied() -> None:
    of_repository = {
        action
        for action in get_actions_for_service("codecommit")
        if "ApprovalRule" in action
        and any(
            row["resource_arn_format"].endswith(":${RepositoryName}") and row["access_level"] == "Write"
            for row in rows(action)
        )
    }
    adds = {
        f"codecommit:{verb}"
        for verb in (
            "AssociateApprovalRuleTemplateWithRepository",
            "BatchAssociateApprovalRuleTemplateWithRepositories",
            "CreatePullRequestApprovalRule",
        )
    }
    # CodeCommit itself refuses these two for a rule that came from a template (API reference, errors of either).
    of_own_rules = {
        f"codecommit:{verb}" for verb in ("DeletePullRequestApprovalRule", "UpdatePullRequestApprovalRuleContent")
    }
    assert of_repository - adds - of_own_rules == set(RULE_DODGES)


def test_the_guard_grants_nothing(guard: Policy) -> None:
    assert {one["Effect"] for one in guard.document["Statement"]} == {"Deny"}
    assert not evaluate([guard], Check(action=MERGES[0], resource=REPOSITORY, context={})).allowed


def test_the_program_attaches_it_to_nobody_and_tells_its_arn(recorded: Record) -> None:
    run = recorded("prod")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/mle-004-branch-guard-prod"
    assert run.exports["branch_guard_policy"] == arn
    attached = [one for one in run.resources if "Attachment" in one.type]
    assert attached
    assert [one.urn for one in attached if arn in one.inputs.values()] == []


def test_it_guards_the_branch_that_starts_the_pipeline(recorded: Record) -> None:
    [guard] = guards(recorded("dev", {"source": {"branch": "release", "reviews": 1}}))
    assert not may(guard, "codecommit:GitPush", "release", NEIGHBOUR)
    assert may(guard, "codecommit:GitPush", "main", NEIGHBOUR)


@pytest.mark.parametrize(
    "source",
    [
        {"reviews": 0},
        {
            "provider": "codeconnections",
            "connectionArn": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/{'0' * 36}",
            "repository": "somebody/road",
        },
    ],
    ids=["no reviews", "another host"],
)
def test_where_codecommit_asks_for_no_review_there_is_no_guard(source: dict[str, Any], recorded: Record) -> None:
    run = recorded("dev", {"source": source})
    assert guards(run) == []
    assert "branch_guard_policy" not in run.exports
