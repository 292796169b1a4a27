"""Grants that a rehearsal's three acts do not need, each with the reason why the road needs it all the same.

A reason that no longer covers any unused grant is stale; a test says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rehearsal.grants import Grant


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why some grants are there although nothing in a rehearsal needs them.

    `only_with` names the choice of a stack that brings such grants; empty where every stack has some.
    """

    covers: Callable[[Grant], bool]
    text: str
    only_with: str = ""


def _spelt_in_lower_case(grant: Grant) -> bool:
    kind, _, group = grant.resource.split(":")[-1].partition("/")
    return kind in ("model-package", "model-package-group") and group.islower()


REASONS: Sequence[Reason] = (
    Reason(
        covers=_spelt_in_lower_case,
        text="AWS has been seen to write the group in package ARNs as given and in lower case; here it is one of them",
    ),
    Reason(
        covers=lambda grant: (grant.sid, grant.action) == ("ReadStoredModels", "s3:GetObject"),
        text="a build that runs again for the same commit finds its objects stored and compares them",
    ),
    Reason(
        covers=lambda grant: (grant.sid, grant.action) == ("CompareTrainingInputs", "s3:GetObject"),
        text="a build that runs again for the same commit finds its job's inputs stored and compares them",
        only_with="training.engine: sagemaker",
    ),
    Reason(
        covers=lambda grant: grant.action == "sagemaker:StopTrainingJob",
        text="a build that is stopped, or whose time is over, stops the training jobs that it waits for",
        only_with="training.engine: sagemaker",
    ),
    Reason(
        covers=lambda grant: grant.action == "codecommit:CancelUploadArchive",
        text="CodePipeline cancels the archive of a source action that is stopped (CodePipeline user guide)",
    ),
    Reason(
        covers=lambda grant: (
            (grant.sid, grant.action) == ("ReadArtifacts", "s3:GetObject") and "Pipeline" in grant.role
        ),
        text="in the least service role that the CodePipeline user guide gives; the builds read with their own roles",
    ),
    Reason(
        covers=lambda grant: grant.action == "kms:Decrypt" and "Pipeline" in grant.role,
        text="reading artifacts, as above: they are encrypted with the stack's key",
    ),
    Reason(
        covers=lambda grant: (
            grant.action in ("sagemaker:DeleteModel", "sagemaker:DeleteEndpointConfig", "sagemaker:DeleteEndpoint")
        ),
        text="a release that fails leaves nothing behind, and old versions go once there are enough newer ones",
    ),
    Reason(
        covers=lambda grant: grant.sid == "RemoveScalingAlarms",
        text="the endpoint may have scaled under earlier settings; with its scalable target go that target's alarms",
    ),
    Reason(
        covers=lambda grant: grant.action.startswith("xray:"),
        text="Lambda's own daemon sends the traces of a function, not the code that runs here",
    ),
    Reason(
        covers=lambda grant: grant.sid == "UseKeyThroughLambda",
        text="Lambda itself opens a function's encrypted environment; the emulated one starts with it open",
    ),
    Reason(
        covers=lambda grant: grant.action.endswith(":UseConnection"),
        text="CodeConnections was renamed; which of its names CodePipeline asks for is not documented; here it is one",
        only_with="source.provider: codeconnections",
    ),
    Reason(
        covers=lambda grant: (
            grant.action == "codepipeline:PutJobFailureResult" and grant.role.startswith("Lambda-ApprovalBridge-Role")
        ),
        text="fails the stage of a version that one person approved and another rejected at the same time",
        only_with="approval.mode: manual or both",
    ),
    Reason(
        covers=lambda grant: grant.action == "logs:DescribeLogStreams",
        text="SageMaker's developer guide lists it for execution roles; when it is called is not documented",
    ),
    Reason(
        covers=lambda grant: grant.action == "cloudwatch:PutMetricData",
        text="SageMaker's developer guide lists it for execution roles; the emulated endpoint has no metrics",
    ),
)


def reason_for(grant: Grant) -> str:
    """Return why `grant` is there although nothing in a rehearsal needed it; empty when nobody said."""
    return next((reason.text for reason in REASONS if reason.covers(grant)), "")
