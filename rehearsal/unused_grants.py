"""Grants that a rehearsal's three acts do not need, each with the reason why the road needs it all the same.

A reason that no longer covers any unused grant is stale; a test says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rehearsal.grants import Grant


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why some grants are there although nothing in a rehearsal needs them."""

    covers: Callable[[Grant], bool]
    text: str


def _spelt_in_lower_case(grant: Grant) -> bool:
    kind, _, group = grant.resource.split(":")[-1].partition("/")
    return kind in ("model-package", "model-package-group") and group.islower()


REASONS: Sequence[Reason] = (
    Reason(
        covers=_spelt_in_lower_case,
        text="AWS has been seen to write the group in package ARNs as given and in lower case; here it is one of them",
    ),
    Reason(
        covers=lambda grant: (grant.sid, grant.action) == ("StoreModel", "s3:GetObject"),
        text="a build that runs again for the same commit finds its objects stored and compares them",
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
