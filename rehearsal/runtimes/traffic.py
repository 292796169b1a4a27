"""How an update moves traffic to its new instances: SageMaker's rules for a DeploymentConfig. Pure.

Sources: API reference, BlueGreenUpdatePolicy, TrafficRoutingConfig and AutoRollbackConfig; developer guide, "Deployment
guardrails for updating models in production". The wording of the refusals is ours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.account.calls import AwsError

_SIZES = {"ALL_AT_ONCE": None, "CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_MOST_OF_A_FLEET = 0.5
_LEAST_LINEAR_STEP = 0.1
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One step: the share of traffic that the new instances then get, and for how long they are watched with it."""

    share: float
    watch_seconds: int


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The steps of one update, the last one with all traffic, and the alarms that take it back."""

    shifts: tuple[Shift, ...]
    alarms: tuple[str, ...] = ()


AT_ONCE = Deployment(shifts=(Shift(share=1.0, watch_seconds=0),))
"""What SageMaker does when no DeploymentConfig is given (API reference, DeploymentConfig)."""


def deployment(config: Mapping[str, Any] | None, instances: int) -> Deployment:
    """Return the steps for a fleet of so many instances (0: serverless). Raises AwsError for what SageMaker refuses."""
    if config is None:
        return AT_ONCE
    if not instances:
        raise _refusal("deployment guardrails apply to real-time and asynchronous endpoints, not to serverless ones")
    if "RollingUpdatePolicy" in config or "BlueGreenUpdatePolicy" not in config:
        raise NotImplementedError("a DeploymentConfig other than one BlueGreenUpdatePolicy")
    policy = config["BlueGreenUpdatePolicy"]
    termination = policy.get("TerminationWaitInSeconds", 0)
    shifts = _shifts(policy["TrafficRoutingConfiguration"], termination, instances)
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    waits = sum(shift.watch_seconds for shift in shifts)
    if limit is not None and limit <= waits:
        raise _refusal(f"MaximumExecutionTimeoutInSeconds {limit} must be larger than all waits together, {waits}")
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return Deployment(shifts=shifts, alarms=tuple(alarm["AlarmName"] for alarm in alarms))


def _shifts(routing: Mapping[str, Any], termination: int, instances: int) -> tuple[Shift, ...]:
    kind, wait = routing["Type"], routing["WaitIntervalInSeconds"]
    wanted = _SIZES[kind]
    if given := sorted({"CanarySize", "LinearStepSize"} & set(routing) - {wanted}):
        raise _refusal(f"{', '.join(given)} does not go with {kind}")
    if wanted is None:
        return (Shift(share=1.0, watch_seconds=termination),)
    if wanted not in routing:
        raise _refusal(f"{kind} needs {wanted}")
    step = _share(routing[wanted], instances)
    least = _LEAST_LINEAR_STEP if kind == "LINEAR" else 0.0
    if not least <= step <= _MOST_OF_A_FLEET:
        raise _refusal(f"{wanted} is {step:.0%} of {instances} instances; {least:.0%} to {_MOST_OF_A_FLEET:.0%} may be")
    # The last step gets what is left, and is watched differently. A rounding error must not make one more of it.
    before_last = 1 if kind == "CANARY" else math.ceil(1 / step - _ROUNDING) - 1
    shares = [step * number for number in range(1, before_last + 1)]
    partial = [Shift(share=share, watch_seconds=wait) for share in shares]
    return (*partial, Shift(share=1.0, watch_seconds=termination))


def _share(size: Mapping[str, Any], instances: int) -> float:
    if size["Type"] == "CAPACITY_PERCENT":
        return float(size["Value"]) / 100
    return float(size["Value"]) / instances


def _refusal(text: str) -> AwsError:
    return AwsError("ValidationException", f"DeploymentConfig: {text}.")
