"""Instance types: each that SageMaker offers is accepted or refused for what it is, for endpoints as for training."""

from collections.abc import Callable, Mapping

import botocore.session
import pytest

from components.settings import instance_types

ACCEPTED, ARM, ACCELERATORS, DISK = "", "an Arm processor", "accelerators", "a disk of its own"

KINDS: Mapping[str, str] = {
    ACCEPTED: "c4 c5 c5n c6i c6in c7i c7i-flex c8i c8i-flex m4 m5 m6i m7i m7i-flex m8i m8i-flex"
    " r5 r6i r7i r8i r8i-flex t2 t3",
    DISK: "c5d m5d r5d",
    ARM: "c6g c6gd c6gn c7g c8g m6g m6gd m8g r6g r6gd r7gd r8g",
    ACCELERATORS: "dl1 g4dn g5 g6 g6e g7 g7e inf1 inf2 p2 p3 p3dn p4d p4de p5 p5e p5en"
    " p6-b200 p6-b300 p6e-gb200 trn1 trn1n trn2",
}
"""What is wrong with a machine -> its families (EC2 user guide, instance type naming and accelerated computing).

A family that a newer botocore brings is in none: read what it is, and put it down here.
"""

RULES: Mapping[str, tuple[Callable[[object], str], str]] = {
    "endpoint": (instance_types.served_on, "ProductionVariantInstanceType"),
    "training": (instance_types.trained_on, "TrainingInstanceType"),
}


def offered(shape: str) -> list[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    found: list[str] = model.shape_for(shape).metadata["enum"]
    return found


def told_of(rule: Callable[[object], str], instance_type: object) -> str:
    """Return what the rule says is wrong; empty when it accepts the machine."""
    try:
        assert rule(instance_type) == instance_type
    except ValueError as error:
        return str(error)
    return ACCEPTED


def kind_of(told: str) -> str:
    """Return which kind a refusal speaks of; the whole of it when it is of none."""
    return next((kind for kind in KINDS if kind and told.startswith(f"has {kind}")), told)


@pytest.mark.parametrize("use", RULES)
def test_every_machine_is_refused_for_what_it_is_or_accepted(use: str) -> None:
    rule, shape = RULES[use]
    kinds = {family: kind for kind, families in KINDS.items() for family in families.split()}
    if use == "endpoint":
        # Its volumes are not encrypted with the stack's key, so a disk of the machine's own is no hindrance.
        kinds |= dict.fromkeys(KINDS[DISK].split(), ACCEPTED)
    machines = offered(shape)
    assert len(machines) > 200
    assert {one: kind_of(told_of(rule, one)) for one in machines} == {one: kinds[one.split(".")[1]] for one in machines}


@pytest.mark.parametrize("use", RULES)
def test_what_sagemaker_does_not_offer_there_is_refused(use: str) -> None:
    rule, shape = RULES[use]
    elsewhere = {one for _, other in RULES.values() for one in offered(other)} - set(offered(shape))
    assert elsewhere
    for unknown in (*sorted(elsewhere), "m5.large", "ml.m5.huge", "ml.m5.large ", "", 5, None, ["ml.m5.large"]):
        assert told_of(rule, unknown).startswith("is not an instance type that SageMaker ")
