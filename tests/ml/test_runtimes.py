"""What several places must agree on: versions and image accounts; and how long AWS supports them."""

import datetime
import re
from pathlib import Path

import pytest

from ml import bill_of_materials, runtimes, serving_image
from tests import pure_wheels

END_OF_SUPPORT = {
    # Deprecation dates of the AWS Lambda runtimes page, read 2026-11.
    "python3.12": datetime.date(2028, 10, 31),
    "python3.13": datetime.date(2029, 6, 30),
    "python3.14": datetime.date(2029, 6, 30),
    # AWS names no date for a build image before it deprecates it. So far none outlived the standard support of its
    # Ubuntu: 22.04 until 2027-06, 24.04 until 2029-05 (Ubuntu release cycle).
    "aws/codebuild/standard:7.0": datetime.date(2027, 6, 1),
    "aws/codebuild/standard:8.0": datetime.date(2029, 5, 31),
}
WARNING = datetime.timedelta(days=90)


def pins(path: Path) -> dict[str, dict[str, str]]:
    """Return package -> environment marker -> version of every exact pin in a requirements file."""
    found: dict[str, dict[str, str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if pin := re.match(r"([A-Za-z0-9_.-]+)==([^ ;\\]+)(?: *; *([^\\]*?))? *\\?$", line):
            found.setdefault(pin[1], {})[pin[3] or ""] = pin[2]
    return found


def for_the_container(versions: dict[str, str]) -> str:
    """Return the version of a pin that holds on the container's Python."""
    (version,) = (version for marker, version in versions.items() if marker == "" or ">=" in marker)
    return version


@pytest.mark.parametrize("name", ["requirements-train.in", "requirements-train.txt"])
def test_training_pins_the_containers_libraries(source_root: Path, name: str) -> None:
    found = pins(source_root / "buildspecs" / name)

    wanted = dict(runtimes.CONTAINER_LIBRARIES)
    assert {library: for_the_container(found[library]) for library in wanted} == wanted


def test_scikit_learn_is_the_containers_everywhere(source_root: Path) -> None:
    wanted = {"": runtimes.CONTAINER_LIBRARIES["scikit-learn"]}

    assert pins(source_root / "requirements.txt")["scikit-learn"] == wanted
    assert pins(source_root / "buildspecs/requirements-train.in")["scikit-learn"] == wanted
    assert runtimes.CONTAINER_VERSION.replace("-", ".") == wanted[""]


def test_boto3_has_one_version(source_root: Path) -> None:
    files = ["requirements.txt", "buildspecs/requirements-train.in", "buildspecs/requirements-deploy.in"]

    assert len({pins(source_root / name)["boto3"][""] for name in files}) == 1


@pytest.mark.parametrize("stage", ["train", "deploy", "installer"])
def test_locked_files_hold_what_their_sources_ask_for_with_hashes(source_root: Path, stage: str) -> None:
    source = pins(source_root / f"buildspecs/requirements-{stage}.in")
    text = (source_root / f"buildspecs/requirements-{stage}.txt").read_text("utf-8")
    locked = pins(source_root / f"buildspecs/requirements-{stage}.txt")

    assert {name: set(versions.values()) for name, versions in source.items()} == {
        name: set(locked[name].values()) for name in source
    }
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)
    assert "index-url" not in text


@pytest.mark.parametrize("path", ["tests/requirements.lock", "buildspecs/requirements-train.txt"])
def test_a_package_whose_compiled_code_nobody_needs_is_locked_to_one_wheel(source_root: Path, path: str) -> None:
    text = (source_root / path).read_text("utf-8")
    locked = {name: digests for (name, _), digests in bill_of_materials.read_lock(text).items()}

    assert [len(locked[name]) for name in pure_wheels.PACKAGES] == [1] * len(pure_wheels.PACKAGES)
    assert pure_wheels.restricted(text, lambda pin: locked[pin.partition("==")[0]][0]) == text


def test_only_the_hashes_of_such_a_package_are_replaced() -> None:
    other = "numpy==2.5.1 ; python_version >= '3.12' \\\n    --hash=sha256:c\n    # via scipy\n"
    text = "fonttools==4.68.0 \\\n    --hash=sha256:a \\\n    --hash=sha256:b\n    # via matplotlib\n" + other

    assert pure_wheels.restricted(text, {"fonttools==4.68.0": "d"}.__getitem__) == (
        "fonttools==4.68.0 \\\n    --hash=sha256:d\n    # via matplotlib\n" + other
    )


@pytest.mark.filterwarnings("ignore")  # the SDK's own, at import
@pytest.mark.slow
def test_the_image_is_the_one_that_the_sagemaker_sdk_knows() -> None:
    from sagemaker.core import image_uris

    for region in serving_image.ACCOUNTS:
        known = image_uris.retrieve(
            "sklearn", region, version=runtimes.CONTAINER_VERSION, instance_type="ml.m5.large", image_scope="inference"
        )
        assert serving_image.uri(region) == known


@pytest.mark.parametrize("thing", [runtimes.LAMBDA_RUNTIME, runtimes.BUILD_IMAGE])
def test_runtime_and_build_image_are_supported_for_another_90_days(thing: str) -> None:
    assert datetime.date.today() + WARNING < END_OF_SUPPORT[thing], (
        f"{thing} ends on {END_OF_SUPPORT[thing]}: choose another"
    )
