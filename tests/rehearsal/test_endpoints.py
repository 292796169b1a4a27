import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import runtimes
from tests.rehearsal.endpoint_account import BUCKET, IMAGE, REPOSITORY, SAGEMAKER, Endpoints, running_endpoints
from tests.rehearsal.runner_account import eventually, logged, make_role


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    with running_endpoints(tmp_path_factory.mktemp("cloud")) as hosting:
        yield hosting


# --- coming up


def test_an_endpoint_serves_what_its_model_answers(hosting: Endpoints):
    config = hosting.config(hosting.container("model 1"), instances=3)
    name = hosting.create(config)
    assert hosting.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == config
    assert described["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "DeployedImages": [{"SpecifiedImage": IMAGE}],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 3,
            "DesiredInstanceCount": 3,
        }
    ]
    answer = hosting.runtime.invoke_endpoint(EndpointName=name, Body=b"\x00\x01", ContentType="a/b", Accept="c/d")
    assert answer["Body"].read().decode().startswith("model 1 \x00\x01 a/b c/d None ")
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/plain; charset=utf-8", "AllTraffic")


def test_a_model_package_brings_image_data_and_environment_and_the_model_adds_to_it(hosting: Endpoints):
    container = hosting.container("packaged")
    hosting.sagemaker.create_model_package_group(ModelPackageGroupName="Group")
    arn = hosting.sagemaker.create_model_package(
        ModelPackageGroupName="Group",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    name = hosting.create(hosting.config({"ModelPackageName": arn, "Environment": {"EXTRA": "added"}}))
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    assert hosting.ask(name).split()[0] == "packaged"
    assert hosting.ask(name).split()[-2] == "added"


def test_a_container_sees_our_packages_but_none_of_our_modules(hosting: Endpoints, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    name = hosting.in_service(
        source="""
import importlib.util, os
def model_fn(folder):
    return [name for name in ("numpy", "sklearn", "ml", "rehearsal", "container") if importlib.util.find_spec(name)]
def transform_fn(model, data, content_type, accept):
    return str([model, [key for key in ("SECRET_OF_THE_CALLER", "PYTHONPATH") if key in os.environ]]), "text/plain"
"""
    )
    assert hosting.ask(name) == "[['numpy', 'sklearn'], []]"


def test_a_container_that_does_not_answer_its_ping_fails_the_endpoint(hosting: Endpoints):
    name = hosting.create(hosting.config(hosting.container(source="def model_fn(folder): raise ValueError('bad')")))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "AllTraffic did not pass the ping health check" in described["FailureReason"]
    assert "ClientError: bad" in described["FailureReason"]
    with pytest.raises(ClientError, match="not found"):
        hosting.ask(name)
    with pytest.raises(ClientError, match="while its status is Failed"):
        hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=hosting.config(hosting.container()))


@pytest.mark.parametrize(
    ("action", "resource", "reason"),
    [
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", "Could not access model data"),
        ("ecr:GetAuthorizationToken", "*", "Could not pull image"),
        ("ecr:BatchCheckLayerAvailability", REPOSITORY, "Could not pull image"),
        ("ecr:GetDownloadUrlForLayer", REPOSITORY, "Could not pull image"),
        ("ecr:BatchGetImage", REPOSITORY, "Could not pull image"),
    ],
)
def test_a_role_that_lacks_a_right_fails_the_endpoint(hosting: Endpoints, action: str, resource: str, reason: str):
    grants = {
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"),
        ("ecr:GetAuthorizationToken", "*"),
        *(
            (f"ecr:{name}", REPOSITORY)
            for name in ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")
        ),
    }
    role = make_role(hosting.cloud, "Without" + action[4:], SAGEMAKER, *(grants - {(action, resource)}))
    described = hosting.settled(hosting.create(hosting.config(hosting.container(), role=role)))
    assert described["EndpointStatus"] == "Failed"
    assert reason in described["FailureReason"]
    assert action in described["FailureReason"] or action == "s3:GetObject"


@pytest.mark.parametrize("missing", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_without_the_right_to_its_log_an_endpoint_serves_and_the_lines_are_lost(hosting: Endpoints, missing: str):
    grants = {("s3:*", "*"), ("ecr:*", "*"), ("logs:CreateLogStream", "*"), ("logs:PutLogEvents", "*")}
    role = make_role(hosting.cloud, "Without" + missing[5:], SAGEMAKER, *(grants - {(missing, "*")}))
    name = hosting.create(hosting.config(hosting.container(), role=role))
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    assert logged(hosting.cloud, f"/aws/sagemaker/Endpoints/{name}") == []
    assert missing in {call.check.action for call in hosting.cloud.journal.denied() if call.principal in role}


def test_an_image_that_the_container_here_does_not_stand_for_is_refused(hosting: Endpoints):
    other = IMAGE.replace(runtimes.CONTAINER_VERSION, "1.2-1")
    described = hosting.settled(hosting.create(hosting.config(hosting.container(image=other))))
    assert described["EndpointStatus"] == "Failed"
    assert f"not emulated: image {other}" in described["FailureReason"]


def test_an_archive_that_is_none_fails_the_endpoint(hosting: Endpoints):
    container = hosting.container()
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    hosting.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"not an archive")
    described = hosting.settled(hosting.create(hosting.config(container)))
    assert "Failed to extract model data archive" in described["FailureReason"]


# --- updates


def test_clients_that_call_during_an_update_never_fail_and_end_up_at_the_new_model(hosting: Endpoints):
    name = hosting.in_service("old")
    old_pid = int(hosting.ask(name).split()[-1])
    answers: list[str] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                answers.append(hosting.ask(name).split()[0])
            except ClientError as error:
                failures.append(error)

    clients = [threading.Thread(target=keep_asking) for _ in range(3)]
    for client in clients:
        client.start()
    eventually(lambda: len(answers) > 5)
    config = hosting.config(hosting.container("new"))
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    assert hosting.settled(name)["EndpointConfigName"] == config
    seen = len(answers)
    eventually(lambda: len(answers) > seen + 5)
    stop.set()
    for client in clients:
        client.join(20)
    assert failures == []
    assert answers[0] == "old"
    assert answers[-1] == "new"
    eventually(lambda: not _runs(old_pid))
    eventually(lambda: "asked" in logged(hosting.cloud, f"/aws/sagemaker/Endpoints/{name}"))


SLOW = """
import pathlib, time
def model_fn(folder): return 1
def transform_fn(model, data, content_type, accept):
    if data:
        begun = pathlib.Path(data.decode())
        begun.touch()
        while not begun.with_name("go").exists():
            time.sleep(0.01)
    return "finished by the old one", "text/plain"
"""


def test_what_the_old_container_has_begun_it_finishes(hosting: Endpoints, tmp_path: Path):
    name = hosting.in_service(source=SLOW)
    answers: list[str] = []
    begun = tmp_path / "begun"
    client = threading.Thread(target=lambda: answers.append(hosting.ask(name, str(begun).encode())))
    client.start()
    eventually(begun.exists)
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=hosting.config(hosting.container("new")))
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    assert hosting.ask(name).startswith("new")
    assert answers == []
    (tmp_path / "go").touch()
    client.join(20)
    assert answers == ["finished by the old one"]


def test_an_endpoint_takes_one_update_at_a_time_and_a_failed_one_rolls_back(hosting: Endpoints):
    config = hosting.config(hosting.container("old"))
    broken = hosting.config(hosting.container(source="import absent"))
    name = hosting.create(config)
    for status in ("Creating", "Updating"):
        with pytest.raises(ClientError, match=f"ValidationException.*while its status is {status}"):
            hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
        if status == "Creating":
            hosting.settled(name)
            hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    described = hosting.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", config)
    assert "ended with exit status 1" in described["FailureReason"]
    assert hosting.ask(name).startswith("old")
    shown = [what.partition(":")[0] for where, what in hosting.cloud.progress.lines if where == name]  # type: ignore[attr-defined]
    assert shown == ["Creating", "InService", "Updating", "RollingBack", "InService"]


# --- failing in service


def test_an_endpoint_says_that_its_container_died(hosting: Endpoints):
    name = hosting.in_service()
    os.kill(int(hosting.ask(name).split()[-1]), signal.SIGKILL)
    described = eventually(
        lambda: (
            (found := hosting.sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Failed" and found
        )
    )
    assert described["FailureReason"] == "The container ended with exit status -9."
    with pytest.raises(ClientError, match="The container ended with exit status -9"):
        hosting.ask(name)


REFUSING = """
from werkzeug.wrappers import Response
def model_fn(folder): return 1
def transform_fn(model, data, content_type, accept):
    if data == b"fault":
        raise RuntimeError("told to")
    return Response("no such column", status=415)
"""


@pytest.fixture(scope="module")
def refusing(hosting: Endpoints) -> str:
    return hosting.in_service(source=REFUSING)


@pytest.mark.parametrize(("body", "status", "side"), [(b"fault", 500, "server"), (b"x", 415, "client")])
def test_what_the_container_refuses_is_a_model_error_with_its_status(
    hosting: Endpoints, refusing: str, body: bytes, status: int, side: str
):
    name = refusing
    with pytest.raises(ClientError) as caught:
        hosting.ask(name, body)
    response: dict[str, Any] = caught.value.response  # type: ignore[assignment]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == status
    assert f"Received {side} error ({status}) from AllTraffic" in response["Error"]["Message"]
    if status == 415:
        assert response["OriginalMessage"] == "no such column"
    else:
        # A container's lines reach the log in their own time.
        assert eventually(
            lambda: any("told to" in line for line in logged(hosting.cloud, f"/aws/sagemaker/Endpoints/{name}"))
        )


def test_a_body_of_more_than_6_mib_is_refused(hosting: Endpoints):
    with pytest.raises(ClientError, match="length less than or equal to 6291456"):
        hosting.ask("any", b"x" * (6 * 1024 * 1024 + 1))


# --- names


def test_names_are_unique_whatever_their_case_and_unknown_ones_are_refused(hosting: Endpoints):
    config = hosting.config(hosting.container())
    name = hosting.create(config)
    with pytest.raises(ClientError, match=r"ValidationException.*Cannot create already existing endpoint"):
        hosting.sagemaker.create_endpoint(EndpointName=name.upper(), EndpointConfigName=config)
    with pytest.raises(ClientError, match='ValidationException.*Could not find endpoint "arn:aws:sagemaker'):
        hosting.sagemaker.describe_endpoint(EndpointName="absent")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        hosting.sagemaker.create_endpoint(EndpointName="other", EndpointConfigName="absent")
    with pytest.raises(ClientError, match=r"ValidationError.*Endpoint absent of account 123456789012 not found"):
        hosting.ask("absent")
    hosting.settled(name)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="absent")
    assert hosting.settled(name)["EndpointStatus"] == "InService"


def test_endpoints_are_listed_and_a_deleted_one_is_gone_with_its_container(hosting: Endpoints):
    name = hosting.in_service()
    pid = int(hosting.ask(name).split()[-1])

    def listed(**filters: str) -> list[str]:
        found = hosting.sagemaker.list_endpoints(NameContains=name, **filters)["Endpoints"]
        return [endpoint["EndpointName"] for endpoint in found]

    assert listed(StatusEquals="InService") == [name]
    assert listed(StatusEquals="Failed") == []
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    eventually(lambda: listed() == [])
    assert not _runs(pid)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        hosting.sagemaker.delete_endpoint(EndpointName=name)


def test_closing_the_host_ends_every_container_and_does_not_wait_for_the_one_ahead(hosting: Endpoints):
    name = hosting.in_service()
    pid = int(hosting.ask(name).split()[-1])
    hosting.host.warm_up()
    started = time.monotonic()
    hosting.host.close()
    assert not _runs(pid)
    assert time.monotonic() - started < 5


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
