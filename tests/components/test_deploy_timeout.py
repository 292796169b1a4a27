"""The deploy build lives longer than everything that it may have to wait for."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ml import endpoint, endpoint_config, proof, rollout
from ml.endpoint_plan import EndpointPlan
from tests.harness import Recorded

FLEET = {"instanceCount": 4, "maxInstanceCount": 4}


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"kind": "serverless"},
        {"bakeSeconds": 3600},
        {**FLEET, "traffic": "canary", "bakeSeconds": 3600},
        {**FLEET, "traffic": "linear", "bakeSeconds": 2700},
    ],
)
@pytest.mark.slow
def test_the_builds_time_covers_every_deadline_of_a_rollout(
    choices: Mapping[str, Any], recorded: Callable[..., Recorded]
) -> None:
    project = recorded("prod", {"endpoint": choices}).one("codebuild/project:Project", "deploy").inputs
    variables = {one["name"]: one["value"] for one in project["environment"]["environmentVariables"]}
    watched = EndpointPlan.read(variables).watch_seconds
    settled = endpoint.SETTLE_SECONDS + watched
    creations = rollout.CREATION_ATTEMPTS * (endpoint_config.IN_SERVICE_SECONDS + endpoint.REMOVAL_SECONDS)
    update = endpoint_config.IN_SERVICE_SECONDS + watched + endpoint.ROLL_BACK_SECONDS
    way_back = endpoint_config.IN_SERVICE_SECONDS

    assert project["buildTimeout"] * 60 > settled + endpoint.REMOVAL_SECONDS + creations + proof.PROOF_SECONDS
    assert project["buildTimeout"] * 60 > settled + update + proof.PROOF_SECONDS + way_back
    # CodeBuild's own most (API reference, CreateProject).
    assert project["buildTimeout"] <= 2160
