"""Where events wait that could not be delivered or handled, until a person looks."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.arns import Arns
from components.iam import Statement, allow, deny, document
from components.names import Names
from components.settings import Settings
from components.settings.choices import CODECOMMIT

DEAD_LETTER_SECONDS = 14 * 24 * 3_600
"""The longest that SQS keeps a message."""


def dead_letter_queue(
    name: str, names: Names, queue_name: str, *, filled_by: Sequence[str], opts: pulumi.ResourceOptions
) -> aws.sqs.Queue:
    """Make the queue `queue_name`, which the rules `filled_by` (names) may fill."""
    queue = aws.sqs.Queue(
        name,
        name=queue_name,
        message_retention_seconds=DEAD_LETTER_SECONDS,
        # SQS's own key: the stack's would have to be open to EventBridge, which delivers with no role.
        sqs_managed_sse_enabled=True,
        opts=opts,
    )
    statements = dead_letter_statements(names, queue_name, filled_by)
    aws.sqs.QueuePolicy(f"{name}-policy", queue_url=queue.url, policy=document(statements), opts=opts)
    return queue


def dead_letter_statements(names: Names, queue_name: str, rules: Sequence[str]) -> list[Statement]:
    """Return who may fill the queue beside those whom their own role lets: these rules, and all of them by TLS."""
    arns = Arns(names=names)
    queue = arns.queue(queue_name)
    return [
        {
            **allow(
                "RulesKeepUndeliveredEvents",
                ["sqs:SendMessage"],
                queue,
                {
                    "ArnEquals": {"aws:SourceArn": [arns.rule(rule) for rule in rules]},
                    "StringEquals": {"aws:SourceAccount": names.account},
                },
            ),
            "Principal": {"Service": "events.amazonaws.com"},
        },
        {
            **deny("OnlyByTls", ["sqs:*"], queue, {"Bool": {"aws:SecureTransport": "false"}}),
            "Principal": "*",
        },
    ]


def queue_names(names: Names, settings: Settings) -> dict[str, str]:
    """Return what fills each dead-letter queue of a stack with these settings -> the queue's name."""
    queues = {"push": names.push_dead_letter_queue} if settings.source.provider == CODECOMMIT else {}
    if settings.approval.judges_metrics:
        queues["approval"] = names.dead_letter_queue
    if settings.approval.asks_person:
        queues["bridge"] = names.bridge_dead_letter_queue
    return queues
