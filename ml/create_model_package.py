"""Build stage: train, measure, pack and register a model, and leave its ARN for the stages that follow.

An execution that a person started for an approved version trains nothing: it hands that version on.
"""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ml import (
    approved_version,
    contract,
    data,
    entry,
    evidence,
    gate,
    libraries,
    model_card,
    model_report,
    packaging,
    registry,
    serving_image,
    storage,
    training,
    usecases,
)
from ml.champion import find_champion
from ml.errors import InputError
from ml.evaluation.champion import Champion
from ml.gate import LONGEST_SUMMARY, one_line
from ml.package_request import Candidate, model_package_request
from ml.registry import ModelPackageArn
from ml.table import Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

REGISTRATION_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class BuildEnvironment:
    """What the build project and the pipeline action tell this build."""

    model_bucket: str
    group: str
    use_case: str
    data_uri: str
    target: str
    instance_type: str
    execution: str
    commit: str
    repository: str
    build_arn: str
    requested: ModelPackageArn | None
    execution_url: str
    endpoint_name: str
    thresholds: Mapping[str, object]
    rule: gate.Rule
    """By which the model will be judged; the evaluation's intervals have its confidence."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "BuildEnvironment":
        """Return the typed environment. Raises InputError that names every key that is not set."""
        found = entry.values(
            environment,
            (
                contract.MODEL_BUCKET,
                contract.MODEL_PACKAGE_GROUP,
                contract.USE_CASE,
                contract.ENDPOINT_INSTANCE_TYPE,
                contract.PIPELINE_EXECUTION_ID,
                contract.COMMIT_ID,
                contract.REPOSITORY_NAME,
                contract.EXECUTION_URL,
                contract.ENDPOINT_NAME,
                contract.THRESHOLDS,
                contract.GATE,
            ),
        )
        use_case = contract.USE_CASES.get(found[contract.USE_CASE])
        return cls(
            model_bucket=found[contract.MODEL_BUCKET],
            group=found[contract.MODEL_PACKAGE_GROUP],
            use_case=found[contract.USE_CASE],
            data_uri=environment.get(contract.DATA_URI, "").strip(),
            target=environment.get(contract.TARGET_COLUMN, "").strip() or (use_case.target_column if use_case else ""),
            instance_type=found[contract.ENDPOINT_INSTANCE_TYPE],
            execution=found[contract.PIPELINE_EXECUTION_ID],
            commit=found[contract.COMMIT_ID],
            repository=found[contract.REPOSITORY_NAME],
            build_arn=environment.get(contract.BUILD_ARN, ""),
            requested=approved_version.requested(environment),
            execution_url=found[contract.EXECUTION_URL],
            endpoint_name=found[contract.ENDPOINT_NAME],
            thresholds=entry.json_object(found, contract.THRESHOLDS),
            rule=gate.Rule.read(found[contract.GATE]),
        )


@dataclass(frozen=True, kw_only=True)
class Made:
    """What training made, before anything of it has left this machine."""

    table: Table
    archive: packaging.Archive
    evaluation: bytes
    metrics: Mapping[str, float]
    summary: str


def make(build: BuildEnvironment, s3: "S3Client", champion: Champion | None) -> Made:
    """Train a model, and measure it and the `champion`, what serves now. Changes nothing in AWS.

    Raises RoadError when no model can be offered for approval.
    """
    use_case, known = usecases.load(build.use_case), contract.USE_CASES[build.use_case]
    table = data.load(build.data_uri, target=build.target, task=known.task, use_case=use_case, s3=s3)
    classes = f", classes {sorted(set(table.target.tolist()))}" if known.task == contract.CLASSIFICATION else ""
    entry.say(f"data: {table.source}: {len(table.rows)} rows, {len(table.columns)} columns{classes}")
    for note in table.notes:
        entry.say(f"data: {note}")
    trained = training.train(table, use_case.build, getattr(use_case, "split", training.split))
    found = evidence.gather(
        table, trained, use_case=build.use_case, confidence=build.rule.confidence, champion=champion
    )
    for warning in found.warnings:
        entry.say(f"data: WARNING: {warning}")
    entry.say(f"evaluation: {found.summary}")
    archive = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=build.use_case)
    entry.say(f"package: {len(archive.body)} bytes, sha256 {archive.sha256}")
    return Made(table=table, archive=archive, evaluation=found.document, metrics=found.metrics, summary=found.summary)


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
        data_sha256=made.table.sha256,
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


def create_model_package(build: BuildEnvironment, *, s3: "S3Client", sagemaker: "SageMakerClient", out: Path) -> str:
    """Take the whole stage and return the package's ARN, which is also the last file written to `out`.

    CodeBuild uploads artifacts after a failed build too: without that file nothing can be deployed.
    """
    if build.requested is not None:
        return release(build.requested, build, sagemaker, out)
    libraries.check(version, platform.python_version())
    champion = find_champion(
        sagemaker, s3, endpoint_name=build.endpoint_name, group=build.group, bucket=build.model_bucket
    )
    made = make(build, s3, champion)
    offered = candidate(build, made, s3)
    card = model_card.content(
        offered,
        evaluation=made.evaluation,
        archive=made.archive.body,
        thresholds=build.thresholds,
        words=usecases.card_words(usecases.load(build.use_case)),
    )
    request = model_package_request(offered, card)
    arn = registry.register(sagemaker, request, registry.growing_pauses(REGISTRATION_SECONDS))
    entry.say(f"registered: {arn} ({contract.PENDING})")
    link = model_report.link(offered.report_uri, region=s3.meta.region_name, otherwise=build.execution_url)
    _hand_over(out, arn, made.summary, link)
    return arn


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
    create_model_package(build, s3=entry.client("s3"), sagemaker=entry.client("sagemaker"), out=Path.cwd())


if __name__ == "__main__":
    sys.exit(entry.run(main))
