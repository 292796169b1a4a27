"""What S3 asks IAM, and what it asks KMS with the caller's own permissions."""

from collections.abc import Callable

from rehearsal.account.authorization_place import Params, Place, Rule
from rehearsal.account.calls import Check


def on_bucket(action: str) -> Rule:
    """Ask for one action on the bucket."""
    return lambda params, place: [Check(action=f"s3:{action}", resource=f"arn:aws:s3:::{params['Bucket']}")]


def list_bucket(params: Params, place: Place) -> list[Check]:
    """Ask on the bucket, with the prefix if one is given."""
    context = {"s3:prefix": params["Prefix"]} if "Prefix" in params else {}
    return [Check(action="s3:ListBucket", resource=f"arn:aws:s3:::{params['Bucket']}", context=context)]


def _with_bucket_key(action: str, bucket: str, place: Place) -> list[Check]:
    """S3 uses the key of the bucket's default encryption with the caller's own permissions."""
    key_arn = place.storage.key_arn(bucket)
    if key_arn is None:
        return []
    context = {"kms:ViaService": f"s3.{place.region}.amazonaws.com", "kms:CallerAccount": place.account}
    return [Check(action=f"kms:{action}", resource=key_arn, context=context)]


def read_object(*, decrypts: Callable[[Params], bool]) -> Rule:
    """A missing object is a 404 only for who may list the bucket (S3 API reference, GetObject and HeadObject)."""

    def _rule(params: Params, place: Place) -> list[Check]:
        bucket = params["Bucket"]
        action = "s3:GetObjectVersion" if "VersionId" in params else "s3:GetObject"
        checks = [Check(action=action, resource=f"arn:aws:s3:::{bucket}/{params['Key']}")]
        if not place.storage.holds(bucket, params["Key"]):
            return checks + list_bucket({"Bucket": bucket}, place)
        return checks + (_with_bucket_key("Decrypt", bucket, place) if decrypts(params) else [])

    return _rule


def put_object(params: Params, place: Place) -> list[Check]:
    """Ask on the object, with the headers that policies may demand, and for the bucket's key."""
    given = {
        "s3:if-none-match": params.get("IfNoneMatch"),
        "s3:x-amz-server-side-encryption": params.get("ServerSideEncryption"),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": params.get("SSEKMSKeyId"),
        "s3:x-amz-acl": params.get("ACL"),
    }
    context = {key: str(value) for key, value in given.items() if value is not None}
    resource = f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"
    put = Check(action="s3:PutObject", resource=resource, context=context)
    return [put, *_with_bucket_key("GenerateDataKey", params["Bucket"], place)]
