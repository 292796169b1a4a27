"""Twenty deploys and five rollbacks on one endpoint while a client keeps calling: nobody notices any of them.

Two versions are pushed, trained and released through the pipeline. The other eighteen hold their archives in turn: they
are registered beside it, decided by the approval function and put on the endpoint by the deploy step itself, with the
deploy role's credentials and the deploy project's environment. All five rollbacks go through the pipeline again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ml import contract, deploy_model, ledger, registration, registry
from ml.deploy_model import DeployEnvironment
from ml.operate.app import app
from ml.operate.versions import all_versions
from ml.rollout import Clients
from rehearsal.account.cloud import Credentials
from rehearsal.account.inventory import inventory
from rehearsal.caller import SteadyCaller
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.plan import make_plan
from rehearsal.road import Road, open_road
from rehearsal.scenario import Scene
from tests.silence import Silent

pytestmark = pytest.mark.long

PUSHED = ('"n_estimators": 20', '"n_estimators": 25')
VERSIONS = 20
ROLLBACKS = (19, 3, 20, 7, 18)
KEPT = ("ModelPackageGroupName", "InferenceSpecification", "ModelMetrics", "CustomerMetadataProperties")


class Deployer:
    """The deploy step without its build: the same code, environment and rights."""

    def __init__(self, road: Road, folder: Path) -> None:
        self.road, self.folder = road, folder
        [project] = road.cloud.client("codebuild").batch_get_projects(names=[road.outputs["build_projects"][1]])[
            "projects"
        ]
        self.environment = {each["name"]: each["value"] for each in project["environment"]["environmentVariables"]}
        self.credentials: Credentials = road.cloud.assume(
            project["serviceRole"], "codebuild.amazonaws.com", source_arn=project["arn"], session="deploy"
        )

    def client(self, service: str) -> Any:
        return self.road.cloud.client(service, self.credentials)

    def deploy(self, package: Mapping[str, Any]) -> None:
        """Put a version on the endpoint."""
        arn, execution = package["ModelPackageArn"], f"beside-{package['ModelPackageVersion']:02}"
        artifact = self.folder / execution
        artifact.mkdir()
        (artifact / contract.MODEL_PACKAGE_ARN_FILE).write_text(arn)
        of_this_execution = {
            contract.PIPELINE_EXECUTION_ID: execution,
            contract.COMMIT_ID: package["CustomerMetadataProperties"][contract.METADATA_COMMIT],
            contract.MODEL_PACKAGE_ARN: arn,
            contract.BUILD_ARTIFACT_DIRECTORY: str(artifact),
        }
        clients = Clients(
            sagemaker=self.client("sagemaker"),
            runtime=self.client("sagemaker-runtime"),
            cloudwatch=self.client("cloudwatch"),
            autoscaling=self.client("application-autoscaling"),
        )
        deploy_model.deploy_model(
            DeployEnvironment.read(self.environment | of_this_execution),
            s3=self.client("s3"),
            clients=clients,
            pauses=registry.growing_pauses,
        )


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(make_plan("dev"), work=tmp_path_factory.mktemp("many"), progress=Silent()) as road:
        yield road


def push(road: Road, change: str) -> None:
    Scene(road=road, use_case="churn", heading=lambda text: None).change_model(change)
    assert road.follow(road.push(change)).status == SUCCEEDED


def oldest_first(road: Road) -> list[Mapping[str, Any]]:
    """Return every version as the registry describes it, however many pages there are."""
    found = all_versions(road.cloud.client("sagemaker"), road.outputs["model_package_group"])
    return [version.description for version in reversed(found)]


def register_beside(road: Road, packages: Sequence[Mapping[str, Any]]) -> None:
    """Register a version for each of these, with all that it holds and its record; the approval function decides."""
    sagemaker, s3 = road.cloud.client("sagemaker"), road.cloud.client("s3")
    for package in packages:
        request = {key: package[key] for key in KEPT}
        arn = sagemaker.create_model_package(**request, ModelApprovalStatus=contract.PENDING)["ModelPackageArn"]
        made, facts = registry.describe(sagemaker, arn), package["CustomerMetadataProperties"]
        registered = registration.of(
            made,
            archive_sha256=facts[contract.METADATA_MODEL_SHA256],
            commit=facts[contract.METADATA_COMMIT],
            execution=facts[contract.METADATA_EXECUTION],
        )
        registration.record(s3, road.outputs["model_bucket"], road.outputs["model_package_group"], made, registered)
    road.settle()


def rollback(road: Road, folder: Path, version: int) -> None:
    outputs = folder / "outputs.json"
    outputs.write_text(json.dumps(road.outputs))
    operator = road.cloud.operator
    environment = {
        **road.cloud.environment(),
        "AWS_ACCESS_KEY_ID": operator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": operator.secret_access_key,
        "STACK_OUTPUTS": str(outputs),
    }
    told = CliRunner().invoke(app, ["rollback", "--to", str(version)], env=environment)
    assert told.exit_code == 0, told.output


def test_nobody_notices_twenty_deploys_and_five_rollbacks(road: Road, tmp_path: Path) -> None:
    push(road, PUSHED[0])
    golden = road.golden(road.packages()[0])
    request = json.dumps({"instances": golden["instances"]})
    before, seen = inventory(road.cloud), set()

    def ask() -> str:
        answer = json.dumps(road.ask(request, "application/json")["predictions"])
        seen.add(answer)
        return answer

    with SteadyCaller(ask) as client:
        push(road, PUSHED[1])
        models = [json.dumps(golden["predictions"]), ask()]
        assert models[0] != models[1]
        register_beside(road, oldest_first(road) * (VERSIONS // 2 - 1))
        deployer, packages = Deployer(road, tmp_path), oldest_first(road)
        assert [each["ModelApprovalStatus"] for each in packages] == [contract.APPROVED] * VERSIONS
        for package in packages[2:]:
            deployer.deploy(package)
            assert ask() == models[(package["ModelPackageVersion"] - 1) % 2]
        for version in ROLLBACKS:
            rollback(road, tmp_path, version)
            assert ask() == models[(version - 1) % 2]

    assert (client.failures, seen) == ([], set(models))
    assert client.calls > VERSIONS + len(ROLLBACKS)
    entries = ledger.entries(road.cloud.client("s3"), road.outputs["model_bucket"], road.endpoint)
    assert [(entry.event, entry.version) for entry in entries] == [
        (ledger.SERVES, version) for version in (*range(1, VERSIONS + 1), *ROLLBACKS)
    ]
    serving = {"endpoint", "endpoint configuration", "model"}
    assert len([each for each in inventory(road.cloud) - before if each.rpartition(" ")[0] in serving]) <= 6
    assert road.cloud.journal.denied() == ()
