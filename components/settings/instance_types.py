"""Rules for instance types: what SageMaker offers, less what the libraries do not use and the key does not encrypt."""

import re
from functools import lru_cache
from typing import Any

_PROCESSORS_ONLY = re.compile(r"ml\.[mcrt]\d")
_ARM = re.compile(r"ml\.[a-z]+\d+g")
_OWN_DISK = re.compile(r"ml\.[a-z]+\d+[a-z]*d")


def served_on(value: Any) -> str:
    """Accept a machine for an endpoint: one with x86 processors and no accelerators."""
    return _chosen(value, shape="ProductionVariantInstanceType", meaning="serves on, such as ml.m5.large")


def trained_on(value: Any) -> str:
    """Accept a machine for training jobs: as for an endpoint, and without a disk of its own."""
    chosen = _chosen(value, shape="TrainingInstanceType", meaning="trains on, such as ml.m5.xlarge")
    if _OWN_DISK.match(chosen):
        raise ValueError("has a disk of its own, which the stack's key cannot encrypt")
    return chosen


def _chosen(value: Any, *, shape: str, meaning: str) -> str:
    """Accept an instance type of this shape in SageMaker's API model whose every part scikit-learn uses."""
    if not isinstance(value, str) or value not in _offered(shape):
        raise ValueError(f"is not an instance type that SageMaker {meaning}")
    if not _PROCESSORS_ONLY.match(value):
        raise ValueError("has accelerators, which scikit-learn does not use; take an m, c, r or t type")
    if _ARM.match(value):
        raise ValueError("has an Arm processor; the image is built for x86")
    return value


@lru_cache(maxsize=2)
def _offered(shape: str) -> frozenset[str]:
    # Half a second, so only when a stack chooses an instance type.
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    return frozenset(model.shape_for(shape).metadata["enum"])
