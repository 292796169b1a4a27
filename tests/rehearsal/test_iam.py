import pytest

from rehearsal.account.calls import Check
from rehearsal.account.iam import (
    Policy,
    PolicyError,
    delegates,
    evaluate,
    evaluate_for_principal,
    evaluate_for_service,
    trusts,
)

OBJECT = "arn:aws:s3:::models/a/model.tar.gz"
ROLE = "arn:aws:iam::123456789012:role/train"


def policy(*statements, name="p"):
    return Policy(name=name, document={"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect="Allow", *, action="s3:GetObject", resource=OBJECT, **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def allowed(*statements, action="s3:GetObject", resource=OBJECT, **context):
    return evaluate([policy(*statements)], Check(action=action, resource=resource, context=context)).allowed


def holds(operator, wants, **context):
    """Whether an Allow under this one condition on `key` allows."""
    return allowed(statement(Condition={operator: {"aws:key": wants}}), **{"aws:" + k: v for k, v in context.items()})


def test_nothing_is_allowed_without_a_statement():
    decision = evaluate([], Check(action="s3:GetObject", resource=OBJECT))
    assert (decision.allowed, decision.reason) == (False, "no statement allows it")


def test_the_reason_names_the_policy_and_the_statement():
    named = evaluate([policy(statement(Sid="Read"), name="train")], Check(action="s3:GetObject", resource=OBJECT))
    assert named.reason == "allowed by train/Read"
    other = statement(resource="*", action="ec2:*")
    numbered = evaluate([policy(other, statement())], Check(action="s3:GetObject", resource=OBJECT))
    assert numbered.reason == "allowed by p/statement 2"


def test_a_deny_wins_over_every_allow_whatever_the_order():
    deny = policy(statement("Deny", Sid="No"), name="guard")
    for policies in ([policy(statement()), deny], [deny, policy(statement())]):
        decision = evaluate(policies, Check(action="s3:GetObject", resource=OBJECT))
        assert (decision.allowed, decision.reason) == (False, "denied by guard/No")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("s3:getobject", True),
        ("s3:Get*", True),
        ("s3:GetObjec?", True),
        ("*", True),
        ("s3:GetObjectVersion", False),
        ("s3:Get", False),
        (["s3:PutObject", "s3:GetObject"], True),
    ],
)
def test_actions_match_without_case_and_with_wildcards(pattern, expected):
    assert allowed(statement(action=pattern)) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (OBJECT, True),
        ("arn:aws:s3:::models/*", True),
        ("arn:aws:s3:::models/?/model.tar.gz", True),
        ("arn:aws:s3:::Models/*", False),
        ("arn:aws:s3:::models", False),
        ("arn:aws:s3:::models/[ab]/*", False),
        (["arn:aws:s3:::other/*", "*"], True),
    ],
)
def test_resources_match_with_case_and_only_star_and_question_mark_are_wild(pattern, expected):
    assert allowed(statement(resource=pattern)) is expected


def test_notaction_and_notresource_turn_the_match_around():
    all_but_delete = {"Effect": "Allow", "NotAction": "s3:DeleteObject", "Resource": "*"}
    assert allowed(all_but_delete)
    assert not allowed(all_but_delete, action="s3:DeleteObject")
    elsewhere = {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::models/*"}
    assert not allowed(elsewhere)
    assert allowed(elsewhere, resource="arn:aws:s3:::other/x")


@pytest.mark.parametrize(
    ("operator", "wants", "have", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEqualsIgnoreCase", "a", "A", False),
        ("StringLike", "mle-*", "mle-004", True),
        ("StringLike", "mle-*", "xmle-004", False),
        ("StringNotLike", "mle-*", "mle-004", False),
        ("ArnEquals", "arn:aws:events:*:1:rule/r", "arn:aws:events:us-east-1:1:rule/r", True),
        ("ArnLike", "arn:aws:events:us-east-1:1:rule/*", "arn:aws:events:us-east-1:1:rule/r", True),
        ("ArnLike", "arn:aws:*:rule/r", "arn:aws:events:us-east-1:1:rule/r", False),
        ("ArnLike", "arn:aws:*:*:1:rule/r", "arn:aws:events:us-east-1:2:1:rule/r", False),
        ("ArnNotLike", "arn:aws:events:us-east-1:1:rule/*", "arn:aws:events:us-east-1:1:rule/r", False),
        ("Bool", "false", "true", False),
        ("Bool", False, "false", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", "10", "10.0", False),
        ("NumericLessThan", 2, "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "9", "10", True),
        ("NumericGreaterThanEquals", "11", "10", False),
        ("NumericEquals", "10", "ten", False),
        ("Null", "true", "x", False),
        ("Null", "false", "x", True),
    ],
)
def test_condition_operators(operator, wants, have, expected):
    assert holds(operator, wants, key=have) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("Bool", False),
        ("StringNotEquals", True),
        ("ArnNotEquals", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("Null", True),
    ],
)
def test_conditions_on_a_key_that_the_request_lacks(operator, expected):
    assert holds(operator, "true") is expected


def test_ifexists_still_compares_what_is_there():
    assert not holds("StringEqualsIfExists", "a", key="b")


@pytest.mark.parametrize(
    ("operator", "have", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "x"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAnyValue:StringEquals", ["x", "a"], True),
        ("ForAnyValue:StringEquals", ["x", "y"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAllValues:StringNotEquals", ["x", "y"], True),
        ("ForAllValues:StringNotEquals", ["x", "a"], False),
        ("ForAnyValue:StringNotEquals", ["x", "a"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("StringNotEquals", ["x", "a"], False),
    ],
)
def test_quantifiers_over_several_values_of_one_key(operator, have, expected):
    assert holds(operator, ["a", "b"], key=have) is expected


def test_all_operators_and_all_keys_of_a_condition_must_hold():
    both = {"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": "true"}}
    assert allowed(statement(Condition=both), **{"aws:a": "1", "aws:b": "2", "aws:c": "true"})
    assert not allowed(statement(Condition=both), **{"aws:a": "1", "aws:b": "x", "aws:c": "true"})
    assert not allowed(statement(Condition=both), **{"aws:a": "1", "aws:b": "2", "aws:c": "false"})


def test_condition_keys_match_without_case():
    assert allowed(statement(Condition={"StringEquals": {"AWS:SourceAccount": "1"}}), **{"aws:sourceaccount": "1"})


def test_a_deny_whose_condition_does_not_hold_denies_nothing():
    no_http = statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})
    assert allowed(statement(), no_http, **{"aws:SecureTransport": "true"})
    assert not allowed(statement(), no_http, **{"aws:SecureTransport": "false"})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (statement(Condition={"IpAddress": {"aws:SourceIp": "1"}}), "operator not modelled: IpAddress"),
        (statement(Condition={"ForNoValue:StringEquals": {"k": "1"}}), "operator not modelled: ForNoValue"),
        (statement(resource="arn:aws:s3:::b/${aws:username}"), "variables are not modelled"),
        (statement(Condition={"StringEquals": {"k": "${aws:username}"}}), "variables are not modelled"),
        (statement("allow"), "Effect must be Allow or Deny"),
        ({"Effect": "Allow", "Action": "s3:*"}, "exactly one of Resource and NotResource"),
        ({"Effect": "Allow", "Resource": "*"}, "exactly one of Action and NotAction"),
        (statement(NotAction="s3:*"), "exactly one of Action and NotAction"),
        (statement(Conditions={}), "element not modelled: Conditions"),
    ],
)
def test_what_cannot_be_judged_is_an_error_and_never_a_pass(broken, message):
    with pytest.raises(PolicyError, match=message):
        allowed(broken)


def test_a_trust_policy_is_for_the_named_service_and_its_conditions():
    document = policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": ["codebuild.amazonaws.com", "lambda.amazonaws.com"]},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
        }
    ).document
    assert trusts(document, "codebuild.amazonaws.com", {"aws:SourceAccount": "1"})
    assert trusts(document, "lambda.amazonaws.com", {"aws:SourceAccount": "1"})
    assert not trusts(document, "codebuild.amazonaws.com", {"aws:SourceAccount": "2"})
    assert not trusts(document, "codebuild.amazonaws.com", {})
    assert not trusts(document, "events.amazonaws.com", {"aws:SourceAccount": "1"})


def test_a_trust_policy_must_allow_assumerole_itself():
    service = {"Service": "codebuild.amazonaws.com"}
    tagging = policy({"Effect": "Allow", "Principal": service, "Action": "sts:TagSession"}).document
    assert not trusts(tagging, "codebuild.amazonaws.com", {})


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE}, True),
        ({"AWS": ["arn:aws:iam::123456789012:role/other", ROLE]}, True),
        ({"AWS": "arn:aws:iam::123456789012:role/other"}, False),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False),
        ({"Service": "s3.amazonaws.com"}, False),
    ],
)
def test_a_resource_policy_allows_the_principals_that_it_names(principal, expected):
    theirs = policy(statement(Principal=principal))
    check = Check(action="s3:GetObject", resource=OBJECT)
    assert evaluate_for_principal([theirs], ROLE, check).allowed is expected


def test_a_resource_policy_that_names_the_account_denies_its_roles_but_only_delegates_an_allow():
    check = Check(action="s3:GetObject", resource=OBJECT)
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    assert evaluate_for_principal([policy(statement("Deny", Principal=root))], ROLE, check).reason == (
        "denied by p/statement 1"
    )
    assert delegates(policy(statement(Principal=root)), ROLE, check)
    assert not delegates(policy(statement(Principal=root, action="s3:PutObject")), ROLE, check)
    assert not delegates(policy(statement(Principal={"AWS": ROLE})), ROLE, check)


def test_a_function_policy_lets_the_named_service_invoke_for_the_named_rule():
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    rule = "arn:aws:events:us-east-1:123456789012:rule/r"
    theirs = policy(
        statement(
            action="lambda:InvokeFunction",
            resource=function,
            Principal={"Service": "events.amazonaws.com"},
            Condition={"ArnLike": {"AWS:SourceArn": rule}},
        )
    )

    def invoked(service, source_arn):
        check = Check(action="lambda:InvokeFunction", resource=function, context={"aws:SourceArn": source_arn})
        return evaluate_for_service([theirs], service, check).allowed

    assert invoked("events.amazonaws.com", rule)
    assert not invoked("events.amazonaws.com", rule + "-other")
    assert not invoked("s3.amazonaws.com", rule)
