"""Notifications: the topics by which people are told, one for approvers and one for whoever is on call."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarm_table import alarms
from components.arns import Arns
from components.iam import Role, Statement, allow, deny, document
from components.names import Names
from components.settings import Settings


@dataclass(frozen=True, kw_only=True)
class NotificationsArgs:
    """`pipeline_role` is who asks the approvers. The addresses come from the settings."""

    names: Names
    settings: Settings
    key_arn: pulumi.Input[str]
    pipeline_role: Role


class Notifications(pulumi.ComponentResource):
    """The topic of the alarms and, where a person is asked, that of the approvals; each with its mail addresses.

    AWS mails every address once and sends nothing more until the person has confirmed.
    """

    alarms_topic: pulumi.Output[str]
    approvals_topic: pulumi.Output[str] | None
    """ARN of the topic that the approval action names; None where nobody is asked."""

    def __init__(self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Notifications", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.alarms_topic = MailTopic(
            f"{name}-alarms",
            MailTopicArgs(
                topic_name=args.names.alarms_topic,
                display_name=f"Alarms of {args.names.pipeline}",
                statements=alarms_topic_statements(args.names, args.settings),
                addresses=args.settings.alarms.emails,
                key_arn=args.key_arn,
                named_in_policy=[],
            ),
            child,
        ).arn
        self.approvals_topic = None
        if args.settings.approval.asks_person:
            self.approvals_topic = MailTopic(
                f"{name}-approvals",
                MailTopicArgs(
                    topic_name=args.names.approvals_topic,
                    display_name=f"Approvals of {args.names.pipeline}",
                    statements=approvals_topic_statements(args.names),
                    addresses=args.settings.approval.approvers,
                    key_arn=args.key_arn,
                    named_in_policy=args.pipeline_role.grants,
                ),
                child,
            ).arn
        self.register_outputs({"alarms_topic": self.alarms_topic, "approvals_topic": self.approvals_topic})


@dataclass(frozen=True, kw_only=True)
class MailTopicArgs:
    """One topic. `named_in_policy`: what must exist first, for SNS refuses a policy that names an unknown role."""

    topic_name: str
    display_name: str
    statements: Sequence[Statement]
    addresses: Sequence[str]
    key_arn: pulumi.Input[str]
    named_in_policy: Sequence[aws.iam.RolePolicyAttachment]


class MailTopic(pulumi.ComponentResource):
    """A topic that is encrypted with the stack's key, and a subscription for each address."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: MailTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:MailTopic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=args.topic_name,
            display_name=args.display_name,
            kms_master_key_id=args.key_arn,
            opts=child,
        )
        aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=document(args.statements),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.named_in_policy)),
        )
        for address in args.addresses:
            # Named after the address and not after its place in the list: another one's leaving must not touch it.
            aws.sns.TopicSubscription(
                f"{name}-{address}", topic=topic.arn, protocol="email", endpoint=address, opts=child
            )
        self.arn = topic.arn
        self.register_outputs({"arn": self.arn})


def alarms_topic_statements(names: Names, settings: Settings) -> list[Statement]:
    """Return who may publish to the alarms' topic: CloudWatch, for exactly the alarms of this stack."""
    arns = Arns(names=names)
    published = allow(
        "AlarmsOfThisStack",
        ["sns:Publish"],
        arns.alarms_topic,
        {
            "StringEquals": {"aws:SourceAccount": names.account},
            "ArnEquals": {"aws:SourceArn": [arns.alarm(alarm.name) for alarm in alarms(names, settings)]},
        },
    )
    return [{**published, "Principal": {"Service": "cloudwatch.amazonaws.com"}}, _only_by_tls(arns.alarms_topic)]


def approvals_topic_statements(names: Names) -> list[Statement]:
    """Return who may publish to the approvers' topic: the pipeline, as its role."""
    arns = Arns(names=names)
    published = allow("PipelineAsksApprovers", ["sns:Publish"], arns.approvals_topic)
    return [{**published, "Principal": {"AWS": arns.pipeline_role}}, _only_by_tls(arns.approvals_topic)]


def _only_by_tls(topic_arn: str) -> Statement:
    # sns:Publish alone: SNS refuses a topic's policy that names an action which is not about one topic, as sns:* does.
    return {
        **deny("OnlyByTls", ["sns:Publish"], topic_arn, {"Bool": {"aws:SecureTransport": "false"}}),
        "Principal": "*",
    }
