"""Drills about going live: a version does not come up, answers otherwise, makes an alarm ring, or is old."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ml import contract
from ml.registry import growing_pauses
from rehearsal.account.calls import Caller
from rehearsal.drills.archives import TextChange
from rehearsal.drills.drill import Drill
from rehearsal.drills.handover import DEPLOY_STAGE, before_deployment
from rehearsal.drills.intrusion import at_call
from rehearsal.drills.removals import InSource
from rehearsal.drills.stand import Stand, stopped
from rehearsal.report import Proof

UPDATE_SECONDS = 120
_BROKEN_CODE = b'raise RuntimeError("the serving code is broken")\n'


def endpoint_rolls_back(stand: Stand) -> Sequence[Proof]:
    """Release a version whose serving code ends at once: SageMaker returns to the old configuration, in service."""
    arn = stand.offer(members={**stand.members(), contract.INFERENCE_FILE: _BROKEN_CODE})
    execution = stand.release(arn)
    return [stopped(execution, DEPLOY_STAGE, "rolled back"), stand.untouched(), _nothing_left(stand, arn)]


def smoke_test_differs(stand: Stand) -> Sequence[Proof]:
    """Release a version that answers its golden requests otherwise than its archive says."""
    members = stand.members()
    golden = json.loads(members[contract.GOLDEN_FILE])
    for prediction in golden["predictions"]:
        prediction["probability"] = 1 - prediction["probability"]
    arn = stand.offer(members={**members, contract.GOLDEN_FILE: json.dumps(golden).encode()})
    execution = stand.release(arn)
    return [
        stopped(execution, DEPLOY_STAGE, "for the golden records", "serves again"),
        stand.untouched(),
        _nothing_left(stand, arn),
    ]


def alarm_during_bake(stand: Stand) -> Sequence[Proof]:
    """Let an alarm ring while a new version is watched."""
    arn, cloudwatch = stand.offer(), stand.cloud.client("cloudwatch")
    taken: list[str] = []

    def _is_guarded(params: Mapping[str, Any], _caller: Caller) -> bool:
        alarms = params.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
        taken.extend(alarm["AlarmName"] for alarm in alarms)
        return True

    def _ring() -> None:
        # Where nothing watches, the alarm that would have been watched rings all the same.
        alarm = taken[0] if taken else _errors_alarm(stand)
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a drill")

    with at_call(stand.cloud, "sagemaker:UpdateEndpoint", _is_guarded, _ring, after=True):
        execution = stand.release(arn)
    for alarm in [*taken[:1], _errors_alarm(stand)]:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="the drill is over")
    return [stopped(execution, DEPLOY_STAGE, "rolled back", "alarm"), stand.untouched(), _nothing_left(stand, arn)]


def _errors_alarm(stand: Stand) -> str:
    """Return the alarm of the endpoint's server errors."""
    alarms = stand.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return next(str(each["AlarmName"]) for each in alarms if each.get("MetricName") == "Invocation5XXErrors")


def stale_version(stand: Stand) -> Sequence[Proof]:
    """Let a newer version go live while an older execution is on its way to Deploy."""
    (stand.road.developer.directory / "NOTE").write_text("an older version\n")
    newer: list[str] = []

    def _overtake() -> None:
        newer.append(stand.offer())
        put_in_service(stand, newer[0])

    with before_deployment(stand, _overtake):
        execution = stand.road.follow(stand.road.push("An older version"), person=None)
    served = stand.served()
    return [
        stopped(execution, DEPLOY_STAGE, "is older"),
        Proof(
            claim="the newer version keeps serving",
            holds=served == newer[0],
            detail=f"version {served.rpartition('/')[2]} serves, {newer[0].rpartition('/')[2]} is the newer one",
        ),
    ]


def put_in_service(stand: Stand, arn: str) -> None:
    """Put an approved version on the endpoint with the operator's rights, beside the road. Raises TimeoutError."""
    sagemaker, road = stand.cloud.client("sagemaker"), stand.road
    now = sagemaker.describe_endpoint_config(EndpointConfigName=road.serving_config())["ProductionVariants"][0]
    model = sagemaker.describe_model(ModelName=now["ModelName"])
    name = f"{road.endpoint}{contract.VERSION_SEPARATOR}v{arn.rpartition('/')[2]}-overtakes"
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=model["ExecutionRoleArn"], Containers=[{"ModelPackageName": arn}]
    )
    variant = {key: now[key] for key in ("VariantName", "InstanceType", "InitialInstanceCount")}
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-config", ProductionVariants=[{**variant, "ModelName": name}]
    )
    sagemaker.update_endpoint(EndpointName=road.endpoint, EndpointConfigName=f"{name}-config")
    for _ in growing_pauses(UPDATE_SECONDS):
        if sagemaker.describe_endpoint(EndpointName=road.endpoint)["EndpointStatus"] == "InService":
            return
    raise TimeoutError(f"{road.endpoint} is not in service after {UPDATE_SECONDS} s")


def _nothing_left(stand: Stand, arn: str) -> Proof:
    """Prove that no model is left of a version that did not go live."""
    prefix = f"{stand.road.endpoint}{contract.VERSION_SEPARATOR}v{arn.rpartition('/')[2]}-"
    pages = stand.cloud.client("sagemaker").get_paginator("list_models").paginate(NameContains=prefix)
    found = [each["ModelName"] for page in pages for each in page["Models"]]
    names = ", ".join(found) or "nothing"
    return Proof(claim="nothing is left that was made for it", holds=not found, detail=f"{names} is left")


DRILLS = (
    Drill(
        name="endpoint-rolls-back",
        fault="A version's container does not come up, and the endpoint is in service again with the old one.",
        gate="ml/endpoint.py: in service counts only with the configuration that was asked for",
        play=endpoint_rolls_back,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path="ml/endpoint.py",
                        old="        elif serving == config:\n",
                        new="        elif serving == config or changed or found.get('FailureReason'):\n",
                    )
                ]
            )
        ],
    ),
    Drill(
        name="smoke-test-differs",
        fault="A version answers its golden requests otherwise than it did when it was packed.",
        gate="ml/proof.py: the golden requests, asked right after the update",
        play=smoke_test_differs,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path="ml/proof.py",
                        old="    if not isinstance(answers, list) or len(answers) != len(wanted) or not all("
                        "map(_is_same, answers, wanted)):\n",
                        new="    if not isinstance(answers, list):\n",
                    )
                ]
            )
        ],
    ),
    Drill(
        name="alarm-during-bake",
        fault="The alarm of server errors rings while a new version is watched.",
        gate="endpoint.bakeSeconds, ml/endpoint_config.py: the update's rollback alarms",
        play=alarm_during_bake,
        without_guard=[
            InSource(
                changes=[TextChange(path="ml/endpoint_config.py", old="    if plan.guarded:\n", new="    if False:\n")]
            )
        ],
    ),
    Drill(
        name="stale-version",
        fault="A newer version goes live while an older execution is on its way to Deploy.",
        gate="ml/serving.py: no older version, unless a person asked for exactly it",
        play=stale_version,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path="ml/serving.py",
                        old="    if now and now.is_in_group(then.group) and now.version > then.version"
                        " and not release.requested:\n",
                        new="    if now is None and then is None:\n",
                    )
                ]
            )
        ],
    ),
)
