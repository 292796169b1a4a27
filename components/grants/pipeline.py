"""What the pipeline may do."""

from components.arns import Arns
from components.iam import Statement, allow
from components.settings import CODECONNECTIONS, Settings


def pipeline_statements(arns: Arns, settings: Settings) -> list[Statement]:
    """Fetch the commit, keep the artifacts, start the builds, and ask whoever approves in this stack's mode."""
    return [
        allow("FindArtifactBucket", ["s3:GetBucketVersioning"], arns.artifact_bucket),
        allow("StoreCommit", _storing(settings), arns.source_artifacts),
        # In the least service role policy of the CodePipeline user guide; the builds read with their own roles.
        allow("ReadArtifacts", ["s3:GetObject"], [arns.source_artifacts, arns.build_artifacts]),
        _fetch(arns, settings),
        allow(
            "RunBuilds",
            ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
            [arns.train_project, arns.deploy_project],
        ),
        *_ask(arns, settings),
    ]


def _storing(settings: Settings) -> list[str]:
    # A connection's upload names an ACL, which it may only with both, also where the bucket has switched ACLs off
    # (aws/aws-cdk#13557).
    return ["s3:PutObject", "s3:PutObjectAcl"] if settings.source.provider == CODECONNECTIONS else ["s3:PutObject"]


def _fetch(arns: Arns, settings: Settings) -> Statement:
    if settings.source.provider == CODECONNECTIONS:
        connections = connection_spellings(settings.source.connection_arn)
        return allow("FetchCommit", [f"{service}:UseConnection" for service in connections], list(connections.values()))
    return allow(
        "FetchCommit",
        [
            "codecommit:GetBranch",
            "codecommit:GetCommit",
            "codecommit:UploadArchive",
            "codecommit:GetUploadArchiveStatus",
            "codecommit:CancelUploadArchive",
        ],
        arns.repository,
    )


def _ask(arns: Arns, settings: Settings) -> list[Statement]:
    statements = []
    if settings.approval.judges_metrics:
        statements.append(allow("AskApprovalFunction", ["lambda:InvokeFunction"], arns.approval_function))
    if settings.approval.asks_person:
        statements.append(allow("MailApprovers", ["sns:Publish"], arns.approvals_topic))
        statements.append(allow("HaveApprovalsRecorded", ["lambda:InvokeFunction"], arns.bridge_function))
    return statements


def connection_spellings(connection_arn: str) -> dict[str, str]:
    """Return the one connection's ARN under the service's name of today and under its old one, by service.

    The service was renamed; which name CodePipeline checks for a connection of either age is not documented.
    """
    partition, _, rest = connection_arn.removeprefix("arn:").split(":", 2)
    services = ("codeconnections", "codestar-connections")
    return {service: f"arn:{partition}:{service}:{rest}" for service in services}
