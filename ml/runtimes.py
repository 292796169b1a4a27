"""What our code runs on, in which version, and until when each of them is supported.

The serving container decides, everything else follows. Nothing is imported beyond the standard library, so every place
may import this module.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

CONTAINER_VERSION = "1.9-0"
"""Tag of SageMaker's scikit-learn image: scikit-learn 1.9.0 on Python 3.12, x86 only (aws/deep-learning-containers)."""

CONTAINER_LIBRARIES: Mapping[str, str] = MappingProxyType(
    {"scikit-learn": "1.9.0", "numpy": "2.5.1", "scipy": "1.18.0", "joblib": "1.5.3"}
)
"""What that image holds (its uv.lock). A model must be trained with the same scikit-learn: a mismatch only warns."""

PYTHON_VERSION = "3.12"
"""Python of the serving container and therefore of the builds."""

BUILD_IMAGE = "aws/codebuild/standard:7.0"
"""Maintained and offers Python 3.12; the brief's standard:5.0 stops at 3.9 and is no longer maintained."""

LAMBDA_RUNTIME = "python3.13"
"""Lasts longer than the brief's python3.11: see LAMBDA_RUNTIME_ENDS."""

LAMBDA_RUNTIME_ENDS: Mapping[str, date] = MappingProxyType(
    {
        "python3.11": date(2027, 6, 30),
        "python3.12": date(2028, 10, 31),
        "python3.13": date(2029, 6, 30),
        "python3.14": date(2029, 6, 30),
    }
)
"""When a runtime is deprecated; two months later no function on it can be changed (Lambda runtimes page, 2026-11)."""

BUILD_IMAGE_ENDS: Mapping[str, date] = MappingProxyType(
    {"aws/codebuild/standard:7.0": date(2027, 6, 1), "aws/codebuild/standard:8.0": date(2029, 5, 31)}
)
"""When standard support of an image's Ubuntu ends, 22.04 and 24.04; AWS names no date for the image (2026-11)."""

PYTHON_ENDS: Mapping[str, date] = MappingProxyType({"3.12": date(2028, 10, 31)})
"""When security fixes of a Python end (devguide.python.org/versions, read 2026-11)."""
