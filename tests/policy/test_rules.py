"""The policies as Pulumi's engine runs them: silent on our program however it is configured, loud on a broken one."""

import functools
from collections.abc import Callable

import pytest
from policy_sentry.querying.actions import get_action_data
from pulumi_policy import StackValidationPolicy

from policy.rules import POLICIES, RULES, Graph, Rule
from policy.rules.least_privilege import CONDITIONED, WITHOUT_RESOURCE
from tests.harness import Recorded
from tests.policy.breaks import BROKEN, Broken
from tests.policy.configurations import CONFIGURATIONS
from tests.policy.engine import graph, violations

Record = Callable[..., Recorded]

NOTHING_TO_SEE = {
    # Nobody is asked where the metrics alone decide.
    ("approvals-end", "dev"),
    ("approvals-end", "serverless"),
    ("approvals-end", "scaling"),
    ("approvals-end", "jobs"),
    ("approvals-end", "trail"),
}


@pytest.fixture(scope="module")
def graphs(recorded: Record) -> Callable[[str], Graph]:
    """Return `graphs(configuration)`: the graph as the rules see it."""
    return functools.cache(lambda name: graph(recorded(*CONFIGURATIONS[name])))


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_program_keeps_every_rule_that_looked_at_something(
    rule: Rule, name: str, graphs: Callable[[str], Graph]
) -> None:
    checks = list(rule.checks(graphs(name)))
    assert [one.problem for one in checks if one.problem] == []
    assert bool(checks) is ((rule.name, name) not in NOTHING_TO_SEE)


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_engine_gets_no_complaint(
    policy: StackValidationPolicy, stack: str, preview: bool, recorded: Record
) -> None:
    assert violations(policy, recorded(stack, preview=preview)) == []


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.rule}: {broken.words}")
def test_a_broken_program_is_complained_about(broken: Broken, recorded: Record) -> None:
    [policy] = [one for one in POLICIES if one.name == broken.rule]
    run = recorded(broken.stack)
    before = violations(policy, run)
    found = [one for one in violations(policy, broken.break_it(run)) if one not in before]
    assert [message for message, _ in found if broken.words in message], found
    assert {urn for _, urn in found} <= {one.urn for one in run.resources}


def test_every_rule_has_a_program_that_breaks_it() -> None:
    assert {rule.name for rule in RULES} == {broken.rule for broken in BROKEN}


def test_no_two_rules_share_a_name() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == len(POLICIES)


@pytest.mark.parametrize("action", sorted(WITHOUT_RESOURCE))
def test_an_action_that_may_have_a_star_has_no_resource_type(action: str) -> None:
    service, name = action.split(":")
    rows = get_action_data(service, name)[service]
    assert {row["resource_arn_format"] for row in rows} == {"*"}


@pytest.mark.parametrize(("action", "key"), CONDITIONED.items())
def test_a_condition_that_stands_for_a_resource_is_one_of_the_action(action: str, key: str) -> None:
    service, name = action.split(":")
    assert all(key in row["condition_keys"] for row in get_action_data(service, name)[service])
