"""Which grants a rehearsal needed: counted one by one, each found missing only where nothing else allows the call."""

from typing import Any

from rehearsal.account.calls import Call, Check
from rehearsal.account.iam import Policy, evaluate
from rehearsal.grants import Grant, grants_of, needed, never_used, without

ROLE = "Builder"
MODELS, LOGS = "arn:aws:s3:::models/*", "arn:aws:logs:us-east-1:1:log-group:g:*"


def statement(sid: str, actions: Any, resources: Any, effect: str = "Allow") -> dict[str, Any]:
    return {"Sid": sid, "Effect": effect, "Action": actions, "Resource": resources}


def policy(*statements: dict[str, Any]) -> list[Policy]:
    return [Policy(name="p", document={"Version": "2012-10-17", "Statement": list(statements)})]


def grant(sid: str, action: str, resource: str) -> Grant:
    return Grant(role=ROLE, sid=sid, action=action, resource=resource)


def call(action: str, resource: str, *, principal: str = ROLE, allowed: bool = True) -> Call:
    return Call(
        principal=principal, check=Check(action=action, resource=resource), allowed=allowed, reason="", via="test"
    )


def test_a_statement_counts_once_for_each_action_on_each_resource_and_a_deny_not_at_all() -> None:
    policies = policy(statement("Work", ["a:X", "a:Y"], [MODELS, LOGS]), statement("Never", "a:Z", "*", "Deny"))

    assert {(g.action, g.resource) for g in grants_of(ROLE, policies)} == {
        ("a:X", MODELS),
        ("a:X", LOGS),
        ("a:Y", MODELS),
        ("a:Y", LOGS),
    }


def test_taking_one_grant_leaves_every_other_one() -> None:
    policies = policy(statement("Work", ["a:X", "a:Y"], [MODELS, LOGS]))

    poorer = without(policies, grant("Work", "a:X", MODELS))

    answers = {
        (action, resource): evaluate(poorer, Check(action=action, resource=resource)).allowed
        for action in ("a:X", "a:Y")
        for resource in ("arn:aws:s3:::models/m", "arn:aws:logs:us-east-1:1:log-group:g:s")
    }
    assert answers == {
        ("a:X", "arn:aws:s3:::models/m"): False,
        ("a:X", "arn:aws:logs:us-east-1:1:log-group:g:s"): True,
        ("a:Y", "arn:aws:s3:::models/m"): True,
        ("a:Y", "arn:aws:logs:us-east-1:1:log-group:g:s"): True,
    }


def test_a_grant_is_needed_when_nothing_else_allows_a_call_that_was_made() -> None:
    policies = policy(statement("Read", "s3:GetObject", MODELS))

    assert needed(grant("Read", "s3:GetObject", MODELS), policies, [call("s3:GetObject", "arn:aws:s3:::models/m")])


def test_of_two_grants_that_cover_each_other_neither_is_needed() -> None:
    policies = policy(statement("Read", "s3:GetObject", MODELS), statement("All", "s3:*", "arn:aws:s3:::*"))
    calls = [call("s3:GetObject", "arn:aws:s3:::models/m")]

    assert [g.sid for g in never_used({ROLE: policies}, calls)] == ["All", "Read"]


def test_calls_of_others_and_refused_calls_need_no_grant() -> None:
    policies = policy(statement("Read", "s3:GetObject", MODELS))
    calls = [
        call("s3:GetObject", "arn:aws:s3:::models/m", principal="Somebody"),
        call("s3:GetObject", "arn:aws:s3:::models/m", allowed=False),
    ]

    assert never_used({ROLE: policies}, calls) == [grant("Read", "s3:GetObject", MODELS)]
