"""Talk to SageMaker's model registry: register a package, wait for it, read it, decide on it."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract
from ml.errors import InputError, RoadError
from ml.gate import EvidenceError, one_line

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

LONGEST_DESCRIPTION = 1024
DECISION_ROUNDS = 3
DIGEST_PREFIX = "sha256:"

# An ARN keeps the group as it was written or in lower case; both have been seen from the real service.
_PACKAGE_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]{0,20}):sagemaker:(?P<region>[a-z0-9-]{9,16}):(?P<account>[0-9]{12})"
    r":model-package/(?P<group>[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62})/(?P<version>[1-9][0-9]{0,8})"
)


@dataclass(frozen=True, kw_only=True)
class ModelPackageArn:
    """The parts of a versioned package's ARN. `text` is what AWS returned and is what AWS gets back."""

    text: str
    partition: str
    region: str
    account: str
    group: str
    version: int

    def is_in_group(self, group: str) -> bool:
        """Return whether the package belongs to `group`, in whichever case AWS spells it."""
        return self.group.lower() == group.lower()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Where the evaluation of a package lies, and the SHA-256 that was registered with it."""

    bucket: str
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The decision that stands in the registry, and whether this call wrote it."""

    status: str
    reason: str
    written: bool

    @property
    def wording(self) -> str:
        """The reason with its decision in front, which our own reasons already have."""
        known = self.reason.startswith(self.status)
        text = self.reason if known else f"{self.status}: {self.reason or 'no reason given'}"
        return text if self.written else f"{text} (decided before)"


def parse_model_package_arn(text: object) -> ModelPackageArn:
    """Return the parts of `text`, which must be exactly one ARN of a versioned model package. Raises InputError."""
    found = _PACKAGE_ARN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(
            f"{one_line(repr(text), 120)} is not the ARN of a model package version. "
            "It reads arn:aws:sagemaker:<region>:<account>:model-package/<group>/<version>"
        )
    parts = found.groupdict()
    return ModelPackageArn(
        text=found.string,
        partition=parts["partition"],
        region=parts["region"],
        account=parts["account"],
        group=parts["group"],
        version=int(parts["version"]),
    )


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of s3://bucket/key. Raises ValueError for anything else."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise ValueError(uri)
    return bucket, key


def growing_pauses(seconds: float) -> Iterator[float]:
    """Yield the seconds waited so far: 0 at once, then after pauses growing from 0.2 s, until `seconds` have gone."""
    started, pause = time.monotonic(), 0.2
    yield 0.0
    while (waited := time.monotonic() - started) < seconds:
        time.sleep(min(pause, seconds - waited))
        pause = min(pause * 1.25, 10.0, max(seconds / 10, 0.2))
        yield time.monotonic() - started


def register(sagemaker: "SageMakerClient", request: Mapping[str, Any], pauses: Iterable[float]) -> Mapping[str, Any]:
    """Create the package and return its description once it is complete. The client token makes repetition harmless."""
    arn = sagemaker.create_model_package(**request)["ModelPackageArn"]
    return wait_until_completed(sagemaker, arn, pauses)


def describe(sagemaker: "SageMakerClient", arn: str) -> Mapping[str, Any]:
    """Return SageMaker's description of exactly the package `arn`."""
    return sagemaker.describe_model_package(ModelPackageName=arn)


def wait_until_completed(sagemaker: "SageMakerClient", arn: str, pauses: Iterable[float]) -> Mapping[str, Any]:
    """Return the description once the package is Completed, asking once for each of `pauses`.

    Raises RoadError when the package has failed or the pauses run out. SageMaker offers no waiter for packages.
    """
    status = "never described"
    for _ in pauses:
        description = describe(sagemaker, arn)
        status = description["ModelPackageStatus"]
        if status == "Completed":
            return description
        if status in ("Failed", "Deleting"):
            details = description.get("ModelPackageStatusDetails", {}).get("ValidationStatuses", [])
            causes = [detail["FailureReason"] for detail in details if detail.get("FailureReason")]
            cause = one_line("; ".join(causes), 300) or "no reason given"
            raise RoadError(f"{arn} is {status}: {cause}. Repair the cause and train again")
    raise RoadError(f"{arn} is still {status} after the time allowed. Look at it in the registry, then retry")


def evaluation_of(description: Mapping[str, Any]) -> Evaluation:
    """Return where the package's evaluation lies. Raises EvidenceError when none was registered with a digest."""
    statistics = description.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    digest = statistics.get("ContentDigest", "")
    try:
        bucket, key = split_s3_uri(statistics.get("S3Uri", ""))
    except ValueError as error:
        raise EvidenceError("no evaluation is registered with the package. Train the model again") from error
    if not digest.startswith(DIGEST_PREFIX):
        raise EvidenceError("the evaluation is registered without a SHA-256 digest. Train the model again")
    return Evaluation(bucket=bucket, key=key, sha256=digest.removeprefix(DIGEST_PREFIX))


def standing(description: Mapping[str, Any], *, written: bool = False) -> Standing:
    """Return the decision in `description`."""
    return Standing(
        status=description["ModelApprovalStatus"],
        reason=description.get("ApprovalDescription", ""),
        written=written,
    )


def last_editor(description: Mapping[str, Any]) -> str:
    """Return who changed the package last: the name of a Studio profile, or the ARN of a user or of an assumed role."""
    editor = description.get("LastModifiedBy", {})
    return str(editor.get("UserProfileName") or editor.get("IamIdentity", {}).get("Arn") or "somebody not named there")


def decision_words(description: Mapping[str, Any]) -> str:
    """Return the reason of a decision, with who gave it where it does not begin so: "Approved by ada: why"."""
    found = standing(description)
    named = f"{found.status} by "
    if found.reason.startswith(named):
        return found.reason
    return f"{named}{last_editor(description)}: {found.reason or 'no reason given'}"


def decided_by(description: Mapping[str, Any]) -> str:
    """Return whose decision stands: whom its words name, and who changed the package last where that is another.

    Words are what somebody wrote, and may name anybody; they are not proof by themselves.
    """
    status, editor = standing(description).status, last_editor(description)
    named = decision_words(description).removeprefix(f"{status} by ").partition(": ")[0]
    return named if named == editor else f"{named} (last changed by {editor})"


def set_status(sagemaker: "SageMakerClient", arn: str, status: str, reason: str) -> Standing:
    """Approve or reject the package unless somebody has decided already, and return the decision that stands.

    A conflict with another writer is answered by reading again, at most three times. Raises RoadError after that.
    """
    for _ in range(DECISION_ROUNDS):
        found = standing(describe(sagemaker, arn))
        if found.status != contract.PENDING:
            return found
        try:
            sagemaker.update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=status,  # type: ignore[arg-type]  # one of the contract's words, a plain str
                ApprovalDescription=one_line(reason, LONGEST_DESCRIPTION),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
        else:
            return standing(describe(sagemaker, arn), written=True)
    raise RoadError(f"{arn}: somebody else keeps changing the package. Decide in the registry, or retry")
