"""Read and write whole S3 objects; what is written once is never replaced."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import ClientError

from ml.errors import InputError, RoadError
from ml.registry import split_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UNREADABLE = frozenset({"NoSuchKey", "NoSuchBucket", "AccessDenied", "404", "403"})
"""S3 also answers AccessDenied for an absent object to whoever may not list the bucket."""

Read: TypeAlias = Callable[[str], bytes]
"""Gives the content of the object at an address in S3, wherever it really lies."""


def sha256(body: bytes) -> str:
    """Return the hexadecimal SHA-256 of `body`."""
    return hashlib.sha256(body).hexdigest()


def read(s3: "S3Client", uri: str) -> bytes:
    """Return the object at `uri`. Raises InputError when `uri` is not s3://bucket/key, ClientError when S3 refuses."""
    try:
        bucket, key = split_s3_uri(uri)
    except ValueError as error:
        raise InputError(f"{uri!r} is not an object in S3. Write it as s3://bucket/key") from error
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def put_if_absent(s3: "S3Client", *, bucket: str, key: str, body: bytes, content_type: str) -> bool:
    """Write `body` unless the key is taken; return whether it was written.

    One PutObject: the precondition would not cover every part of a multipart upload.
    """
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return False
    return True


def put_once(s3: "S3Client", *, bucket: str, key: str, body: bytes, content_type: str) -> str:
    """Write `body` unless the key is taken, and return its URI; a repeated build finds its own object there.

    Raises RoadError when the key holds something else.
    """
    uri = f"s3://{bucket}/{key}"
    written = put_if_absent(s3, bucket=bucket, key=key, body=body, content_type=content_type)
    if not written and sha256(read(s3, uri)) != sha256(body):
        raise RoadError(f"{uri} holds other bytes than its name says; nothing was registered. Find out who wrote it")
    return uri
