"""Drills about the account itself: busy services, a build that dies half-way, a stack that is taken down."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from ml import contract
from rehearsal.account.calls import AwsError, Caller
from rehearsal.account.inventory import inventory
from rehearsal.drills.archives import TextChange
from rehearsal.drills.drill import Drill
from rehearsal.drills.intrusion import Refusals, at_call
from rehearsal.drills.removals import InSource, InState
from rehearsal.drills.stand import Stand, failure_of, stopped
from rehearsal.pipeline.pipeline_records import SUCCEEDED
from rehearsal.provision.resource_types import ProvisionError
from rehearsal.report import Proof

THROTTLES = 3
"""As many as botocore itself tries a call: with its own number the stage would fail."""

_SERVES = ("endpoint ", "endpoint configuration ", "model ", "model package ")


def throttling(stand: Stand) -> Sequence[Proof]:
    """Refuse the deploy step's first question again and again, as a busy registry does."""
    error = AwsError("ThrottlingException", "Rate exceeded", HTTPStatus.BAD_REQUEST)
    refusals = Refusals(stand.role(stand.deploy_project), error, THROTTLES)
    arn = stand.offer()
    with stand.cloud.faulted("sagemaker", "DescribeModelPackage", refusals.answer):
        execution = stand.release(arn)
    said = failure_of(execution) if execution.status != SUCCEEDED else f"live after {THROTTLES} refusals in a row"
    return [
        Proof(
            claim="the version goes live although the registry is busy",
            holds=execution.status == SUCCEEDED and refusals.spent and stand.served() == arn,
            detail=said,
        )
    ]


def crash_after_registering(stand: Stand) -> Sequence[Proof]:
    """Kill the train build when it has registered its version and handed nothing over; then retry the stage."""
    (stand.road.developer.directory / "NOTE").write_text("a build that dies\n")
    codebuild, train_role = stand.cloud.client("codebuild"), stand.role(stand.train_project)

    def _by_build(_params: Mapping[str, Any], caller: Caller) -> bool:
        return caller == train_role

    def _kill() -> None:
        codebuild.stop_build(id=codebuild.list_builds_for_project(projectName=stand.train_project)["ids"][0])

    with at_call(stand.cloud, "sagemaker:CreateModelPackage", _by_build, _kill, after=True):
        execution = stand.road.follow(stand.road.push("A build that dies"), person=None)
    at_build = stopped(execution, contract.BUILD_STAGE, "STOPPED")
    stand.cloud.client("codepipeline").retry_stage_execution(
        pipelineName=execution.pipeline,
        stageName=contract.BUILD_STAGE,
        pipelineExecutionId=execution.id,
        retryMode="ALL_ACTIONS",
    )
    stand.road.follow(execution, person=None)
    made = [
        package["ModelPackageVersion"]
        for package in stand.road.packages()
        # What an intruder registered has no metadata.
        if package.get("CustomerMetadataProperties", {}).get(contract.METADATA_EXECUTION) == execution.id
    ]
    return [
        at_build,
        Proof(
            claim="the retried stage goes live",
            holds=execution.status == SUCCEEDED,
            detail=failure_of(execution) if execution.status != SUCCEEDED else stand.served(),
        ),
        Proof(
            claim="the execution has registered one version, not one for each try",
            holds=len(made) == 1,
            detail=f"versions {', '.join(map(str, made))}",
        ),
    ]


def destroy_with_live_endpoint(stand: Stand) -> Sequence[Proof]:
    """Take the stack down while its endpoint serves: Pulumi has made neither the endpoint nor the versions."""
    before, refusal = inventory(stand.cloud), ""
    try:
        stand.road.stack.destroy()
    except ProvisionError as error:
        refusal = str(error)
    left = sorted(each for each in inventory(stand.cloud) if each.startswith(_SERVES))
    return [
        Proof(
            claim="destroy ends well and leaves nothing that serves or costs",
            holds=not refusal and not left and any(each.startswith(_SERVES) for each in before),
            detail=refusal or f"{', '.join(left) or 'nothing'} is left",
        )
    ]


DRILLS = (
    Drill(
        name="throttling",
        fault=f"The registry refuses the deploy step's first question {THROTTLES} times in a row, because it is busy.",
        gate="ml/entry.py: ATTEMPTS of each AWS call",
        play=throttling,
        without_guard=[
            InSource(
                changes=[TextChange(path="ml/entry.py", old="\nATTEMPTS = 8\n", new=f"\nATTEMPTS = {THROTTLES}\n")]
            )
        ],
    ),
    Drill(
        name="crash-between-register-and-arn-file",
        fault="The train build dies after it has registered its version and before it hands the ARN over.",
        gate="ml/package_request.py: the client token of execution and archive",
        play=crash_after_registering,
        without_guard=[
            InSource(
                changes=[
                    TextChange(
                        path="ml/package_request.py",
                        old='    return str(uuid.uuid5(TOKEN_NAMESPACE, f"{execution}:{archive_sha256}"))\n',
                        new="    return str(uuid.uuid4())\n",
                    )
                ]
            )
        ],
    ),
    Drill(
        name="destroy-with-live-endpoint",
        fault="The stack is destroyed while its endpoint serves.",
        gate="components/clean_up.py: the resource Releases, which removes what the deploy step made",
        play=destroy_with_live_endpoint,
        without_guard=[InState(type=":Releases")],
        ends_road=True,
    ),
)
