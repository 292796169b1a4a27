"""The endpoint as the stack's outputs plan it: the same plan that a release reads from its build's environment."""

from ml.endpoint_plan import EndpointPlan
from ml.errors import InputError
from ml.operate.stack import Stack

_WORDS = ("kind", "instance_type", "traffic")
_NUMBERS = (
    "instance_count", "max_instance_count", "memory_mb", "max_concurrency", "bake_seconds", "keep_versions",
)  # fmt: skip


def plan(stack: Stack) -> EndpointPlan:
    """Return the plan, but for its alarms and tags, which no output tells.

    Raises InputError for the outputs of an older program, which told less.
    """
    if absent := [name for name in (*_WORDS, *_NUMBERS) if name not in stack.endpoint]:
        raise InputError(f"the output endpoint lacks {', '.join(absent)}. Run pulumi up with this version, then retry")
    words = {name: str(stack.endpoint[name]) for name in _WORDS}
    numbers = {name: int(stack.endpoint[name]) for name in _NUMBERS}
    return EndpointPlan(name=stack.endpoint_name, alarms=(), tags={}, **words, **numbers)  # type: ignore[arg-type]
