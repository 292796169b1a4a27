"""Corrections of moto's S3: bucket policies that really decide, and what authorization must know of buckets.

moto applies every Deny of a bucket policy and ignores its Condition, so a policy that only refuses plain HTTP would
close the bucket. Policies are therefore kept here, out of moto's reach, and the authorizer evaluates them.
"""

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from moto.kms.models import kms_backends
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends
from moto.s3.utils import bucket_policy_is_public

from rehearsal.account.calls import AwsError, Caller, Check, Reply
from rehearsal.account.iam import Policy, evaluate_for_service

if TYPE_CHECKING:
    from rehearsal.account.cloud import Cloud
    from rehearsal.account.gateway import Proceed

_LOG_DELIVERY = "logging.s3.amazonaws.com"


class Buckets:
    """The account's buckets as IAM sees them: policies, default encryption, which objects exist."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._policies: dict[str, str] = {}
        self._logging: dict[str, dict[str, Any]] = {}
        self._to_events: set[str] = set()

    def install(self, cloud: "Cloud") -> None:
        """Take the operations on bucket policies over from moto."""
        cloud.operation("s3", "PutBucketPolicy", self._put_policy)
        cloud.operation("s3", "GetBucketPolicy", self._get_policy)
        cloud.operation("s3", "DeleteBucketPolicy", self._delete_policy)
        cloud.operation("s3", "PutBucketLogging", self._put_logging)
        cloud.operation("s3", "GetBucketLogging", self._get_logging)
        cloud.operation("s3", "PutBucketNotificationConfiguration", self._put_notification)
        cloud.operation("s3", "GetBucketNotificationConfiguration", self._get_notification)
        cloud.correct("s3", "DeleteBucket", self._delete_bucket)

    def _bucket(self, name: str) -> Any:
        try:
            return s3_backends[self._account]["aws"].get_bucket(name)
        except MissingBucket:
            return None

    def key_arn(self, bucket: str) -> str | None:
        """Return the KMS key of the bucket's default encryption, None when it has none of its own."""
        encryption = getattr(self._bucket(bucket), "encryption", None)
        if not encryption:
            return None
        key_id = encryption["Rule"]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        return str(kms_backends[self._account][self._region].describe_key(key_id).arn) if key_id else None

    def holds(self, bucket: str, key: str) -> bool:
        """Return whether the bucket has an object under this key."""
        return key in getattr(self._bucket(bucket), "keys", {})

    def policy(self, bucket: str) -> Policy | None:
        """Return the bucket's policy."""
        text = self._policies.get(bucket)
        return None if text is None else Policy(name=f"policy of {bucket}", document=json.loads(text))

    def _put_policy(self, params: dict[str, Any], _caller: Caller) -> None:
        bucket = self._bucket(params["Bucket"])
        if bucket is None:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", HTTPStatus.NOT_FOUND)
        try:
            json.loads(params["Policy"])
        except ValueError as error:
            raise AwsError("MalformedPolicy", f"The policy is not valid JSON: {error}") from error
        block = bucket.public_access_block
        if block and block.block_public_policy and bucket_policy_is_public(params["Policy"]):
            text = "public policies are blocked by the BlockPublicPolicy block public access setting"
            raise AwsError("AccessDenied", text, HTTPStatus.FORBIDDEN)
        self._policies[params["Bucket"]] = params["Policy"]

    def _get_policy(self, params: dict[str, Any], _caller: Caller) -> dict[str, str]:
        if params["Bucket"] not in self._policies:
            raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", HTTPStatus.NOT_FOUND)
        return {"Policy": self._policies[params["Bucket"]]}

    def _delete_policy(self, params: dict[str, Any], _caller: Caller) -> None:
        self._policies.pop(params["Bucket"], None)

    def _put_logging(self, params: dict[str, Any], _caller: Caller) -> None:
        """Keep where a bucket's requests are logged, if the target's policy lets S3's log delivery write there.

        moto would look for the target's policy where it is not kept. That S3 asks at this moment, and not only when it
        delivers, is not verified against AWS.
        """
        bucket, target = params["Bucket"], params["BucketLoggingStatus"].get("LoggingEnabled")
        if target is None:
            self._logging.pop(bucket, None)
            return
        name, prefix, account = target["TargetBucket"], target["TargetPrefix"], self._account
        source = {"aws:SourceArn": f"arn:aws:s3:::{bucket}", "aws:SourceAccount": account}
        context = {**source, "aws:SecureTransport": "true"}
        check = Check(action="s3:PutObject", resource=f"arn:aws:s3:::{name}/{prefix}log", context=context)
        policy = self.policy(name)
        if not evaluate_for_service([policy] if policy else [], _LOG_DELIVERY, check).allowed:
            text = f"You must give {_LOG_DELIVERY} write permission to the target bucket {name}"
            raise AwsError("InvalidTargetBucketForLogging", text)
        self._logging[bucket] = target

    def _get_logging(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        target = self._logging.get(params["Bucket"])
        return {"LoggingEnabled": target} if target else {}

    def _put_notification(self, params: dict[str, Any], _caller: Caller) -> None:
        """Keep whether a bucket tells EventBridge, which moto forgets. No event is sent: nothing here waits for one."""
        wanted = params["NotificationConfiguration"]
        if others := wanted.keys() - {"EventBridgeConfiguration"}:
            raise NotImplementedError(f"notifications by {', '.join(sorted(others))}")
        (self._to_events.add if wanted else self._to_events.discard)(params["Bucket"])

    def _get_notification(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        return {"EventBridgeConfiguration": {}} if params["Bucket"] in self._to_events else {}

    def _delete_bucket(self, params: dict[str, Any], _caller: Caller, proceed: "Proceed") -> Reply:
        """Delete the bucket, and what is kept of it here."""
        reply = proceed(params)
        if reply.status < HTTPStatus.BAD_REQUEST:
            for kept in (self._policies, self._logging):
                kept.pop(params["Bucket"], None)
            self._to_events.discard(params["Bucket"])
        return reply
