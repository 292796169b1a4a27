"""How the rules read policy documents: what is left open counts as everything, what is not known as nothing."""

import json
from typing import Any

from policy.rules.graph import UNKNOWN, Graph, Resource, at
from policy.rules.iam import roles, statements_of
from policy.rules.least_privilege import grants_are_exact, no_foreign_policies

ACTION = "sagemaker:UpdateModelPackage"


def resource(kind: str, name: str, props: dict[str, Any], **uses: str) -> Resource:
    return Resource(
        urn=name, type=f"aws:{kind}", name=name, props=props, protect=False, uses={k: [v] for k, v in uses.items()}
    )


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": ACTION, "Resource": "arn"} | s for s in statements]})


def a_role(*policies: Resource, **attached: str) -> Graph:
    role = resource("iam/role:Role", "role", {})
    attachments = [
        resource("iam/rolePolicyAttachment:RolePolicyAttachment", f"to-{name}", {"policyArn": arn}, role="role")
        for name, arn in attached.items()
    ]
    ours = [
        resource(
            "iam/rolePolicyAttachment:RolePolicyAttachment", f"with-{one.name}", {}, role="role", policyArn=one.urn
        )
        for one in policies
        if one.type == "aws:iam/policy:Policy"
    ]
    return Graph([role, *policies, *attachments, *ours])


def policy(*statements: dict[str, Any]) -> Resource:
    return resource("iam/policy:Policy", "policy", {"policy": document(*statements)})


def may(graph: Graph) -> bool:
    [role] = roles(graph)
    return role.may(ACTION)


def test_an_attached_policy_and_an_inline_one_both_count() -> None:
    assert may(a_role(policy({})))
    assert may(a_role(resource("iam/rolePolicy:RolePolicy", "inline", {"policy": document({})}, role="role")))
    assert not may(a_role())


def test_a_pattern_covers_the_action_in_any_case() -> None:
    assert may(a_role(policy({"Action": ["sagemaker:Update*"]})))
    assert may(a_role(policy({"Action": "SAGEMAKER:updatemodelpackage"})))
    assert not may(a_role(policy({"Action": "sagemaker:UpdateEndpoint"})))


def test_only_a_denial_of_everything_under_every_condition_takes_a_right_away() -> None:
    denial = {"Effect": "Deny", "Resource": "*"}
    assert not may(a_role(policy({}, denial)))
    assert may(a_role(policy({}, denial | {"Resource": "arn"})))
    assert may(a_role(policy({}, denial | {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}})))
    assert may(a_role(policy({}, denial | {"Action": "sagemaker:CreateModel"})))


def test_everything_but_something_is_read_as_everything() -> None:
    holder = resource(
        "iam/policy:Policy",
        "policy",
        {
            "policy": json.dumps(
                {
                    "Statement": [
                        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn"},
                        {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn"},
                    ]
                }
            )
        },
    )
    but_actions, but_resources = statements_of(holder)
    assert but_actions.covers("iam:PassRole")
    assert but_resources.resources == ("*",)
    assert len([one for one in grants_are_exact(Graph([holder])) if one.problem]) == 2


def test_a_policy_from_elsewhere_is_named() -> None:
    [one] = no_foreign_policies(a_role(other="arn:aws:iam::aws:policy/ReadOnlyAccess"))
    assert "arn:aws:iam::aws:policy/ReadOnlyAccess" in one.problem


def test_a_document_that_is_not_known_yet_says_nothing() -> None:
    assert list(statements_of(resource("iam/policy:Policy", "policy", {"policy": UNKNOWN}))) == []


def test_a_principal_may_be_everybody_in_two_ways() -> None:
    for principal in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        holder = resource("s3/bucketPolicy:BucketPolicy", "bucket", {"policy": document({"Principal": principal})})
        assert [one.everybody for one in statements_of(holder)] == [True]


def test_what_lies_within_something_unknown_is_unknown_and_what_is_not_there_is_none() -> None:
    value = {"a": [{"b": UNKNOWN}]}
    assert at(value, "a", 0, "b") is UNKNOWN
    assert at(value, "a", 0, "b", "c") is UNKNOWN
    assert at(value, "a", 1, "b") is None
    assert at(value, "x", "y") is None
    assert repr(UNKNOWN) == "unknown"
