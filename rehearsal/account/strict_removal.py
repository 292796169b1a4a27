"""Corrections of moto where it removes what AWS would keep, or keeps what AWS would remove.

A stack that is taken apart in the wrong order must fail here as it would there.
"""

from typing import TYPE_CHECKING, Any

from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.s3.utils import _VersionedKeyStore
from moto.sns.models import sns_backends

from rehearsal.account.calls import AwsError, Caller, Reply
from rehearsal.account.gateway import Proceed

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud

_PARTITION = "aws"
_CONFLICT = 409


class Removals:
    """What is refused when something is deleted that others still use."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        cloud.correct("iam", "DeletePolicy", self._delete_policy)
        cloud.correct("events", "DeleteRule", self._delete_rule)
        cloud.correct("sns", "DeleteTopic", self._delete_topic)
        cloud.replace(_VersionedKeyStore, "pop", _pop)

    def _delete_policy(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        policy = iam_backends[self._cloud.account][_PARTITION].managed_policies.get(params["PolicyArn"])
        if policy is not None and policy.attachment_count:
            raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", _CONFLICT)
        return proceed(params)

    def _delete_rule(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        bus: Any = events_backends[self._cloud.account][self._cloud.region].describe_event_bus("default")
        rule = bus.rules.get(params["Name"])
        if rule is not None and rule.targets:
            raise AwsError("ValidationException", "Rule can't be deleted since it has targets.")
        return proceed(params)

    def _delete_topic(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        """Delete the topic and, as SNS does, its subscriptions."""
        reply = proceed(params)
        backend = sns_backends[self._cloud.account][self._cloud.region]
        orphans = [arn for arn, each in backend.subscriptions.items() if each.topic.arn == params["TopicArn"]]
        for arn in orphans:
            del backend.subscriptions[arn]
        return reply


def _pop(keys: Any, key: str) -> None:
    """Drop every version of an object whose bucket keeps no new ones; moto stumbles over markers among them."""
    for version in keys.getlist(key, []):
        if hasattr(version, "dispose"):
            version.dispose()
    dict.pop(keys, key)
