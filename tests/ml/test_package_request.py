"""What the registry is told about a model."""

import dataclasses
from typing import Any

import botocore.session
import pytest

from ml import package_request, runtimes, serving_image
from ml.errors import RoadError
from ml.package_request import Candidate, client_token, model_package_request

CANDIDATE = Candidate(
    group="ChurnPredictionModels",
    image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
    instance_type="ml.m5.large",
    archive_uri="s3://bucket/models/aa/model.tar.gz",
    archive_sha256="a" * 64,
    evaluation_uri="s3://bucket/evaluations/bb/evaluation.json",
    evaluation_sha256="b" * 64,
    data_sha256="c" * 64,
    metrics={"accuracy": 0.95, "log_loss": 0.2},
    use_case="churn",
    summary="churn:\naccuracy 0.95",
    commit="0123abc",
    execution="11111111-2222-3333-4444-555555555555",
    repository="model-registry-pipeline-repo",
    report_uri=f"s3://bucket/reports/{'d' * 64}/report.html",
)
CARD = '{"model_overview":{"model_creator":"a test"}}'


def test_the_request_is_one_that_boto3_accepts(check_request: Any) -> None:
    check_request("sagemaker", "CreateModelPackage", model_package_request(CANDIDATE, CARD))


def test_the_status_is_said_because_the_train_role_may_say_no_other() -> None:
    assert model_package_request(CANDIDATE, CARD)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_version_of_a_group_has_neither_name_nor_tags() -> None:
    assert not model_package_request(CANDIDATE, CARD).keys() & {"ModelPackageName", "Tags"}


def test_the_containers_version_is_that_of_the_runtimes() -> None:
    (container,) = model_package_request(CANDIDATE, CARD)["InferenceSpecification"]["Containers"]

    assert container["Image"] == CANDIDATE.image
    assert container["ModelDataUrl"] == CANDIDATE.archive_uri
    assert container["Environment"] == dict(serving_image.ENVIRONMENT)
    assert (container["Framework"], container["FrameworkVersion"]) == ("SKLEARN", runtimes.CONTAINER_VERSION)


def test_the_evaluation_is_named_with_its_digest() -> None:
    statistics = model_package_request(CANDIDATE, CARD)["ModelMetrics"]["ModelQuality"]["Statistics"]

    assert statistics == {
        "ContentType": "application/json",
        "S3Uri": CANDIDATE.evaluation_uri,
        "ContentDigest": "sha256:" + "b" * 64,
    }


def test_origin_and_metrics_are_in_the_metadata() -> None:
    request = model_package_request(CANDIDATE, CARD)

    assert request["MetadataProperties"] == {"CommitId": "0123abc", "Repository": "model-registry-pipeline-repo"}
    assert request["CustomerMetadataProperties"] == {
        "commit": "0123abc",
        "pipeline_execution": CANDIDATE.execution,
        "use_case": "churn",
        "model_sha256": "a" * 64,
        "evaluation_sha256": "b" * 64,
        "data_sha256": "c" * 64,
        "report": CANDIDATE.report_uri,
        "metric_accuracy": "0.950000",
        "metric_log_loss": "0.200000",
    }


@pytest.mark.parametrize("text", ["", "a" * 257, "a,b", "100%", "a>b", "(a)", "a#b", '"a"', "a\nb", "{}"])
def test_metadata_that_the_service_would_refuse_is_refused_here_by_its_key(text: str) -> None:
    with pytest.raises(RoadError, match="model package metadata commit="):
        model_package_request(dataclasses.replace(CANDIDATE, commit=text), CARD)


@pytest.mark.parametrize("text", ["a" * 256, "feature/x_1.2:3=4+5-6@7 8", "Łódź", "٣"])
def test_metadata_that_the_service_accepts_is_accepted(text: str) -> None:
    request = model_package_request(dataclasses.replace(CANDIDATE, commit=text), CARD)

    assert request["CustomerMetadataProperties"]["commit"] == text


def test_the_card_is_kept_beside_the_version_for_whoever_approves() -> None:
    request = model_package_request(CANDIDATE, CARD)

    assert request["ModelCard"] == {"ModelCardContent": CARD, "ModelCardStatus": "PendingReview"}


def test_the_description_is_one_line() -> None:
    assert model_package_request(CANDIDATE, CARD)["ModelPackageDescription"] == "churn: accuracy 0.95"


def test_the_client_token_is_the_executions_and_the_archives() -> None:
    token = client_token("execution-1", "a" * 64)

    assert len(token) == 36
    assert token == client_token("execution-1", "a" * 64)
    assert len({token, client_token("execution-2", "a" * 64), client_token("execution-1", "b" * 64)}) == 3


def test_the_configured_instance_type_is_supported_and_all_are_known_to_sagemaker() -> None:
    request = model_package_request(dataclasses.replace(CANDIDATE, instance_type="ml.c7i.large"), CARD)
    offered = request["InferenceSpecification"]["SupportedRealtimeInferenceInstanceTypes"]
    model = botocore.session.get_session().get_service_model("sagemaker")

    assert {"ml.c7i.large", *package_request.SMALL_INSTANCES} == set(offered)
    assert set(offered) <= set(model.shape_for("ProductionVariantInstanceType").enum)
