"""Whether an error of AWS's says that a thing is not there: each service has its own words for it. No AWS, no I/O."""

from botocore.exceptions import ClientError

from ml.endpoint import is_absent

_NO_TARGET = "ObjectNotFoundException"
"""Application Auto Scaling, of a target or a policy (API reference, DeregisterScalableTarget)."""


def is_gone(error: ClientError) -> bool:
    """The registry says of what it does not have that it does not exist; hosting, that it could not be found."""
    said = error.response["Error"]
    absent = said.get("Code") == "ValidationException" and "does not exist" in said.get("Message", "").lower()
    return absent or is_absent(error) or said.get("Code") == _NO_TARGET
