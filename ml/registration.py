"""What a build registered: one object for each version, written once by the build that made it, and never changed.

The registry's description is no proof of that: UpdateModelPackage, with which versions are decided about, also takes
another container and other metadata (SageMaker API reference), and IAM cannot tell these calls apart. The deploy step
holds the description against this record.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract, storage
from ml.errors import RoadError
from ml.gate import one_line
from ml.registry import parse_model_package_arn

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

METADATA = "CustomerMetadataProperties"
FIELDS = (
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "SourceAlgorithmSpecification",
    "SourceUri",
    "ModelMetrics",
    "MetadataProperties",
    METADATA,
)
"""Of DescribeModelPackage: all that says what is served and what it was judged by. Not the decision, which comes later,
nor the model card and the life cycle, in which people write."""

TRAIN_AGAIN = "aws codepipeline start-pipeline-execution --name $(pulumi stack output pipeline_name)"
_FILLED_IN = frozenset({"ImageDigest", "ModelDataETag", "ModelDataSource", "IsCheckpoint"})
"""Fields of a container that SageMaker may add by itself (from its API reference; not verified on a real account)."""

_SHOWN_DIFFERENCES = 3
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One version as its build registered it. `package` holds those FIELDS that the registry described."""

    model_package_arn: str
    archive_sha256: str
    commit: str
    execution: str
    package: Mapping[str, Any]


def key(group: str, description: Mapping[str, Any]) -> str:
    """Return where the record of the described version lies; `group` as the stack spells it.

    The time of creation, which nobody can set, is part of it: a group that is made anew counts from 1 again.
    """
    version = parse_model_package_arn(description["ModelPackageArn"]).version
    created = description["CreationTime"].astimezone(UTC)
    return f"{contract.REGISTRATIONS_PREFIX}{group}/{version}-{created:%Y%m%dT%H%M%SZ}.json"


def of(description: Mapping[str, Any], *, archive_sha256: str, commit: str, execution: str) -> Registration:
    """Return the record of a version that the registry describes so."""
    return Registration(
        model_package_arn=description["ModelPackageArn"],
        archive_sha256=archive_sha256,
        commit=commit,
        execution=execution,
        package={field: description[field] for field in FIELDS if field in description},
    )


def check_kept(request: Mapping[str, Any], description: Mapping[str, Any]) -> None:
    """Raise RoadError unless the registry holds the container that was asked for, and nothing that brings more in.

    Somebody who may change versions could have been quicker than the record.
    """
    [asked] = request["InferenceSpecification"]["Containers"]
    found = description["InferenceSpecification"]["Containers"]
    kept = [
        {name: value for name, value in each.items() if name in asked or not _is_filled_in(name, each)}
        for each in found
    ]
    if changes := list(differences([asked], kept, "Containers")):
        raise RoadError(
            f"{description['ModelPackageArn']} is not what this build registered: {shown(changes)}; it gets no record"
            f" and cannot be deployed. Find out who changed it, then train again: {TRAIN_AGAIN}"
        )


def _is_filled_in(name: str, container: Mapping[str, Any]) -> bool:
    if name != "ModelDataSource":
        return name in _FILLED_IN
    source = {key: value for key, value in container[name].get("S3DataSource", {}).items() if key != "ETag"}
    same = {"S3Uri": container.get("ModelDataUrl"), "S3DataType": "S3Object", "CompressionType": "Gzip"}
    return container[name].keys() == {"S3DataSource"} and source == same


def record(s3: "S3Client", bucket: str, group: str, description: Mapping[str, Any], registration: Registration) -> bool:
    """Write the record unless an earlier try has; return whether it was written.

    Whoever registers may not read records: one that is taken by another text fails at the deploy step.
    """
    body = json.dumps(asdict(registration), indent=1, sort_keys=True).encode()
    place = key(group, description)
    return storage.put_if_absent(s3, bucket=bucket, key=place, body=body, content_type="application/json")


def read(s3: "S3Client", bucket: str, group: str, description: Mapping[str, Any]) -> Registration:
    """Return the record of the described version. Raises RoadError where there is none that can be read."""
    arn, uri = description["ModelPackageArn"], f"s3://{bucket}/{key(group, description)}"
    try:
        content = json.loads(storage.read(s3, uri))
        found = Registration(**content)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in storage.UNREADABLE:
            raise
        raise RoadError(
            f"{arn} has no registration record that can be read ({uri}: {code}): no train build of this stack has"
            f" registered it, or none since there are records; nothing was deployed. Train again: {TRAIN_AGAIN}"
        ) from error
    except (ValueError, TypeError) as error:
        raise RoadError(
            f"{uri} is no registration record; nothing was deployed. Find out who wrote it: only the train role may."
            f" Then train again: {TRAIN_AGAIN}"
        ) from error
    if str(found.model_package_arn).lower() != arn.lower():
        other = one_line(str(found.model_package_arn), 200)
        raise RoadError(f"{uri} is about {other}, not {arn}; nothing was deployed. Train again: {TRAIN_AGAIN}")
    return found


def check_unchanged(registration: Registration, description: Mapping[str, Any]) -> None:
    """Raise RoadError unless the registry still describes the version as it was registered.

    What people add to its metadata is theirs; what the build wrote there is not.
    """
    registered = registration.package
    found = {field: description[field] for field in FIELDS if field in description}
    known = registered.get(METADATA, {})
    found[METADATA] = {name: value for name, value in found.get(METADATA, {}).items() if name in known}
    if changes := list(differences({METADATA: {}, **registered}, found)):
        raise RoadError(
            f"{registration.model_package_arn} was changed after it was registered: {shown(changes)}; nothing was"
            " deployed. See who did it: aws cloudtrail lookup-events --lookup-attributes"
            f" AttributeKey=EventName,AttributeValue=UpdateModelPackage; then train again: {TRAIN_AGAIN}"
        )


def differences(registered: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield each place where both differ, with both values, down to single fields."""
    if isinstance(registered, Mapping) and isinstance(found, Mapping):
        for name in sorted({*registered, *found}):
            inner = f"{path}.{name}" if path else name
            yield from differences(registered.get(name, _ABSENT), found.get(name, _ABSENT), inner)
    elif isinstance(registered, list) and isinstance(found, list):
        for index in range(max(len(registered), len(found))):
            one, other = (each[index] if index < len(each) else _ABSENT for each in (registered, found))
            yield from differences(one, other, f"{path}[{index}]")
    elif registered != found:
        yield f"{path} is {_told(found)}, registered was {_told(registered)}"


def shown(changes: Sequence[str]) -> str:
    """Return the first differences in one line."""
    more = len(changes) - _SHOWN_DIFFERENCES
    return "; ".join(changes[:_SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _told(value: object) -> str:
    return "absent" if value is _ABSENT else one_line(repr(value), 160)
