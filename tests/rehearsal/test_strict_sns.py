"""Topics: what their policies refuse, who is reached, and what is not played."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def sns(cloud):
    return cloud.client("sns")


def test_a_topics_policy_can_refuse_a_role_that_has_the_grant(cloud, roles, allow, sns):
    topic = sns.create_topic(Name="closed")["TopicArn"]
    held = roles.enter(allow("sns:Publish", topic))
    cloud.client("sns", held).publish(TopicArn=topic, Message="x")
    refusal = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [refusal]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    with pytest.raises(ClientError, match="denied by policy of closed/No"):
        cloud.client("sns", held).publish(TopicArn=topic, Message="x")


def test_a_topics_policy_lets_in_whom_it_names_and_not_everyone(cloud, roles, sns):
    topic = sns.create_topic(Name="open")["TopicArn"]
    role = roles.create()
    held = cloud.assume(role, "codebuild.amazonaws.com", source_arn="-", session="test")
    for principal in ("*", {"AWS": "*"}, {"AWS": role}):
        with pytest.raises(ClientError, match="no statement allows it"):
            cloud.client("sns", held).publish(TopicArn=topic, Message="x")
        grant = {"Sid": "All", "Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": topic}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    cloud.client("sns", held).publish(TopicArn=topic, Message="x")


def test_a_message_becomes_a_mail_to_each_address(cloud, sns):
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
    before = len(cloud.topics.mails())
    sns.publish(TopicArn=topic, Subject="S", Message="M")
    [mail] = cloud.topics.mails()[before:]
    assert (mail.topic, mail.address, mail.subject, mail.body) == ("news", "ada@example.com", "S", "M")


def test_awss_own_key_asks_nothing_more_of_a_publisher(cloud, roles, allow, sns):
    topic = sns.create_topic(Name="own-key", Attributes={"KmsMasterKeyId": "alias/aws/sns"})["TopicArn"]
    held = roles.enter(allow("sns:Publish", topic))
    assert cloud.client("sns", held).publish(TopicArn=topic, Message="x")["MessageId"]


def test_a_subscriber_and_a_message_of_a_kind_that_is_not_played_are_refused(sns):
    topic = sns.create_topic(Name="refusing")["TopicArn"]
    with pytest.raises(ClientError, match="not emulated: subscribers by https"):
        sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.com")
    with pytest.raises(ClientError, match="not emulated: mail subscriptions with FilterPolicy"):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@b.c", Attributes={"FilterPolicy": "{}"})
    with pytest.raises(ClientError, match="not emulated: Publish with MessageStructure"):
        sns.publish(TopicArn=topic, Message='{"default": "x"}', MessageStructure="json")
