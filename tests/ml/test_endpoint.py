"""The endpoint: created or updated, success only with our configuration, and proven by its answers."""

import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from ml import endpoint, registry
from ml.endpoint import ProofError, Release
from ml.errors import InputError, RoadError

ROLE = "arn:aws:iam::123456789012:role/SageMaker-MLE-004-Role"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/7"
RELEASE = Release(
    endpoint_name="mle-004-churn",
    model_package=registry.parse_model_package_arn(ARN),
    archive_sha256="abcdef01" + "0" * 56,
    execution_role_arn=ROLE,
    instance_type="ml.m5.large",
    instance_count=2,
    tags={"CommitId": "0123abc"},
)
MODEL = "mle-004-churn--v7-abcdef01"
ABSENT = ClientError({"Error": {"Code": "ValidationException", "Message": 'Could not find endpoint "x".'}}, "Operation")


def state(status: str, config: str = "old", **more: Any) -> dict[str, Any]:
    return {"EndpointStatus": status, "EndpointConfigName": config} | more


class SageMaker:
    """Answers every operation with the next of its scripted results, and the last one again; checks what is sent."""

    def __init__(self, check: Any, **results: Any) -> None:
        self.check = check
        self.results = {name: list(values) for name, values in results.items()}
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            service = "sagemaker-runtime" if operation == "invoke_endpoint" else "sagemaker"
            self.check(service, "".join(word.title() for word in operation.split("_")), parameters)
            self.sent.append((operation, parameters))
            script = self.results.get(operation, [{}])
            result = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(result, Exception):
                raise result
            return result

        return call

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.sent]


@pytest.fixture
def sagemaker(check_request: Any) -> Any:
    return lambda **results: SageMaker(check_request, **results)


def pauses(seconds: float) -> Iterator[float]:
    """Four looks, as far apart as the time allowed makes them."""
    return iter([0.0, 1.0, 2.0, seconds])


def wait(fake: Any, config: str = "new") -> list[str]:
    said: list[str] = []
    endpoint.wait_in_service(fake, "e", config, pauses=pauses, say=said.append)
    return said


# --- model and configuration


def test_a_model_is_made_of_the_package_and_isolated(sagemaker: Any) -> None:
    fake = sagemaker(describe_model=[ABSENT])

    assert endpoint.put_model(fake, RELEASE) == MODEL
    assert fake.sent[-1] == (
        "create_model",
        {
            "ModelName": MODEL,
            "ExecutionRoleArn": ROLE,
            "Containers": [{"ModelPackageName": ARN}],
            "EnableNetworkIsolation": True,
            "Tags": [{"Key": "CommitId", "Value": "0123abc"}],
        },
    )


@pytest.mark.parametrize(
    "container", [{"Containers": [{"ModelPackageName": ARN}]}, {"PrimaryContainer": {"ModelPackageName": ARN.lower()}}]
)
def test_the_same_model_is_used_again(sagemaker: Any, container: dict[str, Any]) -> None:
    fake = sagemaker(describe_model=[{"ExecutionRoleArn": ROLE, **container}])

    assert endpoint.put_model(fake, RELEASE) == MODEL
    assert fake.operations() == ["describe_model"]


@pytest.mark.parametrize(
    "found",
    [
        {"ExecutionRoleArn": ROLE, "Containers": [{"ModelPackageName": ARN[:-1] + "8"}]},
        {"ExecutionRoleArn": ROLE + "-other", "Containers": [{"ModelPackageName": ARN}]},
        {"ExecutionRoleArn": ROLE, "PrimaryContainer": {}},
    ],
)
def test_another_model_of_that_name_is_an_error_with_its_repair(sagemaker: Any, found: dict[str, Any]) -> None:
    with pytest.raises(RoadError, match=f"aws sagemaker delete-model --model-name {MODEL}"):
        endpoint.put_model(sagemaker(describe_model=[found]), RELEASE)


def test_other_faults_are_not_taken_for_an_absent_model(sagemaker: Any, client_error: Any) -> None:
    for error in (client_error("AccessDeniedException"), client_error("ValidationException", "bad name")):
        with pytest.raises(ClientError):
            endpoint.put_model(sagemaker(describe_model=[error]), RELEASE)


def test_a_configuration_has_one_variant_of_the_model(sagemaker: Any) -> None:
    fake = sagemaker()

    assert endpoint.put_endpoint_config(fake, RELEASE, "12345678") == f"{MODEL}-12345678"
    assert fake.sent[0][1]["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": MODEL,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
        }
    ]
    assert fake.sent[0][1]["Tags"] == [{"Key": "CommitId", "Value": "0123abc"}]


def test_names_keep_sagemakers_limits() -> None:
    pattern = botocore.session.get_session().get_service_model("sagemaker").shape_for("EndpointConfigName")
    assert (pattern.metadata["max"], pattern.metadata["pattern"]) == (63, "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

    long = dataclasses.replace(RELEASE, endpoint_name="e" * 50)
    assert len(long.model_name) == 63
    with pytest.raises(InputError, match="is not a name that SageMaker accepts"):
        long.config_name("12345678")


# --- create or update


def test_the_first_release_creates_the_endpoint(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[ABSENT])

    assert endpoint.put_endpoint(fake, "e", "new", tags={"k": "v"}, pauses=pauses) is None
    created = {"EndpointName": "e", "EndpointConfigName": "new", "Tags": [{"Key": "k", "Value": "v"}]}
    assert fake.sent[1:] == [("create_endpoint", created)]


def test_the_next_release_updates_it_and_knows_what_served_before(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[state("InService")])

    assert endpoint.put_endpoint(fake, "e", "new", tags={}, pauses=pauses) == "old"
    assert fake.sent[1:] == [("update_endpoint", {"EndpointName": "e", "EndpointConfigName": "new"})]


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_somebody_elses_change_is_awaited_first(sagemaker: Any, status: str) -> None:
    fake = sagemaker(describe_endpoint=[state(status), state(status), state("InService")])
    endpoint.put_endpoint(fake, "e", "new", tags={}, pauses=pauses)

    assert fake.operations() == ["describe_endpoint"] * 3 + ["update_endpoint"]


def test_somebody_elses_endless_change_is_an_error(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[state("Updating")])
    with pytest.raises(RoadError, match="endpoint e is being changed by somebody else for too long"):
        endpoint.put_endpoint(fake, "e", "new", tags={}, pauses=pauses)
    assert "update_endpoint" not in fake.operations()


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService", "Deleting"])
def test_an_endpoint_that_cannot_be_updated_names_its_repair(sagemaker: Any, status: str) -> None:
    fake = sagemaker(describe_endpoint=[state(status, FailureReason="no\nmemory")])
    with pytest.raises(RoadError, match=f"is {status}: no memory.*aws sagemaker delete-endpoint --endpoint-name e"):
        endpoint.put_endpoint(fake, "e", "new", tags={}, pauses=pauses)
    assert fake.operations() == ["describe_endpoint"]


@pytest.mark.parametrize("first", [ABSENT, state("InService")])
def test_a_configuration_that_is_not_visible_yet_is_tried_again(sagemaker: Any, client_error: Any, first: Any) -> None:
    unseen = client_error("ValidationException", "Could not find endpoint configuration x")
    operation = "create_endpoint" if first is ABSENT else "update_endpoint"
    fake = sagemaker(describe_endpoint=[first], **{operation: [unseen, unseen, {}]})
    endpoint.put_endpoint(fake, "e", "new", tags={}, pauses=pauses)

    assert fake.operations().count(operation) == 3


def test_a_configuration_that_never_becomes_visible_is_the_services_error(sagemaker: Any, client_error: Any) -> None:
    unseen = client_error("ValidationException", "Could not find endpoint configuration x")
    with pytest.raises(ClientError, match="Could not find endpoint configuration x"):
        endpoint.put_endpoint(
            sagemaker(describe_endpoint=[ABSENT], create_endpoint=[unseen]), "e", "new", tags={}, pauses=pauses
        )


def test_a_refused_creation_is_not_tried_again(sagemaker: Any, client_error: Any) -> None:
    fake = sagemaker(describe_endpoint=[ABSENT], create_endpoint=[client_error("ResourceLimitExceeded")])
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        endpoint.put_endpoint(fake, "e", "new", tags={}, pauses=pauses)
    assert fake.operations().count("create_endpoint") == 1


# --- waiting


def test_success_is_in_service_with_our_configuration_and_progress_is_said(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[state("Updating"), state("Updating"), state("InService", "new")])

    assert wait(fake) == ["endpoint: e is Updating after 0 s", "endpoint: e is InService after 2 s"]


def test_in_service_with_the_old_configuration_after_a_change_is_a_roll_back(sagemaker: Any) -> None:
    fake = sagemaker(
        describe_endpoint=[state("Updating"), state("RollingBack"), state("InService", FailureReason="ping")]
    )
    with pytest.raises(RoadError, match="endpoint e rolled back: it serves old again, not new: ping"):
        wait(fake)


def test_an_update_that_has_not_begun_to_show_is_given_time(sagemaker: Any) -> None:
    fake = sagemaker(
        describe_endpoint=[state("InService"), state("InService"), state("Updating"), state("InService", "new")]
    )

    assert wait(fake)[-1] == f"endpoint: e is InService after {endpoint.IN_SERVICE_SECONDS} s"


def test_an_update_that_never_shows_is_a_roll_back_too(sagemaker: Any) -> None:
    with pytest.raises(RoadError, match="rolled back"):
        wait(sagemaker(describe_endpoint=[state("InService")]))


def test_a_reason_of_failure_ends_the_wait_at_once(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[state("InService", FailureReason="no memory")])
    with pytest.raises(RoadError, match="no memory"):
        wait(fake)
    assert len(fake.sent) == 1


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService", "Deleting"])
def test_a_broken_endpoint_names_its_log_and_repair(sagemaker: Any, status: str) -> None:
    with pytest.raises(RoadError, match=f"is {status}: .*/aws/sagemaker/Endpoints/e; .*delete-endpoint"):
        wait(sagemaker(describe_endpoint=[state("Creating", "new"), state(status, "new")]))


def test_waiting_has_an_end(sagemaker: Any) -> None:
    with pytest.raises(RoadError, match="endpoint e is still Creating after the time allowed"):
        wait(sagemaker(describe_endpoint=[state("Creating", "new")]))


# --- proof

GOLDEN = {
    "instances": [[1.0, None], [2.0, "x"]],
    "predictions": [{"label": "no", "probability": 0.25}, {"label": "yes", "probability": [0.1, 0.9]}],
}


def answers(content: Any) -> dict[str, Any]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"Body": io.BytesIO(body)}


def test_the_golden_records_are_sent_and_equal_answers_are_the_proof(sagemaker: Any) -> None:
    last_bit = [{"label": "no", "probability": 0.25 + 1e-12}, GOLDEN["predictions"][1]]
    fake = sagemaker(invoke_endpoint=[answers({"predictions": last_bit})])
    endpoint.prove(fake, "e", GOLDEN)

    ((_, sent),) = fake.sent
    assert json.loads(sent["Body"]) == {"instances": GOLDEN["instances"]}
    assert (sent["EndpointName"], sent["ContentType"], sent["Accept"]) == ("e", "application/json", "application/json")


def changed(index: int, **entry: Any) -> list[dict[str, Any]]:
    predictions = [dict(prediction) for prediction in GOLDEN["predictions"]]
    predictions[index] |= entry
    return predictions


@pytest.mark.parametrize(
    "content",
    [
        {"predictions": changed(0, label="yes")},
        {"predictions": changed(0, probability=0.2500001)},
        {"predictions": changed(0, probability="0.25")},
        {"predictions": changed(0, probability=None)},
        {"predictions": changed(0, probability=[0.25, 0.75])},
        {"predictions": changed(1, probability=[0.1, 0.8])},
        {"predictions": GOLDEN["predictions"][:1]},
        {"predictions": []},
        {"predictions": 2},
        {"predictions": ["no", "yes"]},
        {"answer": 42},
        [1, 2],
        b"<html>",
        b"\xff",
    ],
)
def test_any_other_answer_is_no_proof(sagemaker: Any, content: Any) -> None:
    with pytest.raises(ProofError, match="^endpoint e "):
        endpoint.prove(sagemaker(invoke_endpoint=[answers(content)]), "e", GOLDEN)


def test_an_endpoint_that_does_not_answer_is_no_proof(sagemaker: Any, client_error: Any) -> None:
    error = client_error("ModelError", "Received server error (500)\nfrom primary")
    with pytest.raises(
        ProofError, match=r"does not answer the golden records: ModelError: Received server error \(500\) from"
    ):
        endpoint.prove(sagemaker(invoke_endpoint=[error]), "e", GOLDEN)
