"""Find the table to train on: the use case's own, or a file in S3."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ml import storage
from ml.errors import InputError
from ml.table import Table, read_table
from ml.usecases import UseCase

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UNREADABLE = frozenset({"NoSuchKey", "NoSuchBucket", "AccessDenied", "404", "403"})
"""S3 also answers AccessDenied for an absent object to whoever may not list the bucket."""


def load(uri: str, *, target: str, task: str, use_case: UseCase, s3: "S3Client") -> Table:
    """Return the table at `uri`, s3://bucket/key, with `target` as its target; an empty `uri` means the synthetic one.

    Raises InputError when the object cannot be read or no model can be trained on it.
    """
    if not uri:
        table = use_case.synthetic()
        if target != table.target_column:
            raise InputError(
                f"training.target is {target!r}, but without training.dataUri the label is {table.target_column!r}."
                " Set training.dataUri, or remove training.target"
            )
        return table
    try:
        data = storage.read(s3, uri)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in UNREADABLE:
            raise
        raise InputError(f"{uri}: {code}. Check training.dataUri, and that the object exists") from error
    return read_table(data, name=uri, target=target, task=task)
