"""Fakes and small trained models that several test files share. Nothing here sleeps or leaves this machine."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import numpy as np
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from moto import mock_aws
from moto.sagemaker.models import SageMakerModelBackend

from ml import contract, inference, packaging, training, usecases
from ml.table import Table, read_table

REGION = "us-east-1"
ACCOUNT = "123456789012"
GROUP = "ChurnPredictionModels"
BUCKET = "models-of-this-test"


@pytest.fixture(scope="session")
def clients() -> SimpleNamespace:
    """Made once, because making them takes longer than most tests; the emulator answers them while it is on."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
    return SimpleNamespace(s3=boto3.client("s3", **keys), sagemaker=boto3.client("sagemaker", **keys))


@pytest.fixture
def aws(clients: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """An emulated account with the model bucket and the package group."""
    for key, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # The emulator forgets what an update does not repeat; the service keeps it.
    update = SageMakerModelBackend.update_model_package

    def keeping_update(backend: Any, *args: Any, **kwargs: Any) -> str:
        package = backend.model_packages.get(kwargs.get("model_package_arn"))
        kept = package.customer_metadata_properties if package else None
        arn = update(backend, *args, **kwargs)
        if package and kwargs.get("customer_metadata_properties") is None:
            package.customer_metadata_properties = kept
        return arn

    monkeypatch.setattr(SageMakerModelBackend, "update_model_package", keeping_update)
    with mock_aws():
        s3, sagemaker = clients.s3, clients.sagemaker
        s3.create_bucket(Bucket=BUCKET)
        sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        yield SimpleNamespace(s3=s3, sagemaker=sagemaker, bucket=BUCKET, group=GROUP, account=ACCOUNT, region=REGION)


@pytest.fixture(scope="session")
def client_error() -> Callable[..., ClientError]:
    def make(code: str, message: str = "said AWS", operation: str = "Operation") -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": message}}, operation)

    return make


@pytest.fixture(scope="session")
def check_request() -> Callable[[str, str, dict[str, Any]], None]:
    """Hold a request against the service's own model, as boto3 does before it sends one."""
    session = botocore.session.get_session()

    def check(service: str, operation: str, parameters: dict[str, Any]) -> None:
        shape = session.get_service_model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        assert not report.has_errors(), report.generate_report()

    return check


@pytest.fixture(scope="session")
def mixed_csv() -> bytes:
    """240 customers: numbers, text and missing values; leaving depends on the plan and the months."""
    rng = np.random.default_rng(3)
    lines = ["customer,months,plan,city,spend,churned"]
    for n in range(240):
        months, plan = int(rng.integers(1, 60)), rng.choice(["basic", "plus", "pro, yearly"])
        leaves = "yes" if (months < 20) != (plan == "plus") else "no"
        city = rng.choice(["Graz", "Łódź", ""])
        spend = "" if n % 9 == 0 else f"{rng.normal(50, 9):.2f}"
        lines.append(f'C{n:04},{months},"{plan}",{city},{spend},{leaves}')
    return ("\n".join(lines) + "\n").encode()


def _quick_build(table: Table) -> Any:
    """The churn model with ten trees instead of a hundred: most tests are about the road, not the model."""
    return usecases.load("churn").build(table).set_params(model__n_estimators=10)


def _packed(table: Table) -> SimpleNamespace:
    trained = training.train(table, _quick_build)
    archive = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case="churn")
    with tarfile.open(fileobj=io.BytesIO(archive.body)) as tar:
        infos = tar.getmembers()
        files = {info.name: tar.extractfile(info).read() for info in infos}
    model = inference.load(files[contract.MODEL_FILE], json.loads(files[contract.METADATA_FILE]))
    return SimpleNamespace(
        table=table, build=_quick_build, trained=trained, archive=archive, files=files, infos=infos, model=model
    )


@pytest.fixture(scope="session")
def numeric() -> SimpleNamespace:
    """The default model: twenty numeric columns, nothing missing."""
    return _packed(usecases.load("churn").synthetic())


@pytest.fixture(scope="session")
def mixed(mixed_csv: bytes) -> SimpleNamespace:
    """A model of a real table: text columns and missing values."""
    return _packed(read_table(mixed_csv, name="customers.csv", target="churned"))


@pytest.fixture
def source_root() -> Path:
    return Path(__file__).resolve().parents[2]
