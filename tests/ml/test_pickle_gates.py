"""A poisoned model is stopped at each of three places: before it is registered, before it is deployed, at serving.

Each gate is asked alone, as if the ones before it had been got around.
"""

import copy
import functools
import gzip
import importlib
import io
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ml import contract, inference, model_archive, packaging, safe_pickle, storage
from ml.deploy_model import DeployEnvironment, deploy_model
from ml.errors import RoadError
from ml.safe_pickle import ForbiddenGlobalError
from tests.ml.gadgets import GADGETS, Gadget, gadget, poisoned
from tests.ml.hosting_account import pauses
from tests.ml.test_deploy_model import ARN, BUILD, Cloud

pytestmark = pytest.mark.slow

EACH_GADGET = pytest.mark.parametrize("attack", GADGETS, ids=lambda attack: f"{attack[0]}.{attack[1]}")
URI = "s3://bucket/models/1/model.tar.gz"


class Trap:
    """Something in a model that pickles as a call."""

    def __init__(self, attack: Gadget) -> None:
        module, name, self.arguments = attack
        self.function = functools.reduce(getattr, name.split("."), importlib.import_module(module))

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.fixture(scope="module")
def poison(mixed: SimpleNamespace) -> Callable[[Gadget, Path], bytes]:
    def make(attack: Gadget, shown: Path) -> bytes:
        return poisoned(mixed.files[contract.MODEL_FILE], gadget(*attack, shown))

    return make


def test_the_poison_works_where_nobody_looks(poison: Any, mixed: SimpleNamespace, tmp_path: Path) -> None:
    model = pickle.loads(poison(("os", "mkdir", ("{}",)), tmp_path / "ran"))
    assert (tmp_path / "ran").exists()
    assert model.predict(mixed.table.rows[:9]).tolist() == mixed.trained.model.predict(mixed.table.rows[:9]).tolist()


# --- before it is registered


@EACH_GADGET
def test_no_poisoned_model_is_packed(mixed: SimpleNamespace, attack: Gadget) -> None:
    model = copy.copy(mixed.trained.model)
    model.helper = Trap(attack)
    with pytest.raises(RoadError, match=r"the model's pickle names .*; nothing was registered"):
        packaging.pack(model, table=mixed.table, held_out=mixed.trained.held_out, use_case="churn")


# --- before it is deployed


@pytest.fixture
def deploy(tmp_path: Path) -> DeployEnvironment:
    (tmp_path / "model_package_arn.txt").write_text(ARN + "\n")
    return DeployEnvironment.read(BUILD | {"CODEBUILD_SRC_DIR_BuildArtifact": str(tmp_path)})


@pytest.fixture
def account(mixed: SimpleNamespace, check_request: Any) -> Callable[[bytes], Cloud]:
    """Return an account whose approved package has this archive, registered with its digest."""

    def make(archive: bytes) -> Cloud:
        return Cloud(SimpleNamespace(body=archive, sha256=storage.sha256(archive)), mixed.model, check_request)

    return make


@EACH_GADGET
def test_no_poisoned_archive_makes_anything(
    account: Any, deploy: DeployEnvironment, mixed: SimpleNamespace, poison: Any, attack: Gadget, tmp_path: Path
) -> None:
    shown = tmp_path / "ran"
    cloud = account(archive_of({**mixed.files, contract.MODEL_FILE: poison(attack, shown)}))
    with pytest.raises(RoadError, match=rf"names {attack[0]}.{attack[1]}.*; nothing was deployed"):
        deploy_model(deploy, s3=cloud, clients=cloud.clients, pauses=pauses)

    assert (cloud.writes, cloud.ledger, shown.exists()) == ([], {}, False)


def test_the_deploy_builds_gate_needs_neither_numpy_nor_scikit_learn(mixed: SimpleNamespace, source_root: Path) -> None:
    program = f"""
import sys
sys.modules.update(dict.fromkeys(["numpy", "sklearn", "scipy", "joblib"]))
from ml import model_archive
model_archive.check(sys.stdin.buffer.read(), {URI!r}, code=None)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=mixed.archive.body, cwd=source_root, timeout=60, check=False)
    assert done.returncode == 0


def test_the_serving_code_must_be_the_commits(
    account: Any, deploy: DeployEnvironment, mixed: SimpleNamespace, source_root: Path
) -> None:
    other = mixed.files[contract.INFERENCE_FILE] + b"\nimport antigravity\n"
    for changed in ({contract.INFERENCE_FILE: other}, {"code/setup.py": b"print()"}):
        cloud = account(archive_of(mixed.files | changed))
        with pytest.raises(RoadError, match="its serving code is not this commit's; nothing was deployed"):
            deploy_model(deploy, s3=cloud, clients=cloud.clients, pauses=pauses)
        assert cloud.writes == []

    # An older version, which a person asks for, was packed by an older commit.
    model_archive.check(archive_of(mixed.files | {contract.INFERENCE_FILE: other}), URI, code=None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../model.pkl", tarfile.REGTYPE), ("/model.pkl", tarfile.REGTYPE), ("code/run.sh", tarfile.REGTYPE),
        ("code/sub/x.py", tarfile.REGTYPE), ("code", tarfile.DIRTYPE), ("code/link.py", tarfile.SYMTYPE),
        ("code/hard.py", tarfile.LNKTYPE), ("code/pipe.py", tarfile.FIFOTYPE), ("code/null.py", tarfile.CHRTYPE),
    ],
)  # fmt: skip
def test_an_archive_holds_a_models_files_and_no_others(mixed: SimpleNamespace, name: str, kind: bytes) -> None:
    with pytest.raises(RoadError, match=r"which no model's archive has; nothing was deployed"):
        model_archive.check(archive_of(mixed.files, (name, kind)), URI, code=None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"code/more_%d.py": b""}, "has over 50 members or 536870912 bytes"),
        ({contract.MODEL_FILE: None}, "holds no model.pkl"),
        ({contract.GOLDEN_FILE: None, contract.METADATA_FILE: None}, "holds no metadata.json, golden.json"),
    ],
)
def test_members_are_counted(mixed: SimpleNamespace, changes: dict[str, Any], says: str) -> None:
    files = dict(mixed.files)
    for name, body in changes.items():
        files |= {name.replace("%d", chr(97 + n // 26) + chr(97 + n % 26)): body for n in range(60)}
    with pytest.raises(RoadError, match=says):
        model_archive.check(archive_of({k: v for k, v in files.items() if v is not None}), URI, code=None)


def test_a_second_model_and_a_bomb_are_refused(mixed: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RoadError, match=r"holds model.pkl twice"):
        model_archive.check(archive_of(mixed.files, (contract.MODEL_FILE, tarfile.REGTYPE)), URI, code=None)
    monkeypatch.setattr(model_archive, "LARGEST_UNPACKED", len(mixed.files[contract.MODEL_FILE]))
    with pytest.raises(RoadError, match="bytes unpacked"):
        model_archive.check(mixed.archive.body, URI, code=None)


@pytest.mark.parametrize("cut", [100, 5000])
def test_an_archive_that_cannot_be_read_is_one_line(mixed: SimpleNamespace, cut: int) -> None:
    whole = mixed.archive.body
    for broken in (whole[:-cut], whole[:cut], whole[:5000] + bytes(cut) + whole[5000 + cut :], b"no archive", b""):
        with pytest.raises(RoadError, match="nothing was deployed") as caught:
            model_archive.check(broken, URI, code=None)
        assert "\n" not in str(caught.value)


# --- in the container


@pytest.fixture(scope="module")
def unpacked(mixed: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("container")
    with tarfile.open(fileobj=io.BytesIO(mixed.archive.body)) as archive:
        archive.extractall(directory, filter="data")
    return directory


@EACH_GADGET
def test_the_container_loads_no_poisoned_model(unpacked: Path, poison: Any, attack: Gadget, tmp_path: Path) -> None:
    shown = tmp_path / "ran"
    (unpacked / contract.MODEL_FILE).write_bytes(poison(attack, shown))
    with pytest.raises(ForbiddenGlobalError, match=f"names {attack[0]}.{attack[1]}"):
        inference.model_fn(str(unpacked))
    assert not shown.exists()


def test_the_packed_code_refuses_it_where_nothing_else_of_ours_exists(unpacked: Path, poison: Any) -> None:
    (unpacked / contract.MODEL_FILE).write_bytes(poison(("os", "mkdir", ("{}",)), unpacked / "ran"))
    program = f"import inference; inference.model_fn({str(unpacked)!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=unpacked / "code", capture_output=True, text=True, timeout=60, check=False
    )
    assert "ForbiddenGlobalError: the model's pickle names os.mkdir" in done.stderr
    assert not (unpacked / "ran").exists()


def test_the_gates_let_every_other_model_pass(mixed: SimpleNamespace, numeric: SimpleNamespace) -> None:
    for packed in (mixed, numeric):
        model_archive.check(packed.archive.body, URI, code=Path(safe_pickle.__file__).parent)
        assert archive_of(packed.files) != packed.archive.body


def archive_of(files: dict[str, bytes], *more: tuple[str, bytes]) -> bytes:
    """Return a gzip-compressed tar of `files`, and of empty members of these names and kinds."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for name, kind in more:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "model.pkl"
            archive.addfile(info)
    return gzip.compress(plain.getvalue(), compresslevel=1)
