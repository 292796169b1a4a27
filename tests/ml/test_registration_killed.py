"""A train build that is killed at any step: the same execution, run again, ends with one version and its ARN file."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml import create_model_package, registry, training_run, usecases
from ml.build_environment import BuildEnvironment
from ml.errors import RoadError
from tests.ml.hosting_account import GROUP_ARN, Killed
from tests.ml.test_create_model_package import ENVIRONMENT

pytestmark = pytest.mark.slow

CHECKS = {
    "put_object": ("s3", "PutObject"),
    "get_object": ("s3", "GetObject"),
    "create_model_package": ("sagemaker", "CreateModelPackage"),
    "describe_model_package": ("sagemaker", "DescribeModelPackage"),
    "describe_endpoint": ("sagemaker", "DescribeEndpoint"),
}


class Account:
    """A bucket and a registry that may end the build before or after any step; `steps` names those that were taken."""

    def __init__(self, check: Callable[[str, str, dict[str, Any]], None]) -> None:
        self.meta = SimpleNamespace(region_name="us-east-1")
        self.objects: dict[str, bytes] = {}
        self.packages: dict[str, dict[str, Any]] = {}
        self.looks = 0
        self.steps: list[str] = []
        self.kill_before: int | None = None
        self.kill_after: int | None = None
        self._check = check

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation not in CHECKS:
            raise AttributeError(operation)

        def call(**parameters: Any) -> Any:
            self._check(*CHECKS[operation], parameters)
            return self.step(operation, lambda: getattr(self, f"_{operation}")(**parameters))

        return call

    def step(self, name: str, act: Callable[[], Any]) -> Any:
        """Act, unless the build is killed right before; it may also be killed right after."""
        number = len(self.steps)
        self.steps.append(name)
        if number == self.kill_before:
            raise Killed
        try:
            return act()
        finally:
            if number == self.kill_after:
                raise Killed

    def _put_object(self, *, Key: str, Body: bytes, IfNoneMatch: str, **_: Any) -> None:
        assert IfNoneMatch == "*"
        if Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "taken"}}, "PutObject")
        self.objects[Key] = Body

    def _get_object(self, *, Key: str, **_: Any) -> Any:
        return {"Body": io.BytesIO(self.objects[Key])}

    def _create_model_package(self, *, ClientToken: str, **request: Any) -> Any:
        arn = f"{GROUP_ARN}/{len(self.packages) + 1}"
        created = datetime(2026, 11, 24, 5, 0, len(self.packages), tzinfo=UTC)
        package = self.packages.setdefault(ClientToken, {"ModelPackageArn": arn, "CreationTime": created, **request})
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _describe_endpoint(self, *, EndpointName: str) -> Any:
        raise ClientError(
            {"Error": {"Code": "ValidationException", "Message": f"Could not find endpoint {EndpointName!r}."}},
            "DescribeEndpoint",
        )

    def _describe_model_package(self, *, ModelPackageName: str) -> Any:
        """Tell that the package is complete at the second look."""
        self.looks += 1
        [package] = [each for each in self.packages.values() if each["ModelPackageArn"] == ModelPackageName]
        return {**package, "ModelPackageStatus": "Completed" if self.looks % 2 == 0 else "InProgress"}


@pytest.fixture
def build(
    monkeypatch: pytest.MonkeyPatch, check_request: Any, made_once: Callable[..., Any]
) -> Callable[[Account, Path], str]:
    """Return the whole stage of one execution; the model itself is made once, as it would come out the same."""
    monkeypatch.setattr(training_run, "make", made_once)
    monkeypatch.setattr(registry.time, "sleep", lambda _seconds: None)
    write_text = Path.write_text

    def run(account: Account, out: Path) -> str:
        def _writing(path: Path, *args: Any, **kwargs: Any) -> Any:
            return account.step(path.name, lambda: write_text(path, *args, **kwargs))

        monkeypatch.setattr(Path, "write_text", _writing)
        environment = BuildEnvironment.read(ENVIRONMENT)
        return create_model_package.create_model_package(environment, s3=account, sagemaker=account, out=out)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="module")
def made_once() -> Callable[..., Any]:
    made: list[Any] = []
    really = training_run.make

    def make(*arguments: Any) -> Any:
        if not made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(usecases.load("churn"), "HYPERPARAMETERS", {"n_estimators": 5})
                made.append(really(*arguments))
        return made[0]

    return make


def test_a_build_that_nobody_kills_waits_until_the_package_is_complete(
    build: Any, check_request: Any, tmp_path: Path
) -> None:
    account = Account(check_request)
    arn = build(account, tmp_path)

    assert account.steps[-5:] == [
        "describe_model_package", "put_object", "model_report_url.txt", "model_summary.txt", "model_package_arn.txt"
    ]  # fmt: skip
    *stored, recorded = (number for number, step in enumerate(account.steps) if step == "put_object")
    assert max(stored) < account.steps.index("create_model_package") < recorded, (
        "what is registered lies in the bucket already, and then a record of what the registry holds"
    )
    [record] = [json.loads(body) for key, body in account.objects.items() if key.startswith("registrations/")]
    assert (record["model_package_arn"], record["execution"]) == (arn, ENVIRONMENT["PIPELINE_EXECUTION_ID"])
    assert (tmp_path / "model_package_arn.txt").read_text() == arn + "\n"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_build_that_is_killed_at_any_step_is_finished_by_the_next(
    build: Any, check_request: Any, tmp_path: Path, after: bool
) -> None:
    untouched = Account(check_request)
    (first := tmp_path / "untouched").mkdir()
    arn = build(untouched, first)
    assert len(untouched.steps) >= 7
    for number, step in enumerate(untouched.steps):
        account = Account(check_request)
        account.kill_after, account.kill_before = (number, None) if after else (None, number)
        (out := tmp_path / f"{number}-killed").mkdir()
        with pytest.raises(Killed):
            build(account, out)
        written = (out / "model_package_arn.txt").exists()
        assert written == (after and step == "model_package_arn.txt"), f"{step}: an ARN file says that all is done"

        account.kill_after = account.kill_before = None
        # CodeBuild starts a build that is tried again in an empty directory.
        (again := tmp_path / f"{number}-again").mkdir()
        assert build(account, again) == arn, step
        assert (again / "model_package_arn.txt").read_text() == arn + "\n", step
        assert len(account.packages) == 1, step
        assert account.objects == untouched.objects, step


def test_a_version_that_was_changed_while_its_build_lay_dead_gets_no_record(
    build: Any, check_request: Any, tmp_path: Path
) -> None:
    account = Account(check_request)
    build(untouched := Account(check_request), tmp_path)
    account.kill_after = untouched.steps.index("create_model_package")
    with pytest.raises(Killed):
        build(account, tmp_path)
    account.kill_after = None
    [package] = account.packages.values()
    [container] = package["InferenceSpecification"]["Containers"]
    container["Environment"] = {**container["Environment"], "PIP_INDEX_URL": "https://elsewhere"}
    (again := tmp_path / "again").mkdir()
    with pytest.raises(RoadError, match="is not what this build registered: .*PIP_INDEX_URL is 'https://elsewhere'"):
        build(account, again)

    assert not [key for key in account.objects if key.startswith("registrations/")]
    assert list(again.iterdir()) == []


def test_another_execution_registers_a_version_of_its_own_and_stores_only_its_report_and_record(
    build: Any, check_request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(check_request)
    first = build(account, tmp_path)
    objects = set(account.objects)
    monkeypatch.setitem(ENVIRONMENT, "PIPELINE_EXECUTION_ID", "another")

    assert build(account, tmp_path) != first
    assert len(account.packages) == 2
    # The page names its execution.
    assert sorted(key.partition("/")[0] for key in account.objects.keys() - objects) == ["registrations", "reports"]
