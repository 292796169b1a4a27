"""Errors as the service sent them, whichever side of the wire they are read on."""

from botocore.exceptions import ClientError

from rehearsal.account.calls import AwsError


def as_aws_error(error: AwsError | ClientError) -> AwsError:
    """Return what a boto3 client raised as the error that the service sent."""
    if isinstance(error, AwsError):
        return error
    sent = error.response["Error"]
    return AwsError(sent["Code"], sent["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"])
