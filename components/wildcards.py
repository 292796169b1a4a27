"""The statements that name every resource, each with its reason. No other statement may (a test compares)."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wildcard:
    """One statement whose resource is a bare `*`."""

    holder: str
    sid: str
    reason: str


WILDCARDS = (
    Wildcard(
        holder="key",
        sid="AccountDecidesByIam",
        reason="in a key policy the star stands for the key that the policy belongs to",
    ),
    Wildcard(
        holder="key",
        sid="LogsOfThisStack",
        reason="in a key policy the star stands for the key that the policy belongs to",
    ),
    Wildcard(
        holder="key",
        sid="AlarmsOfThisStack",
        reason="in a key policy the star stands for the key that the policy belongs to",
    ),
    Wildcard(
        holder="key",
        sid="TrailEncrypts",
        reason="in a key policy the star stands for the key that the policy belongs to",
    ),
    Wildcard(
        holder="key",
        sid="TrailDescribes",
        reason="in a key policy the star stands for the key that the policy belongs to",
    ),
    Wildcard(
        holder="train",
        sid="NeverDecideAboutVersions",
        reason="a denial: it must hold for versions of every group, whatever is granted later",
    ),
    Wildcard(
        holder="train",
        sid="NeverRegisterDecidedVersions",
        reason="a denial: it must hold for versions of every group, whatever is granted later",
    ),
    Wildcard(
        holder="deploy",
        sid="NeverDecideAboutVersions",
        reason="a denial: it must hold for versions of every group, whatever is granted later",
    ),
    Wildcard(
        holder="deploy",
        sid="FindOldVersions",
        reason="listing models and configurations has no resource type",
    ),
    Wildcard(
        holder="deploy",
        sid="EndScaling",
        reason="a scalable target's ARN ends in an id that AWS makes up; service and dimension are conditioned instead",
    ),
    Wildcard(
        holder="deploy",
        sid="Scale",
        reason="a scalable target's ARN ends in an id that AWS makes up; service and dimension are conditioned instead",
    ),
    Wildcard(
        holder="execution",
        sid="SignInToImageRegistry",
        reason="ecr:GetAuthorizationToken has no resource type",
    ),
    Wildcard(
        holder="execution",
        sid="PublishEndpointMetrics",
        reason="cloudwatch:PutMetricData has no resource type; the namespace is conditioned instead",
    ),
    Wildcard(
        holder="approval",
        sid="AnswerPipelineJobs",
        reason="the job results have no resource type; a job id cannot be guessed",
    ),
    Wildcard(
        holder="approval",
        sid="TraceCalls",
        reason="X-Ray's writing actions have no resource type",
    ),
    Wildcard(
        holder="bridge",
        sid="AnswerPipelineJobs",
        reason="the job results have no resource type; a job id cannot be guessed",
    ),
    Wildcard(
        holder="bridge",
        sid="TraceCalls",
        reason="X-Ray's writing actions have no resource type",
    ),
)
