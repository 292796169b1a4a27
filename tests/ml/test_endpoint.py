"""The steps to SageMaker: made or found again, success only with our configuration, and every error with its repair."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from ml import endpoint, endpoint_config
from ml.endpoint import FailedError, RolledBackError
from ml.endpoint_wait import Wait
from ml.errors import RoadError
from tests.ml.hosting_account import GROUP_ARN, ROLE, release

RELEASE = release(7)
ARN, MODEL, CONFIG = f"{GROUP_ARN}/7", RELEASE.model_name, RELEASE.config_name
ABSENT = ClientError({"Error": {"Code": "ValidationException", "Message": 'Could not find endpoint "x".'}}, "Operation")


def state(status: str, config: str = "old", **more: Any) -> dict[str, Any]:
    return {"EndpointName": "e", "EndpointStatus": status, "EndpointConfigName": config} | more


class SageMaker:
    """Answers every operation with the next of its scripted results, and the last one again; checks what is sent."""

    def __init__(self, check: Any, **results: Any) -> None:
        self.check = check
        self.results = {name: list(values) for name, values in results.items()}
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.check("sagemaker", "".join(word.title() for word in operation.split("_")), parameters)
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


def wait(fake: Any, *, old_reason: str = "", seconds: float = 1200, looks: Any = pauses) -> list[str]:
    """Wait until "new" serves, and return what was said."""
    said: list[str] = []
    waiting = Wait(name="e", seconds=seconds, say=said.append)
    endpoint.wait_in_service(fake, "new", waiting, old_reason=old_reason, pauses=looks)
    return said


def settled(fake: Any, said: list[str] | None = None, looks: Any = pauses) -> Any:
    waiting = Wait(name="e", seconds=1500, say=[].append if said is None else said.append)
    return endpoint.settled(fake, waiting, looks)


# --- model and configuration


def test_a_model_is_created_where_there_is_none(sagemaker: Any) -> None:
    fake = sagemaker(describe_model=[ABSENT])

    assert endpoint.put_model(fake, RELEASE) == MODEL
    assert fake.sent[-1] == ("create_model", endpoint_config.model_request(RELEASE))


@pytest.mark.parametrize(
    "container", [{"Containers": [{"ModelPackageName": ARN}]}, {"PrimaryContainer": {"ModelPackageName": ARN.lower()}}]
)
def test_the_same_model_is_used_again(sagemaker: Any, container: dict[str, Any]) -> None:
    fake = sagemaker(describe_model=[{"ExecutionRoleArn": ROLE, "EnableNetworkIsolation": True, **container}])

    assert endpoint.put_model(fake, RELEASE) == MODEL
    assert fake.operations() == ["describe_model"]


@pytest.mark.parametrize(
    "found",
    [
        {"Containers": [{"ModelPackageName": ARN[:-1] + "8"}]},
        {"ExecutionRoleArn": ROLE + "-other"},
        {"Containers": [], "PrimaryContainer": {}},
        {"EnableNetworkIsolation": False},
    ],
)
def test_another_model_of_that_name_is_an_error_with_its_repair(sagemaker: Any, found: dict[str, Any]) -> None:
    ours = {"ExecutionRoleArn": ROLE, "EnableNetworkIsolation": True, "Containers": [{"ModelPackageName": ARN}]}
    with pytest.raises(RoadError, match=f"aws sagemaker delete-model --model-name {MODEL}"):
        endpoint.put_model(sagemaker(describe_model=[ours | found]), RELEASE)


def test_other_faults_are_not_taken_for_an_absent_model_or_configuration(sagemaker: Any, client_error: Any) -> None:
    for error in (client_error("AccessDeniedException"), client_error("ValidationException", "bad name")):
        fake = sagemaker(describe_model=[error], describe_endpoint_config=[error])
        for put in (endpoint.put_model, endpoint.put_endpoint_config):
            with pytest.raises(ClientError):
                put(fake, RELEASE)


def test_a_configuration_is_created_where_there_is_none(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint_config=[ABSENT])

    assert endpoint.put_endpoint_config(fake, RELEASE) == CONFIG
    assert fake.sent[-1] == ("create_endpoint_config", endpoint_config.endpoint_config_request(RELEASE))


def test_an_equal_configuration_is_used_again_and_another_is_an_error(sagemaker: Any) -> None:
    ours = endpoint_config.variant(RELEASE) | {"InitialVariantWeight": 1.0}

    assert endpoint.put_endpoint_config(sagemaker(describe_endpoint_config=[{"ProductionVariants": [ours]}]), RELEASE)
    for variants in ([ours | {"InstanceType": "ml.c5.large"}], [ours, ours], []):
        fake = sagemaker(describe_endpoint_config=[{"ProductionVariants": variants}])
        with pytest.raises(RoadError, match=f"delete-endpoint-config --endpoint-config-name {CONFIG}"):
            endpoint.put_endpoint_config(fake, RELEASE)


# --- the endpoint before we touch it


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
def test_somebody_elses_change_is_awaited(sagemaker: Any, status: str) -> None:
    fake = sagemaker(describe_endpoint=[state(status), state(status), state("InService")])

    assert settled(fake) == state("InService")
    assert len(fake.sent) == 3


def test_somebody_elses_endless_change_is_an_error(sagemaker: Any) -> None:
    with pytest.raises(RoadError, match="endpoint e is being changed by somebody else for too long"):
        settled(sagemaker(describe_endpoint=[state("Updating")]))


def test_an_absent_endpoint_is_none_and_another_fault_is_raised(sagemaker: Any, client_error: Any) -> None:
    assert settled(sagemaker(describe_endpoint=[ABSENT])) is None
    with pytest.raises(ClientError, match="AccessDenied"):
        settled(sagemaker(describe_endpoint=[client_error("AccessDeniedException")]))


# --- beginning a change


@pytest.mark.parametrize("operation", ["create_endpoint", "update_endpoint"])
def test_a_configuration_that_is_not_visible_yet_is_tried_again(
    sagemaker: Any, client_error: Any, operation: str
) -> None:
    unseen = client_error("ValidationException", "Could not find endpoint configuration x")
    fake = sagemaker(**{operation: [unseen, unseen, {}]})
    begin(fake, operation)

    assert fake.operations() == [operation] * 3


def begin(fake: Any, operation: str) -> None:
    if operation == "create_endpoint":
        endpoint.create(fake, RELEASE, pauses)
    else:
        endpoint.update(fake, endpoint_config.update_request(RELEASE, 1), pauses)


def test_a_configuration_that_never_becomes_visible_is_the_services_error(sagemaker: Any, client_error: Any) -> None:
    unseen = client_error("ValidationException", "Could not find endpoint configuration x")
    with pytest.raises(ClientError, match="Could not find endpoint configuration x"):
        begin(sagemaker(create_endpoint=[unseen]), "create_endpoint")


def test_a_refused_creation_is_not_tried_again(sagemaker: Any, client_error: Any) -> None:
    fake = sagemaker(create_endpoint=[client_error("ResourceLimitExceeded")])
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        begin(fake, "create_endpoint")
    assert len(fake.sent) == 1


@pytest.mark.parametrize(
    ("found", "begun"),
    [
        (ABSENT, False),
        (state("InService"), False),
        (state("Updating"), True),
        (state("Creating", "new"), True),
        (state("InService", "new"), True),
    ],
)
def test_a_refused_change_may_have_begun(sagemaker: Any, found: Any, begun: bool) -> None:
    assert endpoint.has_begun(sagemaker(describe_endpoint=[found]), "e", "new") is begun


def test_every_status_that_sagemaker_knows_is_one_of_ours() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("EndpointStatus")

    assert set(shape.enum) == endpoint.CHANGING | endpoint.BROKEN | {endpoint.IN_SERVICE, endpoint.DELETING}


# --- removing


def test_a_removed_endpoint_is_gone_when_we_go_on(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[state("Deleting"), ABSENT])
    endpoint.remove(fake, "e", pauses=pauses, say=print)

    assert fake.operations() == ["delete_endpoint", "describe_endpoint", "describe_endpoint"]


def test_an_endpoint_that_is_gone_already_needs_no_removal(sagemaker: Any) -> None:
    fake = sagemaker(delete_endpoint=[ABSENT], describe_endpoint=[ABSENT])
    endpoint.remove(fake, "e", pauses=pauses, say=print)

    assert fake.operations() == ["delete_endpoint", "describe_endpoint"]


def test_an_endpoint_that_stays_is_an_error(sagemaker: Any, client_error: Any) -> None:
    with pytest.raises(RoadError, match="endpoint e could not be removed"):
        endpoint.remove(sagemaker(describe_endpoint=[state("Failed")]), "e", pauses=pauses, say=print)
    with pytest.raises(ClientError, match="AccessDenied"):
        endpoint.remove(
            sagemaker(delete_endpoint=[client_error("AccessDeniedException")]), "e", pauses=pauses, say=print
        )


# --- waiting


def test_success_is_in_service_with_our_configuration_and_progress_is_said(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[state("Updating"), state("Updating"), state("InService", "new")])

    assert wait(fake) == ["endpoint: e is Updating after 0 s", "endpoint: e is InService after 2 s"]


def each_ten_seconds(seconds: float) -> Iterator[float]:
    """Looks by a clock that nobody waits for."""
    return iter([float(second) for second in range(0, int(seconds) + 1, 10)])


def test_a_long_wait_gives_a_sign_of_life_once_a_minute(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[*[state("Updating")] * 13, state("InService", "new")])

    assert wait(fake, seconds=4200, looks=each_ten_seconds) == [
        "endpoint: e is Updating after 0 s",
        "endpoint: e is still Updating after 60 of at most 4200 s",
        "endpoint: e is still Updating after 120 of at most 4200 s",
        "endpoint: e is InService after 130 s",
    ]


def test_the_minute_begins_anew_with_each_status(sagemaker: Any) -> None:
    fake = sagemaker(describe_endpoint=[*[state("Creating")] * 5, *[state("Updating")] * 7, state("InService", "new")])

    assert wait(fake, looks=each_ten_seconds)[1:] == [
        "endpoint: e is Updating after 50 s",
        "endpoint: e is still Updating after 110 of at most 1200 s",
        "endpoint: e is InService after 120 s",
    ]


@pytest.mark.parametrize(
    ("variants", "told"),
    [
        ([{"CurrentWeight": 0.25, "DesiredWeight": 1.0}], ", traffic weight of the new variant 0.25 of 1"),
        (
            [{"CurrentWeight": 0.0, "DesiredWeight": 1.0, "VariantStatus": [{"Status": "Baking"}]}],
            ", traffic weight of the new variant 0 of 1, Baking",
        ),
        ([{"VariantStatus": [{"Status": "Creating"}]}], ", Creating"),
        ([{"CurrentWeight": 0.5}], ""),
        ([], ""),
        (None, ""),
    ],
)
def test_a_sign_of_life_says_how_far_the_traffic_is(sagemaker: Any, variants: Any, told: str) -> None:
    pending = {"EndpointConfigName": "new"} | ({"ProductionVariants": variants} if variants is not None else {})
    looks = [*[state("Updating", PendingDeploymentSummary=pending)] * 7, state("InService", "new")]

    said = wait(sagemaker(describe_endpoint=looks), looks=each_ten_seconds)
    assert said[1] == f"endpoint: e is still Updating after 60 of at most 1200 s{told}"


def test_somebody_elses_change_gives_signs_of_life_too(sagemaker: Any) -> None:
    said: list[str] = []
    settled(sagemaker(describe_endpoint=[*[state("Creating")] * 8, state("InService")]), said, each_ten_seconds)

    assert said == ["endpoint: e is Creating after 0 s", "endpoint: e is still Creating after 60 of at most 1500 s"]


def test_in_service_with_the_old_configuration_after_a_change_is_a_roll_back(sagemaker: Any) -> None:
    fake = sagemaker(
        describe_endpoint=[state("Updating"), state("RollingBack"), state("InService", FailureReason="no ping.")]
    )
    with pytest.raises(RolledBackError, match=r"e rolled back: it serves old again, not new: no ping\. See its log"):
        wait(fake)


def test_an_update_that_has_not_begun_to_show_is_given_time(sagemaker: Any) -> None:
    fake = sagemaker(
        describe_endpoint=[state("InService"), state("InService"), state("Updating"), state("InService", "new")]
    )

    assert wait(fake)[-1] == "endpoint: e is InService after 1200 s"


def test_an_update_that_never_shows_is_a_roll_back_too(sagemaker: Any) -> None:
    with pytest.raises(RolledBackError, match="rolled back"):
        wait(sagemaker(describe_endpoint=[state("InService")]))


@pytest.mark.parametrize("old_reason", ["", "last week"])
def test_a_new_reason_of_failure_ends_the_wait_at_once(sagemaker: Any, old_reason: str) -> None:
    fake = sagemaker(describe_endpoint=[state("InService", FailureReason="no memory")])
    with pytest.raises(RolledBackError, match="no memory"):
        wait(fake, old_reason=old_reason)
    assert len(fake.sent) == 1


def test_the_reason_of_an_earlier_failure_says_nothing_about_this_update(sagemaker: Any) -> None:
    fake = sagemaker(
        describe_endpoint=[
            state("InService", FailureReason="last week"),
            state("Updating"),
            state("InService", "new"),
        ]
    )

    assert wait(fake, old_reason="last week")[-1] == "endpoint: e is InService after 2 s"


def test_an_update_that_fails_as_the_one_before_is_a_roll_back(sagemaker: Any) -> None:
    again = state("InService", FailureReason="no memory")
    with pytest.raises(RolledBackError, match="no memory"):
        wait(sagemaker(describe_endpoint=[again, state("Updating"), again]), old_reason="no memory")


@pytest.mark.parametrize(
    ("status", "repair"),
    [
        ("Failed", "push a repaired model or retry the stage"),
        ("UpdateRollbackFailed", "a mix of the old and the new configuration"),
        ("OutOfService", "aws sagemaker delete-endpoint --endpoint-name e"),
        ("Deleting", "aws sagemaker delete-endpoint --endpoint-name e"),
    ],
)
def test_a_broken_endpoint_names_its_reason_its_log_and_its_repair(sagemaker: Any, status: str, repair: str) -> None:
    broken = state(status, "new", FailureReason="no\nmemory")
    with pytest.raises(RoadError, match=f"is {status}: no memory. See its log, /aws/sagemaker/Endpoints/e.*{repair}"):
        wait(sagemaker(describe_endpoint=[state("Creating", "new"), broken]))


def test_only_a_failed_endpoint_may_be_made_anew(sagemaker: Any) -> None:
    with pytest.raises(FailedError):
        wait(sagemaker(describe_endpoint=[state("Failed", "new")]))
    with pytest.raises(RoadError) as caught:
        wait(sagemaker(describe_endpoint=[state("UpdateRollbackFailed", "new")]))
    assert not isinstance(caught.value, FailedError | RolledBackError)


def test_waiting_has_an_end(sagemaker: Any) -> None:
    with pytest.raises(RoadError, match="endpoint e is still Creating after the time allowed"):
        wait(sagemaker(describe_endpoint=[state("Creating", "new")]))
