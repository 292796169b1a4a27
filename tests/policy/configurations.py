"""The stacks that our own policies are asked about."""

from collections.abc import Mapping
from typing import Any

from tests.scan.report import STACKS

CONFIGURATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **STACKS,
    "manual": ("dev", {"approval": {"mode": "manual"}}),
    "both": ("dev", {"approval": {"mode": "both"}}),
    "scaling": ("dev", {"endpoint": {"instanceCount": 2, "maxInstanceCount": 4, "traffic": "linear"}}),
    "trail": ("dev", {"audit": {"trail": True}, "protectData": True}),
}
"""Name -> the stack file, and what is changed in it: what is scanned, and more, for our own rules take no time."""
