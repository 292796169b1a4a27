"""Build stage: train, measure, pack and register a model, and leave its ARN for the stages that follow.

An execution that a person started for an approved version trains nothing: it hands that version on.
"""

import os
import platform
import signal
import sys
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import (
    approved_version,
    contract,
    entry,
    gate,
    libraries,
    model_card,
    model_report,
    registration,
    registry,
    serving_image,
    storage,
    training_run,
    usecases,
)
from ml.build_environment import BuildEnvironment
from ml.champion import find_champion
from ml.errors import InputError
from ml.gate import LONGEST_SUMMARY, one_line
from ml.made import Made
from ml.package_request import Candidate, model_package_request
from ml.registry import ModelPackageArn
from ml.training_job import TrainingJobs
from ml.training_request import JobSettings, is_asked_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

REGISTRATION_SECONDS = 300


def candidate(build: BuildEnvironment, made: Made, s3: "S3Client") -> Candidate:
    """Upload what `made` holds, each under the key that its content gives it, and describe it for the registry."""
    evaluation_sha256 = storage.sha256(made.evaluation)
    described = Candidate(
        group=build.group,
        image=_image(s3.meta.region_name),
        instance_type=build.instance_type,
        archive_uri=storage.put_once(
            s3,
            bucket=build.model_bucket,
            key=f"{contract.MODELS_PREFIX}{made.archive.sha256}/{contract.ARCHIVE_FILE}",
            body=made.archive.body,
            content_type="application/gzip",
        ),
        archive_sha256=made.archive.sha256,
        evaluation_uri=storage.put_once(
            s3,
            bucket=build.model_bucket,
            key=f"{contract.EVALUATIONS_PREFIX}{evaluation_sha256}/{contract.EVALUATION_FILE}",
            body=made.evaluation,
            content_type="application/json",
        ),
        evaluation_sha256=evaluation_sha256,
        data_sha256=made.data_sha256,
        metrics=made.metrics,
        use_case=build.use_case,
        summary=made.summary,
        commit=build.commit,
        execution=build.execution,
        repository=build.repository,
        report_uri="",
    )
    verdict = gate.judge_document(made.evaluation, build.thresholds, build.rule)
    page = model_report.write(described, made.evaluation, made.archive.body, verdict)
    return model_report.attach(s3, described, bucket=build.model_bucket, page=page)


def create_model_package(
    build: BuildEnvironment,
    *,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    out: Path,
    jobs: TrainingJobs | None = None,
) -> str:
    """Take the whole stage and return the package's ARN, which is also the last file written to `out`.

    The model is made here, or by `jobs` where there are any. CodeBuild uploads artifacts after a failed build too:
    without that file nothing can be deployed.
    """
    if build.requested is not None:
        return release(build.requested, build, sagemaker, out)
    if jobs is None:
        libraries.check(version, platform.python_version())
    champion = find_champion(
        sagemaker, s3, endpoint_name=build.endpoint_name, group=build.group, bucket=build.model_bucket
    )
    if jobs is None:
        made = training_run.make(build, partial(storage.read, s3), champion)
    else:
        made = jobs.train(build.search, [build.data_uri] if build.data_uri else [], champion)
    offered = candidate(build, made, s3)
    card = model_card.content(
        offered,
        evaluation=made.evaluation,
        archive=made.archive.body,
        thresholds=build.thresholds,
        words=usecases.card_words(usecases.load(build.use_case)),
    )
    request = model_package_request(offered, card)
    arn = _register(build, request, offered, s3=s3, sagemaker=sagemaker)
    entry.say(f"registered: {arn} ({contract.PENDING})")
    link = model_report.link(offered.report_uri, region=s3.meta.region_name, otherwise=build.execution_url)
    _hand_over(out, arn, made.summary, link)
    return arn


def _register(
    build: BuildEnvironment,
    request: Mapping[str, Any],
    offered: Candidate,
    *,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
) -> str:
    """Register the version and write the record that the deploy step holds it against; return its ARN.

    A build that died between the two finds its version again by the client token, and writes the record then.
    """
    description = registry.register(sagemaker, request, registry.growing_pauses(REGISTRATION_SECONDS))
    registration.check_kept(request, description)
    registered = registration.of(
        description, archive_sha256=offered.archive_sha256, commit=offered.commit, execution=offered.execution
    )
    registration.record(s3, build.model_bucket, build.group, description, registered)
    return registered.model_package_arn


def release(package: ModelPackageArn, build: BuildEnvironment, sagemaker: "SageMakerClient", out: Path) -> str:
    """Hand an approved version of this stack on, in place of a new one, and return its ARN as the registry spells it.

    Raises InputError when it is another stack's, RoadError unless it is approved right now.
    """
    account = "".join(build.build_arn.split(":")[4:5])
    approved_version.check_place(package, build.group, region=sagemaker.meta.region_name, account=account)
    description = approved_version.approved(sagemaker, package.text)
    arn, summary = description["ModelPackageArn"], description.get("ModelPackageDescription", "")
    entry.say(f"release: {arn} ({contract.APPROVED}); nothing is trained")
    report_uri = description.get("CustomerMetadataProperties", {}).get(contract.METADATA_REPORT, "")
    link = model_report.link(report_uri, region=sagemaker.meta.region_name, otherwise=build.execution_url)
    _hand_over(out, arn, one_line(f"release of version {package.version}: {summary}", LONGEST_SUMMARY), link)
    return str(arn)


def _hand_over(out: Path, arn: str, summary: str, link: str) -> None:
    """Write what the next stages need, the ARN last: without it nothing can be deployed."""
    entry.say(f"report: {link}")
    (out / contract.MODEL_REPORT_URL_FILE).write_text(link + "\n", "utf-8")
    (out / contract.MODEL_SUMMARY_FILE).write_text(summary + "\n", "utf-8")
    (out / contract.MODEL_PACKAGE_ARN_FILE).write_text(arn + "\n", "utf-8")


def _image(region: str) -> str:
    try:
        return serving_image.uri(region)
    except KeyError as error:
        raise InputError(
            f"AWS publishes no scikit-learn serving image in {region}. Set aws:region to another"
        ) from error


def main() -> None:
    """Read the environment and run the stage in the current directory."""
    build = BuildEnvironment.read(os.environ)
    s3, sagemaker = entry.client("s3"), entry.client("sagemaker")
    jobs = None
    if is_asked_for(os.environ):
        signal.signal(signal.SIGTERM, entry.interrupted)
        settings, logs = JobSettings.read(os.environ), entry.client("logs")
        jobs = TrainingJobs(settings=settings, s3=s3, sagemaker=sagemaker, logs=logs, say=entry.say)
    create_model_package(build, s3=s3, sagemaker=sagemaker, out=Path.cwd(), jobs=jobs)


if __name__ == "__main__":
    sys.exit(entry.run(main))
