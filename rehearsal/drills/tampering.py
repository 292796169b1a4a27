"""Drills about a version that is not what its build registered: other bytes, another package, or no build at all."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from ml import contract
from rehearsal.drills.archives import TextChange, pack
from rehearsal.drills.drill import Drill
from rehearsal.drills.handover import DEPLOY_STAGE, Asked, before_deployment, other_golden
from rehearsal.drills.removals import InSource
from rehearsal.drills.stand import Stand, stopped
from rehearsal.report import Proof

_DEPLOY_FILE = "ml/deploy_model.py"
_CHANGEABLE = ("InferenceSpecification", "CustomerMetadataProperties")
"""What whoever may decide about versions may also change in them (UpdateModelPackage)."""

_DIGEST = TextChange(
    path="ml/registered_version.py", old="    if found != registered.archive_sha256:\n", new="    if False:\n"
)
_UNCHANGED = TextChange(path=_DEPLOY_FILE, old="    registration.check_unchanged(registered, description)\n", new="")


def tampered_archive(stand: Stand) -> Sequence[Proof]:
    """Replace the archive of an approved version under its own key."""
    arn = stand.offer()
    url = stand.package(arn)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, _, key = url.removeprefix("s3://").partition("/")
    s3, sound = stand.cloud.client("s3"), stand.read(url)
    other = pack(other_golden(stand))
    try:
        with before_deployment(stand, lambda: s3.put_object(Bucket=bucket, Key=key, Body=other)):
            execution = stand.release(arn)
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=sound)
    return [stopped(execution, DEPLOY_STAGE, "has SHA-256", "registered was"), stand.untouched()]


def swapped_image(stand: Stand) -> Sequence[Proof]:
    """Give an approved version another container image."""
    return _swapped(stand, "somebody-elses", _with_image)


def _with_image(package: dict[str, Any]) -> None:
    container = _container(package)
    container["Image"] = f"{container['Image'].partition('/')[0]}/somebody-elses:latest"


def swapped_package(stand: Stand) -> Sequence[Proof]:
    """Change an approved version's package in ways that each look sound: the same makers, the digest as well."""
    other = stand.offer(members=other_golden(stand))

    def _archive(package: dict[str, Any]) -> None:
        theirs = stand.package(other)
        _container(package)["ModelDataUrl"] = _container(theirs)["ModelDataUrl"]
        digest = theirs["CustomerMetadataProperties"][contract.METADATA_MODEL_SHA256]
        package["CustomerMetadataProperties"][contract.METADATA_MODEL_SHA256] = digest

    def _tag(package: dict[str, Any]) -> None:
        container = _container(package)
        container["Image"] = f"{container['Image'].rpartition(':')[0]}:1.4-2-cpu-py3"

    def _variable(package: dict[str, Any]) -> None:
        _container(package)["Environment"]["PIP_INDEX_URL"] = "https://somebody-elses/simple"

    def _data(package: dict[str, Any]) -> None:
        source = {"S3DataType": "S3Object", "S3Uri": "s3://somebody-elses/more.tar.gz", "CompressionType": "Gzip"}
        _container(package)["AdditionalS3DataSource"] = source

    swaps: dict[str, Callable[[dict[str, Any]], None]] = {
        "ModelDataUrl": _archive,
        "Image": _tag,
        "Environment.PIP_INDEX_URL": _variable,
        "AdditionalS3DataSource": _data,
    }
    proofs: list[Proof] = []
    for field, change in swaps.items():
        proofs += _swapped(stand, field, change)
        if not all(proof.holds for proof in proofs):
            break
    return proofs


def _swapped(stand: Stand, word: str, change: Callable[[dict[str, Any]], None]) -> Sequence[Proof]:
    """Change an approved version's package right before it is deployed; the refusal must hold `word`."""
    arn, sagemaker = stand.offer(), stand.cloud.client("sagemaker")
    changed = deepcopy({name: stand.package(arn)[name] for name in _CHANGEABLE})
    change(changed)
    asked = Asked(stand)
    with before_deployment(stand, lambda: sagemaker.update_model_package(ModelPackageArn=arn, **changed)):
        execution = stand.release(arn)
    return [stopped(execution, DEPLOY_STAGE, word), asked.for_nothing(), stand.untouched()]


def _container(package: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = package["InferenceSpecification"]["Containers"][0]
    return found


def unrecorded_version(stand: Stand) -> Sequence[Proof]:
    """Register a version beside the pipeline and let it be approved: no build has made it."""
    arn, asked = stand.offer(recorded=False), Asked(stand)
    execution = stand.release(arn)
    return [stopped(execution, DEPLOY_STAGE, "has no registration record"), asked.for_nothing(), stand.untouched()]


DRILLS = (
    Drill(
        name="tampered-archive",
        fault="Between approval and deployment the model archive is replaced in the bucket.",
        gate="ml/registered_version.py: the archive's digest in the registration record",
        play=tampered_archive,
        without_guard=[InSource(changes=[_DIGEST])],
    ),
    Drill(
        name="swapped-image",
        fault="Between approval and deployment the package gets another container image.",
        gate="ml/registration.py: nothing but what was recorded; ml/registered_version.py: the serving image alone",
        play=swapped_image,
        without_guard=[
            InSource(
                changes=[
                    _UNCHANGED,
                    TextChange(
                        path="ml/registered_version.py",
                        old="    if len(containers) != 1 or "
                        'str(containers[0].get("Image")).rpartition(":")[0] != repository:\n',
                        new="    if len(containers) != 1:\n",
                    ),
                ]
            )
        ],
    ),
    Drill(
        name="swapped-package",
        fault="Between approval and deployment the package gets another archive with its digest, another tag, another"
        " variable, or more data.",
        gate="ml/registration.py: field for field what the build recorded; ml/registered_version.py: its digest",
        play=swapped_package,
        without_guard=[InSource(changes=[_UNCHANGED, _DIGEST])],
    ),
    Drill(
        name="unrecorded-version",
        fault="A version is registered beside the pipeline, with sound evidence, and approved.",
        gate="ml/registration.py: no record by a train build, no deployment",
        play=unrecorded_version,
        without_guard=[
            InSource(
                changes=[
                    _UNCHANGED,
                    TextChange(
                        path=_DEPLOY_FILE,
                        old="    registered = registration.read(s3, deploy.model_bucket, deploy.group, description)\n",
                        new="    registered = registration.of(description, archive_sha256=description["
                        '"CustomerMetadataProperties"]["model_sha256"], commit=deploy.commit, execution="")\n',
                    ),
                ]
            )
        ],
    ),
)
