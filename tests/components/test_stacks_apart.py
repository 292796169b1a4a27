"""Stacks of one account: no role can do to another stack what it or anybody may do to its own, nor use its key."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from components.arns import Arns
from components.roles import ROLES
from ml import contract
from rehearsal.account.calls import Check
from rehearsal.account.iam import Policy, as_list, evaluate_for_service
from tests.components.held import SUFFIXES, Held, names_of
from tests.harness import Recorded

ARNS = Arns(names=names_of(""))
SHARED = {
    ARNS.serving_image,
    ARNS.scaling_role,
    ARNS.log_streams(contract.TRAINING_LOG_GROUP),
    "arn:aws:s3:::rows",
    "arn:aws:s3:::rows/customers.csv",
}
"""Not a stack's own: AWS's image, the account's service-linked role and log group of training jobs, and the training
data that a setting names."""

KEY_ACTIONS = {"kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:CreateGrant"}
"""What the roles of a stack have of its key, all together."""

PAIRS = list(itertools.permutations(SUFFIXES, 2))


@pytest.fixture(scope="module")
def stacks(recorded: Callable[..., Recorded]) -> dict[str, Held]:
    return {suffix: Held.by_stack(recorded, suffix) for suffix in SUFFIXES}


def grants(policies: list[Policy]) -> Iterator[Check]:
    """Yield what these documents allow of a stack's own, each under a context in which they do."""
    for policy in policies:
        for statement in as_list(policy.document["Statement"]):
            resources = [r for r in as_list(statement["Resource"]) if r not in SHARED and r != "*"]
            if statement["Effect"] == "Allow":
                context = _context(statement.get("Condition", {}))
                for action, resource in itertools.product(as_list(statement["Action"]), resources):
                    yield Check(action=action, resource=resource.replace("*", "v1-0123abcd"), context=context)


def services_of_the_key(stack: Held) -> Iterator[tuple[str, Check]]:
    """Yield what a key's own policy lets services do, each for every thing of the stack that they may do it for."""
    for statement in stack.key_policy.document["Statement"]:
        service = statement["Principal"].get("Service")
        if service is None:
            continue
        lists = (values for keys in statement["Condition"].values() for values in keys.values())
        for action, place in itertools.product(statement["Action"], range(max(len(as_list(one)) for one in lists))):
            context = _context(statement["Condition"], place)
            yield service, Check(action=action.replace("*", "From"), resource=stack.key_arn, context=context)


def _context(conditions: Mapping[str, Mapping[str, Any]], place: int = 0) -> dict[str, Any]:
    """Return a context in which the conditions hold; of a list of values, the one at `place`, or the last."""
    present = {key: "*" for key, absent in conditions.get("Null", {}).items() if absent == "false"}
    return present | {
        key: (values if operator.startswith("ForA") else as_list(values)[: place + 1][-1])
        for operator, keys in conditions.items()
        if operator != "Null"
        for key, values in keys.items()
    }


@pytest.mark.parametrize(("mine", "theirs"), PAIRS)
@pytest.mark.slow
def test_no_role_can_do_anything_to_another_stack(mine: str, theirs: str, stacks: dict[str, Held]) -> None:
    asking, owner = stacks[mine], stacks[theirs]
    foreign = [check for role in ROLES for check in grants(owner.policies[role])]
    assert len(foreign) > 60
    assert {check.action for check in foreign if check.resource == owner.key_arn} == KEY_ACTIONS
    reached = [
        (role, check.action, check.resource)
        for role in ROLES
        for check in foreign
        if asking.answer(role, check, owner).allowed
    ]
    assert reached == []


@pytest.mark.slow
def test_the_same_questions_are_answered_yes_at_home(stacks: dict[str, Held]) -> None:
    for stack in stacks.values():
        refused = [
            (role, check.action, check.resource)
            for role in ROLES
            for check in grants(stack.policies[role])
            if not stack.answer(role, check).allowed
        ]
        assert refused == []


@pytest.mark.parametrize(("mine", "theirs"), PAIRS)
@pytest.mark.slow
def test_no_service_uses_the_key_of_another_stack(mine: str, theirs: str, stacks: dict[str, Held]) -> None:
    questions = list(services_of_the_key(stacks[mine]))
    assert len(questions) > 20
    policies = {answer: [stacks[suffix].key_policy] for answer, suffix in ((True, mine), (False, theirs))}
    wrong = [
        (service, check.action, check.context)
        for service, check in questions
        for answer, policy in policies.items()
        if evaluate_for_service(policy, service, check).allowed is not answer
    ]
    assert wrong == []
