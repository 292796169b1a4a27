"""The champion: found, opened as the container opens it, and measured on the rows that judge the new model."""

import dataclasses
import io
import json
import pickle
import tarfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from sklearn.metrics import accuracy_score, roc_auc_score

from ml import champion, contract, evidence, gate, packaging, storage, training, usecases
from ml.evaluation.champion import Champion
from ml.synthetic import numeric_table
from ml.table import Table, read_table

pytestmark = pytest.mark.slow

STRONG, WEAK = {"model__n_estimators": 30}, {"model__n_estimators": 2, "model__max_depth": 2}
ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ChurnPredictionModels/3"


def fit(table: Table, use_case: str, **parameters: Any) -> training.Trained:
    return training.train(table, lambda table: usecases.load(use_case).build(table).set_params(**parameters))


def serving(table: Table, trained: training.Trained, use_case: str = "churn") -> Champion:
    body = packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=use_case).body
    return of_archive(body)


def of_archive(body: bytes) -> Champion:
    return Champion(model_package_arn=ARN, version=3, archive_sha256=storage.sha256(body), archive=body, reason="")


def compared(table: Table, trained: training.Trained, rival: Champion | None, use_case: str = "churn") -> Any:
    return evidence.gather(table, trained, use_case=use_case, confidence=0.95, champion=rival)


def judged(found: Any, limits: dict[str, float], margin: float, basis: str) -> gate.Verdict:
    rule = gate.Rule(basis=basis, confidence=0.95, champion_margin=margin)
    return gate.judge_document(found.document, limits, rule)


BASES = (contract.POINT, contract.BOUND)


@pytest.fixture(scope="module")
def churn() -> SimpleNamespace:
    """A strong and a weak model of the first 1600 customers, each measured beside the other."""
    whole = usecases.load("churn").synthetic()
    table = dataclasses.replace(whole, rows=whole.rows[:1600], target=whole.target[:1600])
    strong, weak = fit(table, "churn", **STRONG), fit(table, "churn", **WEAK)
    return SimpleNamespace(
        table=table,
        strong=strong,
        weak=weak,
        challenged=compared(table, weak, serving(table, strong)),
        succeeded=compared(table, strong, serving(table, weak)),
    )


@pytest.fixture(scope="module")
def small() -> SimpleNamespace:
    """A model of few rows and columns, for what is about the road and not the model."""
    rng = np.random.default_rng(10)
    rows = rng.normal(size=(200, 3))
    table = numeric_table("churn", rows, rows[:, 0] + rng.normal(size=200) > 0, source="made up")
    return SimpleNamespace(table=table, trained=fit(table, "churn", model__n_estimators=5))


# --- end to end, with real models


def test_a_truly_better_champion_blocks_a_challenger(churn: SimpleNamespace) -> None:
    found = churn.challenged
    limits = {"accuracy": 0.5, "auc": 0.5, "log_loss": 3.0}
    for basis in BASES:
        verdict = judged(found, limits, 0, basis)
        assert [line.passed for line in verdict.lines] == [True, True, True, False, False, False], verdict.summary
    assert "worse than the champion's 0." in verdict.summary
    assert "(version 3" in verdict.summary
    assert judged(found, limits, 3, contract.BOUND).approved


def test_a_truly_worse_champion_does_not(churn: SimpleNamespace) -> None:
    found = churn.succeeded
    for basis in BASES:
        verdict = judged(found, {"accuracy": 0.5, "auc": 0.5, "log_loss": 3.0, "average_precision": 0.5}, 0, basis)
        judgeable = [line for line in verdict.lines if line.metric != "average_precision"]
        assert all(line.passed for line in judgeable), verdict.summary
        # It has no interval: by bound it never passes, which the settings say beforehand.
        assert verdict.approved is (basis == contract.POINT)


def test_a_champions_metrics_are_its_own_answers_to_the_same_rows(churn: SimpleNamespace) -> None:
    found = churn.succeeded
    entry = json.loads(found.document)["champion"]
    rows, target = churn.table.rows[churn.weak.held_out], churn.table.target[churn.weak.held_out]
    scores = churn.weak.model.predict_proba(rows)[:, 1]
    assert entry["metrics"]["accuracy"] == accuracy_score(target, churn.weak.model.predict(rows))
    assert entry["metrics"]["auc"] == roc_auc_score(target, scores)
    difference = entry["differences"]["accuracy"]
    assert difference["value"] == pytest.approx(found.metrics["accuracy"] - entry["metrics"]["accuracy"])
    assert difference["lower"] < difference["value"] < difference["upper"]
    assert entry["differences"]["recall_at_precision"]["lower"] == "NaN"
    assert (entry["version"], entry["scored"], entry["same_table"], entry["reason"]) == (3, True, True, "")
    assert f"champion version 3 on these rows: accuracy {entry['metrics']['accuracy']:.4f}" in found.summary


def test_an_equal_champion_passes_by_point_and_is_no_proof_by_bound(churn: SimpleNamespace) -> None:
    found = compared(churn.table, churn.strong, serving(churn.table, churn.strong))
    assert judged(found, {"accuracy": 0.5}, 0, contract.POINT).approved
    assert not judged(found, {"accuracy": 0.5}, 0, contract.BOUND).approved
    # The log loss of one row may be 36: it does not count for two models that answer alike.
    assert judged(found, {"accuracy": 0.5, "auc": 0.5, "log_loss": 3.0}, 1e-6, contract.BOUND).approved


def test_the_comparison_gives_the_same_bytes(churn: SimpleNamespace) -> None:
    assert compared(churn.table, churn.strong, serving(churn.table, churn.weak)) == churn.succeeded


def test_a_regression_is_compared_in_its_own_unit() -> None:
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(1200, 4))
    table = numeric_table("maintenance", rows, rows @ [9, 5, 0, 0] + rng.normal(size=1200), source="made up")
    good = fit(table, "maintenance", model__n_estimators=20)
    poor = fit(table, "maintenance", model__n_estimators=2, model__max_depth=1)
    limits = {"rmse": 100.0, "r2": 0.0}
    for basis in BASES:
        blocked = judged(compared(table, poor, serving(table, good, "maintenance"), "maintenance"), limits, 0, basis)
        assert [line.passed for line in blocked.lines] == [True, True, False, False], blocked.summary
        better = judged(compared(table, good, serving(table, poor, "maintenance"), "maintenance"), limits, 0, basis)
        assert better.approved, better.summary


@pytest.mark.parametrize("rows", [400, 3000, 3004])
def test_an_equal_regression_passes_with_a_margin_and_is_no_proof_of_being_better(rows: int) -> None:
    rng = np.random.default_rng(8)
    features = rng.normal(size=(rows, 4))
    table = numeric_table("maintenance", features, features @ [9, 5, 0, 0] + rng.normal(size=rows), source="made up")
    model = fit(table, "maintenance", model__n_estimators=5)
    found = compared(table, model, serving(table, model, "maintenance"), "maintenance")
    limits = {"rmse": 100.0, "mae": 100.0, "r2": 0.0}
    assert judged(found, limits, 0, contract.POINT).approved
    assert judged(found, limits, 1e-6, contract.BOUND).approved
    refused = judged(found, limits, 0, contract.BOUND)
    assert [line.passed for line in refused.lines] == [True] * 3 + [False] * 3
    assert "may be no better than the champion's" in refused.summary


def test_a_clustering_is_compared_by_its_silhouettes_on_the_same_rows() -> None:
    rng = np.random.default_rng(9)
    rows = np.vstack([rng.normal(place, 1, (200, 2)) for place in (0, 9, 18)])
    table = numeric_table("segmentation", rows, None, source="made up")
    good = fit(table, "segmentation", model__n_clusters=3)
    poor = fit(table, "segmentation", model__n_clusters=8)
    rival = serving(table, good, "segmentation")
    for basis in BASES:
        blocked = judged(compared(table, poor, rival, "segmentation"), {"silhouette": 0.0}, 0, basis)
        assert [line.passed for line in blocked.lines] == [True, False], blocked.summary
        rival_of_good = serving(table, poor, "segmentation")
        better = judged(compared(table, good, rival_of_good, "segmentation"), {"silhouette": 0.0}, 0, basis)
        assert better.approved, better.summary


def test_an_equal_clustering_passes_with_a_margin_and_is_no_proof_of_being_better() -> None:
    rng = np.random.default_rng(9)
    rows = np.vstack([rng.normal(place, 1, (200, 2)) for place in (0, 9, 18)])
    table = numeric_table("segmentation", rows, None, source="made up")
    model = fit(table, "segmentation", model__n_clusters=3)
    found = compared(table, model, serving(table, model, "segmentation"), "segmentation")
    assert judged(found, {"silhouette": 0.0}, 1e-6, contract.BOUND).approved
    assert not judged(found, {"silhouette": 0.0}, 0, contract.BOUND).approved


def test_text_columns_and_missing_values_reach_the_champion(mixed: SimpleNamespace) -> None:
    found = compared(mixed.table, mixed.trained, serving(mixed.table, mixed.trained))
    entry = json.loads(found.document)["champion"]
    assert entry["scored"]
    assert entry["metrics"]["accuracy"] == found.metrics["accuracy"]


def test_a_champion_that_knows_fewer_columns_in_another_order_is_asked_for_those(
    mixed: SimpleNamespace, mixed_csv: bytes
) -> None:
    lines = [line.rpartition(",") for line in mixed_csv.decode().splitlines()]
    fields = [line.split(",") for line in mixed_csv.decode().splitlines()]
    turned = "\n".join(f"{part[-2]},{part[1]},{last}" for part, (_, _, last) in zip(fields, lines, strict=True))
    table = read_table(turned.encode(), name="turned.csv", target="churned")
    assert [column.name for column in table.columns] == ["spend", "months"]
    trained = fit(table, "churn", **STRONG)
    entry = json.loads(compared(mixed.table, mixed.trained, serving(table, trained)).document)["champion"]
    rows = mixed.table.rows[mixed.trained.held_out][:, [4, 1]].astype(float)
    expected = accuracy_score(mixed.table.target[mixed.trained.held_out], trained.model.predict(rows))
    assert entry["scored"], entry["reason"]
    assert entry["metrics"]["accuracy"] == expected
    assert entry["same_table"] is False


def test_who_may_have_seen_the_rows_is_said_to_the_approver(mixed: SimpleNamespace, mixed_csv: bytes) -> None:
    older = read_table(mixed_csv + b"C9,1,basic,Graz,5,no\n", name="older.csv", target="churned")
    found = compared(mixed.table, mixed.trained, serving(older, fit(older, "churn", **STRONG)))
    assert "champion version 3 on these rows, some of which it may have been trained on: accuracy" in found.summary


# --- what cannot be scored


def repacked(champion: Champion, **members: bytes) -> Champion:
    """Return the champion with members of its archive replaced."""
    with tarfile.open(fileobj=io.BytesIO(champion.archive)) as tar:
        files = {info.name: tar.extractfile(info).read() for info in tar.getmembers()}
    names = {"metadata": contract.METADATA_FILE, "model": contract.MODEL_FILE}
    return of_archive(packaging.tar_gz(files | {names[key]: body for key, body in members.items()}))


def described(champion: Champion, **changes: Any) -> Champion:
    with tarfile.open(fileobj=io.BytesIO(champion.archive)) as tar:
        metadata = json.loads(tar.extractfile(contract.METADATA_FILE).read())
    return repacked(champion, metadata=json.dumps(metadata | changes).encode())


class Harmful:
    def __reduce__(self) -> Any:
        return print, ("executed",)


def _broken(champion: Champion) -> dict[str, tuple[Champion, str]]:
    more = [{"name": "age", "kind": "numeric", "missing": False}]
    text = [{"name": "feature_00", "kind": "categorical", "missing": False}]
    libraries = {"scikit-learn": "1.8.0"}
    return {
        "columns": (described(champion, columns=more), "it needs columns that the table lacks"),
        "kind": (described(champion, columns=text), "or has as another kind: 'feature_00'"),
        "width": (described(champion, columns=[]), "it cannot answer these rows: ValueError"),
        "task": (described(champion, task="regression"), "it answers another question: regression of 'churned'"),
        "target": (described(champion, target="left"), "it answers another question: classification of 'left'"),
        "classes": (described(champion, classes=[0, 1, 2]), "it knows the classes [0, 1, 2], not [0, 1]"),
        "library": (described(champion, libraries=libraries), "it was made with scikit-learn 1.8.0, and"),
        "pickle": (repacked(champion, model=pickle.dumps(Harmful())), "ForbiddenGlobalError: the model's pickle names"),
        "no-model": (of_archive(packaging.tar_gz({})), "its archive cannot be opened: KeyError"),
        "no-archive": (of_archive(b"no archive"), "its archive cannot be opened: ReadError"),
        "not-there": (
            dataclasses.replace(champion, archive=b"", reason="its archive cannot be read: NoSuchKey"),
            "its archive cannot be read: NoSuchKey",
        ),
    }  # fmt: skip


FAULTS = "columns kind width task target classes library pickle no-model no-archive not-there"


@pytest.mark.parametrize("fault", FAULTS.split())
def test_a_champion_that_cannot_be_scored_stops_no_build_and_passes_no_gate(
    fault: str, small: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    rival, reason = _broken(serving(small.table, small.trained))[fault]
    found = compared(small.table, small.trained, rival)
    entry = json.loads(found.document)["champion"]
    assert (entry["scored"], entry["metrics"], entry["differences"]) == (False, {}, {})
    assert reason in entry["reason"]
    assert f"champion version 3 was not compared: {entry['reason']}" in found.summary
    assert "executed" not in capsys.readouterr().out
    assert judged(found, {"accuracy": 0.5}, 1, contract.POINT).approved is False
    assert gate.judge_document(found.document, {"accuracy": 0.5}, gate.POINT_RULE).approved


# --- who serves


class Account:
    """SageMaker and S3 with one endpoint, whose parts a test may take away."""

    def __init__(self, aws: SimpleNamespace, body: bytes, client_error: Any) -> None:
        self.aws, self.client_error = aws, client_error
        self.key = f"models/{storage.sha256(body)}/model.tar.gz"
        self.status, self.package, self.absent = "InService", "", ""
        self.digest = storage.sha256(body)
        aws.s3.put_object(Bucket=aws.bucket, Key=self.key, Body=body)
        self.uri = f"s3://{aws.bucket}/{self.key}"
        self.package = ARN

    def _look(self, what: str, found: dict[str, Any]) -> dict[str, Any]:
        if self.absent == what:
            said = "does not exist" if what == "DescribeModelPackage" else 'Could not find "it".'
            raise self.client_error("ValidationException", said, what)
        return found

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return self._look("DescribeEndpoint", {"EndpointStatus": self.status, "EndpointConfigName": "c"})

    def describe_endpoint_config(self, **_: Any) -> dict[str, Any]:
        variant = {"ModelName": "m", "VariantName": "AllTraffic"}
        return self._look("DescribeEndpointConfig", {"CreationTime": 0, "ProductionVariants": [variant]})

    def describe_model(self, **_: Any) -> dict[str, Any]:
        return self._look("DescribeModel", {"Containers": [{"ModelPackageName": self.package}]})

    def describe_model_package(self, **_: Any) -> dict[str, Any]:
        container = {"ModelDataUrl": self.uri}
        properties = {contract.METADATA_MODEL_SHA256: self.digest}
        return self._look(
            "DescribeModelPackage",
            {"InferenceSpecification": {"Containers": [container]}, "CustomerMetadataProperties": properties},
        )

    def find(self) -> Champion | None:
        sagemaker: Any = self
        return champion.find_champion(
            sagemaker, self.aws.s3, endpoint_name="mle-004-churn", group="ChurnPredictionModels", bucket=self.aws.bucket
        )


@pytest.fixture
def account(aws: SimpleNamespace, client_error: Any) -> Account:
    return Account(aws, b"the archive", client_error)


def test_what_serves_is_found_with_its_archive(account: Account) -> None:
    digest = storage.sha256(b"the archive")
    expected = Champion(
        model_package_arn=ARN,
        version=3,
        archive_sha256=digest,
        archive=b"the archive",
        reason="",
        archive_uri=f"s3://{account.aws.bucket}/models/{digest}/model.tar.gz",
    )
    assert account.find() == expected
    account.status = "Updating"
    assert account.find() == expected


@pytest.mark.parametrize(("status", "absent"), [("InService", "DescribeEndpoint"), ("Failed", ""), ("Deleting", "")])
def test_where_nothing_serves_there_is_no_champion(account: Account, status: str, absent: str) -> None:
    account.status, account.absent = status, absent
    assert account.find() is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"absent": "DescribeEndpointConfig"}, "its configuration was removed"),
        ({"absent": "DescribeModel"}, "its model was removed, or is of no package"),
        ({"package": ""}, "its model was removed, or is of no package"),
        ({"absent": "DescribeModelPackage"}, "it is no longer in the registry"),
        ({"package": ARN.replace("Churn", "Fraud")}, "it is a version of FraudPredictionModels, not of Churn"),
        ({"uri": "s3://elsewhere/models/model.tar.gz"}, "its archive is not in the model bucket"),
        ({"uri": "s3://models-of-this-test/models/gone/model.tar.gz"}, "its archive cannot be read: NoSuchKey"),
        ({"digest": "0" * 64}, "its archive is not the one that was registered"),
        ({"digest": ""}, "its archive is not the one that was registered"),
    ],
)
def test_a_champion_without_a_trusted_archive_says_why(account: Account, change: dict[str, str], reason: str) -> None:
    for name, value in change.items():
        setattr(account, name, value)
    found = account.find()
    assert found is not None
    assert found.reason.startswith(reason)
    assert found.archive == b""


def test_an_archive_that_s3_refuses_may_be_one_that_is_gone(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The train role may not list the bucket; S3 answers such a caller AccessDenied for an absent object."""

    def get_object(**_: Any) -> Any:
        raise account.client_error(code)

    monkeypatch.setattr(account.aws.s3, "get_object", get_object)
    code = "AccessDenied"
    found = account.find()
    assert found is not None
    assert (found.reason, found.version) == ("its archive cannot be read: AccessDenied", 3)
    code = "SlowDown"
    with pytest.raises(ClientError, match="SlowDown"):
        account.find()


def test_a_fault_of_aws_is_no_answer(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(**_: Any) -> Any:
        raise account.client_error("ThrottlingException")

    for operation in ("describe_endpoint", "describe_endpoint_config", "describe_model", "describe_model_package"):
        with monkeypatch.context() as patched, pytest.raises(Exception, match="ThrottlingException"):
            patched.setattr(account, operation, throttled)
            account.find()
