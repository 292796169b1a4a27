"""The same commit and data give the same archive: in a process of its own, with other seeds, threads and time zones."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from ml import packaging, training, usecases
from ml.table import read_table

def pack(name, table):
    use_case = usecases.load(name)
    if "n_estimators" in use_case.HYPERPARAMETERS:
        use_case.HYPERPARAMETERS = {**use_case.HYPERPARAMETERS, "n_estimators": 8}
    trained = training.train(table, use_case.build, getattr(use_case, "split", training.split))
    print(name, packaging.pack(trained.model, table=table, held_out=trained.held_out, use_case=name).sha256)

for name in ("churn", "fraud", "maintenance", "segmentation"):
    pack(name, usecases.load(name).synthetic())
pack("churn", read_table(sys.stdin.buffer.read(), name="customers.csv", target="churned"))
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def packed(table: bytes, root: Path, *, seed: str, threads: str, zone: str) -> list[str]:
    environment = {"PYTHONPATH": str(root), "PYTHONHASHSEED": seed, "TZ": zone, **dict.fromkeys(THREADS, threads)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=table, stdout=subprocess.PIPE, env=environment, timeout=240, check=True
    )
    return done.stdout.decode().splitlines()


@pytest.fixture(scope="module")
def first(mixed_csv: bytes) -> list[str]:
    return packed(mixed_csv, Path(__file__).resolve().parents[2], seed="1", threads="1", zone="UTC")


def test_every_use_case_packs_the_same_bytes_in_another_process(
    first: list[str], mixed_csv: bytes, source_root: Path
) -> None:
    again = packed(mixed_csv, source_root, seed="77", threads="4", zone="Asia/Tokyo")

    assert again == first
    assert len(set(first)) == 5
