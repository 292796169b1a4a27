"""Notifications: encrypted topics, one mail subscription per address, and exactly the publishers that are meant."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.alarm_table import alarms
from ml import contract
from tests.components.watched import APPROVERS, KEY_ARN, MODES, ON_CALL, changes, names_of, settings_of
from tests.harness import ACCOUNT, REGION, Recorded

Record = Callable[..., Recorded]
ASKING = [contract.MANUAL, contract.BOTH]
ALARMS_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-alarms"
APPROVALS_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mle-004-approvals"


def statements(run: Recorded, topic_arn: str) -> list[dict[str, Any]]:
    (policy,) = [one.inputs["policy"] for one in run.of("TopicPolicy") if one.inputs["arn"] == topic_arn]
    found: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return found


def topics(run: Recorded) -> set[str]:
    return {one.inputs["name"] for one in run.of("sns/topic:Topic")}


def test_where_nobody_is_asked_there_is_no_topic_for_it(recorded: Record) -> None:
    run = recorded("dev", changes(contract.AUTOMATED))
    assert topics(run) == {"mle-004-alarms"}
    assert len(run.of("TopicPolicy")) == 1


@pytest.mark.parametrize("mode", ASKING)
def test_where_a_person_is_asked_approvers_and_on_call_have_a_topic_each(mode: str, recorded: Record) -> None:
    assert topics(recorded("dev", changes(mode))) == {"mle-004-alarms", "mle-004-approvals"}


@pytest.mark.parametrize("mode", MODES)
def test_every_address_gets_one_subscription_by_mail(mode: str, recorded: Record) -> None:
    subscriptions = [one.inputs for one in recorded("dev", changes(mode)).of("TopicSubscription")]
    assert {one["protocol"] for one in subscriptions} == {"email"}
    told = sorted((one["topic"], one["endpoint"]) for one in subscriptions)
    approvers = [] if mode == contract.AUTOMATED else APPROVERS
    expected = [(ALARMS_TOPIC, address) for address in ON_CALL] + [(APPROVALS_TOPIC, one) for one in approvers]
    assert told == sorted(expected)


def test_without_addresses_nothing_is_subscribed(recorded: Record) -> None:
    assert recorded("dev", {"approval": {"mode": contract.MANUAL}}).of("TopicSubscription") == []


@pytest.mark.slow
def test_an_address_keeps_its_subscription_when_another_leaves(recorded: Record) -> None:
    def addresses(emails: list[str]) -> dict[str, str]:
        run = recorded("dev", {"alarms": {"emails": emails}})
        return {one.urn: one.inputs["endpoint"] for one in run.of("TopicSubscription")}

    assert addresses(ON_CALL[1:]).items() < addresses(ON_CALL).items()


@pytest.mark.parametrize("mode", MODES)
def test_every_topic_is_encrypted_with_the_stacks_key(mode: str, recorded: Record) -> None:
    found = recorded("dev", changes(mode)).of("sns/topic:Topic")
    assert {one.inputs["kmsMasterKeyId"] for one in found} == {KEY_ARN}


@pytest.mark.parametrize("topic", [ALARMS_TOPIC, APPROVALS_TOPIC])
def test_a_topic_refuses_what_comes_without_tls(topic: str, recorded: Record) -> None:
    _, tls = statements(recorded("dev", changes(contract.BOTH)), topic)
    assert (tls["Effect"], tls["Principal"], tls["Resource"]) == ("Deny", "*", [topic])
    assert tls["Action"] == ["sns:Publish"]
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("mode", MODES)
def test_cloudwatch_publishes_for_exactly_the_alarms_of_this_stack(mode: str, recorded: Record) -> None:
    settings = settings_of(mode)
    publisher, _ = statements(recorded("dev", changes(mode)), ALARMS_TOPIC)
    assert (publisher["Effect"], publisher["Action"], publisher["Resource"]) == (
        "Allow",
        ["sns:Publish"],
        [ALARMS_TOPIC],
    )
    assert publisher["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publisher["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {
            "aws:SourceArn": [
                f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{row.name}"
                for row in alarms(names_of(settings), settings)
            ]
        },
    }


@pytest.mark.parametrize("mode", ASKING)
def test_the_pipelines_role_alone_asks_the_approvers(mode: str, recorded: Record) -> None:
    publisher, _ = statements(recorded("dev", changes(mode)), APPROVALS_TOPIC)
    assert publisher == {
        "Sid": "PipelineAsksApprovers",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/CodePipeline-MLE-004-Role"},
        "Action": ["sns:Publish"],
        "Resource": [APPROVALS_TOPIC],
    }


def test_a_policy_names_the_pipelines_role_only_once_it_exists(recorded: Record) -> None:
    run = recorded("dev", changes(contract.MANUAL))
    grants = {one.urn for one in run.of("RolePolicyAttachment") if one.name.startswith("roles-pipeline-")}
    assert grants
    assert grants <= run.one("TopicPolicy", "approvals").depends_on


@pytest.mark.parametrize("mode", MODES)
def test_every_alarm_goes_to_the_topic_of_the_alarms(mode: str, recorded: Record) -> None:
    run = recorded("dev", changes(mode))
    assert {arn for one in run.of("MetricAlarm") for arn in one.inputs["alarmActions"]} == {ALARMS_TOPIC}
