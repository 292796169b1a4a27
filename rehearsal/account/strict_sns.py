"""SNS where moto is silent: which key a topic needs, what its policy refuses, and the mails that people get.

Ours: every address that is subscribed has confirmed its subscription, which on AWS takes a click in a first mail.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from moto.kms.models import kms_backends
from moto.sns.models import sns_backends

from rehearsal.account.calls import Caller, Reply
from rehearsal.account.iam import Policy, as_list

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud
    from rehearsal.account.gateway import Proceed

MAIL = "email"
_PLAYED_PROTOCOLS = (MAIL, "sqs")
_PLAYED_PARAMETERS = frozenset({"TopicArn", "Subject", "Message"})
_AWS_OWN_KEY = "alias/aws/sns"


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One message as it arrives in somebody's inbox."""

    topic: str
    address: str
    subject: str
    body: str


class Topics:
    """The account's topics. Safe to use from any thread."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._lock = threading.Lock()
        self._mails: list[Mail] = []

    def install(self, cloud: "Cloud") -> None:
        """Deliver mail, and refuse subscribers and messages that are not played."""
        self._cloud = cloud
        cloud.correct("sns", "Publish", self._publish)
        cloud.correct("sns", "Subscribe", self._subscribe)

    def mails(self) -> tuple[Mail, ...]:
        """Return every mail that was delivered, oldest first."""
        with self._lock:
            return tuple(self._mails)

    def key_arn(self, topic_arn: str) -> str | None:
        """Return the KMS key of the topic; None without one, and for AWS's own key, which everyone here may use."""
        key_id = getattr(self._topic(topic_arn), "kms_master_key_id", "")
        if not key_id or key_id == _AWS_OWN_KEY:
            return None
        return str(kms_backends[self._account][self._region].describe_key(key_id).arn)

    def policy(self, topic_arn: str) -> Policy | None:
        """Return the topic's policy without what it allows to everyone.

        So does the policy that SNS gives every topic, under a condition on the account. Whether a role of that account
        meets it is not verified against AWS; here it does not, and needs its own grant or its name in the policy.
        """
        topic = self._topic(topic_arn)
        if topic is None:
            return None
        document = json.loads(topic.policy)
        kept = [statement for statement in as_list(document["Statement"]) if not _is_for_everyone(statement)]
        return Policy(name=f"policy of {topic_arn.rpartition(':')[2]}", document={**document, "Statement": kept})

    def _topic(self, topic_arn: str) -> Any:
        return sns_backends[self._account][self._region].topics.get(topic_arn)

    def _subscribe(self, params: dict[str, Any], _caller: Caller, proceed: "Proceed") -> Reply:
        if params["Protocol"] not in _PLAYED_PROTOCOLS:
            raise NotImplementedError(f"subscribers by {params['Protocol']}: {', '.join(_PLAYED_PROTOCOLS)} are played")
        if params["Protocol"] == MAIL and params.get("Attributes"):
            raise NotImplementedError(f"mail subscriptions with {', '.join(params['Attributes'])}")
        return proceed(params)

    def _publish(self, params: dict[str, Any], _caller: Caller, proceed: "Proceed") -> Reply:
        if unknown := params.keys() - _PLAYED_PARAMETERS:
            raise NotImplementedError(f"Publish with {', '.join(sorted(unknown))}")
        reply = proceed(params)
        if reply.status < HTTPStatus.BAD_REQUEST:
            for address in self._addresses(params["TopicArn"]):
                self._deliver(address, params)
        return reply

    def _addresses(self, topic_arn: str) -> list[str]:
        subscriptions = list(sns_backends[self._account][self._region].subscriptions.values())
        return [each.endpoint for each in subscriptions if each.topic.arn == topic_arn and each.protocol == MAIL]

    def _deliver(self, address: str, params: Mapping[str, Any]) -> None:
        subject = params.get("Subject", "AWS Notification Message")
        topic = params["TopicArn"].rpartition(":")[2]
        with self._lock:
            self._mails.append(Mail(topic=topic, address=address, subject=subject, body=params["Message"]))
        self._cloud.progress.note("SNS", f"mail to {address}: {subject}")


def _is_for_everyone(statement: Mapping[str, Any]) -> bool:
    principal = statement["Principal"]
    named = ["*"] if principal == "*" else as_list(principal.get("AWS"))
    return statement["Effect"] == "Allow" and "*" in named
