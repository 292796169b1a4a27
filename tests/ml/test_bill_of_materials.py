"""The bill of materials in the archive: what was installed, held against the lock file, and nothing of the machine."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

from ml import bill_of_materials, contract, runtimes

LOCKED = """# made by uv
joblib==1.5.3 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
numpy==0.1 ; python_full_version < '3.12' \\
    --hash=sha256:{a}
colorama==9.9 ; sys_platform == 'win32' \\
    --hash=sha256:{a}
""".format(a="a" * 64, b="b" * 64)


def test_the_archive_lists_the_locked_packages_as_they_are_installed(mixed: SimpleNamespace) -> None:
    bill = json.loads(mixed.files[contract.SBOM_FILE])
    found = {component["name"]: component["version"] for component in bill["components"]}
    lock = bill_of_materials.LOCK.read_bytes()

    assert {"boto3", "pyarrow", *runtimes.CONTAINER_LIBRARIES} < found.keys()
    assert found.pop("python") == platform.python_version()
    assert found == {name: version(name) for name in found}
    assert bill["metadata"]["properties"] == [{"name": "lock:sha256", "value": hashlib.sha256(lock).hexdigest()}]
    model = hashlib.sha256(mixed.files[contract.MODEL_FILE]).hexdigest()
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": model}]


def test_every_locked_package_has_the_digests_that_it_was_installed_by(mixed: SimpleNamespace) -> None:
    bill = json.loads(mixed.files[contract.SBOM_FILE])
    lock = bill_of_materials.LOCK.read_text()
    for component in bill["components"][1:]:
        (reference,) = component["externalReferences"]
        assert reference["hashes"], component["name"]
        assert all(f"--hash=sha256:{entry['content']}" in lock for entry in reference["hashes"])


def test_a_version_that_is_not_locked_shows_by_having_no_digest(tmp_path: Path) -> None:
    (lock := tmp_path / "lock.txt").write_text(LOCKED)
    components = {c["name"]: c for c in bill_of_materials.document("churn", "0" * 64, lock)["components"]}

    assert components.keys() == {"python", "joblib", "numpy"}, "colorama is locked for another machine"
    joblib = components["joblib"]
    assert (joblib["purl"], joblib["licenses"]) == ("pkg:pypi/joblib@1.5.3", [{"expression": "BSD-3-Clause"}])
    assert [entry["content"] for entry in joblib["externalReferences"][0]["hashes"]] == ["a" * 64, "b" * 64]
    assert (components["numpy"]["version"], "externalReferences" in components["numpy"]) == (version("numpy"), False)


def test_without_a_lock_file_the_containers_libraries_are_listed(tmp_path: Path) -> None:
    bill = bill_of_materials.document("churn", "0" * 64, tmp_path / "absent.txt")

    assert {component["name"] for component in bill["components"]} == {"python", *runtimes.CONTAINER_LIBRARIES}
    assert bill["metadata"]["properties"] == []
