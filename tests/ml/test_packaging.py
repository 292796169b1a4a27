"""The archive: the same bytes from the same model, and in them what the container and the deploy stage need."""

import gzip
import hashlib
import json
import struct
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from ml import contract, inference, model_archive, packaging, proof, runtimes, serving_image, training, usecases
from ml.errors import RoadError
from ml.packaging import Archive
from ml.synthetic import numeric_table


def test_packing_twice_gives_the_same_bytes(mixed: SimpleNamespace) -> None:
    again = packaging.pack(mixed.trained.model, table=mixed.table, held_out=mixed.trained.held_out, use_case="churn")

    assert again == mixed.archive
    assert again.sha256 == hashlib.sha256(again.body).hexdigest()


def test_members_are_the_contracts_and_carry_nothing_of_the_machine(mixed: SimpleNamespace) -> None:
    assert [info.name for info in mixed.infos] == [
        contract.MODEL_FILE, *contract.SERVING_FILES, contract.METADATA_FILE, contract.GOLDEN_FILE,
        contract.SBOM_FILE,
    ]  # fmt: skip
    for info in mixed.infos:
        assert (info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, "", "", 0o644)
        assert info.isfile()
        # Earlier times cannot be put into the wheel that the container makes of the code at start.
        assert info.mtime == 315532800


def test_the_gzip_header_holds_no_time_and_no_platform(mixed: SimpleNamespace) -> None:
    magic, method, flags, time, _, system = struct.unpack("<HBBIBB", mixed.archive.body[:10])

    assert (magic, method, flags, time, system) == (0x8B1F, 8, 0, 0, 255)
    assert len(gzip.decompress(mixed.archive.body)) > len(mixed.archive.body)


def test_the_serving_code_is_packed_as_it_is(mixed: SimpleNamespace, source_root: Path) -> None:
    for member in contract.SERVING_FILES:
        assert mixed.files[member] == (source_root / "ml" / Path(member).name).read_bytes()


def test_the_serving_code_looks_for_the_files_that_are_packed() -> None:
    assert inference.MODEL_FILE == contract.MODEL_FILE
    assert inference.METADATA_FILE == contract.METADATA_FILE
    assert serving_image.ENVIRONMENT["SAGEMAKER_PROGRAM"] == Path(contract.INFERENCE_FILE).name
    directory = Path(serving_image.ENVIRONMENT["SAGEMAKER_SUBMIT_DIRECTORY"])
    assert directory / "inference.py" == Path("/opt/ml/model") / contract.INFERENCE_FILE


def test_metadata_says_what_the_model_expects_and_what_made_it(mixed: SimpleNamespace) -> None:
    metadata = json.loads(mixed.files[contract.METADATA_FILE])

    assert metadata["columns"] == [
        {"name": "customer", "kind": "categorical", "missing": False},
        {"name": "months", "kind": "numeric", "missing": False},
        {"name": "plan", "kind": "categorical", "missing": False},
        {"name": "city", "kind": "categorical", "missing": True},
        {"name": "spend", "kind": "numeric", "missing": True},
    ]
    assert (metadata["use_case"], metadata["target"], metadata["classes"]) == ("churn", "churned", ["no", "yes"])
    assert metadata["data_sha256"] == mixed.table.sha256
    assert metadata["libraries"].keys() == runtimes.CONTAINER_LIBRARIES.keys()
    assert metadata["libraries"]["scikit-learn"] == runtimes.CONTAINER_LIBRARIES["scikit-learn"]


def test_golden_records_are_held_out_rows_with_the_serving_codes_answers(mixed: SimpleNamespace) -> None:
    golden = json.loads(mixed.files[contract.GOLDEN_FILE])
    first = mixed.table.rows[mixed.trained.held_out[0]]

    assert len(golden["instances"]) == len(golden["predictions"]) == 5
    assert golden["instances"][0][1:3] == first[1:3].tolist()
    request = json.dumps({"instances": golden["instances"]})
    status, body, _ = inference.answer(mixed.model, request, "application/json", "application/json")
    assert (status, json.loads(body)) == (200, {"predictions": golden["predictions"]})


def test_missing_values_of_golden_records_are_null(mixed: SimpleNamespace) -> None:
    row = mixed.table.rows[:1]
    golden = packaging.golden(mixed.model, row)

    assert golden["instances"][0][4] is None
    json.dumps(golden, allow_nan=False)


def test_a_model_directory_as_the_container_unpacks_it_can_be_loaded(mixed: SimpleNamespace, tmp_path: Path) -> None:
    for name, body in mixed.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    model = inference.model_fn(str(tmp_path))

    assert model.columns == mixed.model.columns
    assert model.classes == ("no", "yes")


def test_a_model_that_its_own_serving_code_refuses_is_not_packed(numeric: SimpleNamespace) -> None:
    with pytest.raises(AssertionError, match="refuses rows of its own training data"):
        packaging.golden(numeric.model, numeric.table.rows[:1, :3])


# --- what the deploy step would refuse


def packed(columns: int) -> Archive:
    """Return the archive of a small forest on a table with that many numbers in a row."""
    rows = np.random.default_rng(2).normal(size=(80, columns))
    names = [f"feature_{index}" for index in range(columns)]
    table = numeric_table("churn", rows, rows[:, 0] > 0, source="wide", names=names)
    trained = training.train(table, lambda table: usecases.load("churn").build(table).set_params(model__n_estimators=2))
    return packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case="churn")


@pytest.mark.parametrize(("columns", "records"), [(3, 5), (10_000, 4), (30_000, 1)])
@pytest.mark.slow
def test_wide_rows_are_fewer_golden_records_and_the_deploy_step_reads_them(columns: int, records: int) -> None:
    golden = proof.golden_records(packed(columns).body, "s3://b/k")
    assert [len(golden[key]) for key in ("instances", "predictions")] == [records, records]


@pytest.mark.parametrize(
    ("module", "limit", "says"),
    [
        (model_archive, "LARGEST_UNPACKED", "model.tar.gz: the archive has over 50 members or 100 bytes unpacked"),
        (proof, "LARGEST_GOLDEN_FILE", "no readable golden.json in the archive: it is longer than 100 bytes"),
    ],
)
def test_what_the_deploy_step_would_refuse_is_not_packed(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str, says: str
) -> None:
    monkeypatch.setattr(module, limit, 100)
    with pytest.raises(
        RoadError, match="^the deploy step would refuse what was packed; nothing was registered"
    ) as found:
        packed(3)
    assert says in str(found.value)
