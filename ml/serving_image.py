"""The serving container: where its image is published, and the environment that it starts with."""

from collections.abc import Mapping
from types import MappingProxyType

from ml.runtimes import CONTAINER_VERSION

ACCOUNTS: Mapping[str, str] = MappingProxyType(
    {
        "af-south-1": "510948584623",
        "ap-east-1": "651117190479",
        "ap-northeast-1": "354813040037",
        "ap-northeast-2": "366743142698",
        "ap-northeast-3": "867004704886",
        "ap-south-1": "720646828776",
        "ap-south-2": "628508329040",
        "ap-southeast-1": "121021644041",
        "ap-southeast-2": "783357654285",
        "ap-southeast-3": "951798379941",
        "ap-southeast-4": "106583098589",
        "ca-central-1": "341280168497",
        "ca-west-1": "190319476487",
        "eu-central-1": "492215442770",
        "eu-central-2": "680994064768",
        "eu-north-1": "662702820516",
        "eu-south-1": "978288397137",
        "eu-south-2": "104374241257",
        "eu-west-1": "141502667606",
        "eu-west-2": "764974769150",
        "eu-west-3": "659782779980",
        "il-central-1": "898809789911",
        "me-central-1": "272398656194",
        "me-south-1": "801668240914",
        "sa-east-1": "737474898029",
        "us-east-1": "683313688378",
        "us-east-2": "257758044811",
        "us-west-1": "746614075791",
        "us-west-2": "246618743249",
    }
)
"""Account that publishes the image, by region of the `aws` partition (SageMaker SDK 3.27; a test compares the two)."""

REPOSITORY = "sagemaker-scikit-learn"


def uri(region: str) -> str:
    """Return the serving image's URI in `region`. Raises KeyError where AWS publishes none."""
    account = ACCOUNTS[region]
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{REPOSITORY}:{CONTAINER_VERSION}-cpu-py3"


ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        # The container installs the code directory with pip at start; without this it wants PyPI for setuptools and
        # dies in an isolated network. pip reads the value inverted: 0 switches the isolation off (facts checked by
        # running the container's own serving code; not yet seen on a real endpoint).
        "PIP_NO_BUILD_ISOLATION": "0",
        # Several workers whose OpenMP threads spin on the same cores answer 20 times slower.
        "OMP_NUM_THREADS": "1",
        # Each worker loads the model before its first request. The file lies where inference.py does: gunicorn, which
        # adds these arguments to those that the container gives it, would not start without it.
        "GUNICORN_CMD_ARGS": "--config /opt/ml/model/code/warm_start.py",
    }
)
