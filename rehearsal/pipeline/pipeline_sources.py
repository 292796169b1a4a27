"""How a source action takes the commit at the tip of its branch, with the pipeline role's credentials.

Source: CodePipeline user guide, "CodeCommit", "CodeStarSourceConnection" and "Variables reference"; Developer Tools
console user guide, "Permissions reference for AWS CodeConnections".
"""

import io
import json
from collections.abc import Mapping
from typing import Any

from rehearsal.pipeline.artifacts import S3Object
from rehearsal.pipeline.code_host import HOST_TYPE
from rehearsal.pipeline.git_repository import AbsentError, utc
from rehearsal.pipeline.pipeline_action import Action, Outcome
from rehearsal.pipeline.pipeline_records import ActionError, Revision


def take_commit(action: Action) -> Outcome:
    """CodeCommit: zip the commit at the tip of the branch into the artifact bucket."""
    name, branch = (action.run.configuration[key] for key in ("RepositoryName", "BranchName"))
    client = action.client("codecommit")
    commit_id = client.get_branch(repositoryName=name, branchName=branch)["branch"]["commitId"]
    commit = client.get_commit(repositoryName=name, commitId=commit_id)["commit"]
    cloud, role = action.around.cloud, action.execution.declaration["roleArn"]
    repository_arn = f"arn:aws:codecommit:{cloud.region}:{cloud.account}:{name}"
    for verb in ("UploadArchive", "GetUploadArchiveStatus"):  # CodeCommit has these only for CodePipeline
        cloud.check(role, f"codecommit:{verb}", repository_arn, via="source action")
    own = {"RepositoryName": name, "CommitterDate": utc(commit["committer"]["date"])}
    stored = _store(action, action.around.repositories.archive(name, commit_id))
    return _outcome(action, commit, stored, {**own, **_common(commit, branch)}, _subject(commit))


def take_connected_commit(action: Action) -> Outcome:
    """CodeStarSourceConnection: the same from a code host, by way of a connection that the role may use."""
    connection, name, branch = (
        action.run.configuration[key] for key in ("ConnectionArn", "FullRepositoryId", "BranchName")
    )
    _use_connection(action, {"ProviderAction": "GetBranch", "BranchName": branch})
    host = action.around.code_host
    try:
        commit = host.commit(name, host.branch_head(name, branch))
    except AbsentError as error:
        text = f"[{HOST_TYPE}] No Branch [{branch}] found for FullRepositoryName [{name}]"
        raise ActionError("ConfigurationError", text) from error
    for verb in ("StartUploadArchiveToS3", "GetUploadArchiveToS3Status"):
        _use_connection(action, {"ProviderAction": verb})
    own = {"FullRepositoryName": name, "ConnectionArn": connection}
    summary = json.dumps({"ProviderType": HOST_TYPE, "CommitMessage": commit["message"]})
    stored = _store(action, host.archive(name, commit["commitId"]))
    _set_acl(action, stored)
    return _outcome(action, commit, stored, {**own, **_common(commit, branch)}, summary)


def _use_connection(action: Action, what: Mapping[str, str]) -> None:
    """Ask whether the role may use the connection for this. Its actions are named after the service in its ARN.

    Whether AWS asks for each provider action or once is not verified against AWS.
    """
    connection, repository = (action.run.configuration[key] for key in ("ConnectionArn", "FullRepositoryId"))
    service = connection.split(":")[2]
    about = {"FullRepositoryId": repository, "ProviderPermissionsRequired": "read_only", **what}
    action.around.cloud.check(
        action.execution.declaration["roleArn"],
        f"{service}:UseConnection",
        connection,
        via="source action",
        context={f"{service}:{key}": value for key, value in about.items()},
    )


def _store(action: Action, content: bytes) -> dict[str, S3Object]:
    """Put the zip into the artifact bucket; return its place by the artifact's name."""
    stored = action.outputs()
    [place] = stored.values()
    s3 = action.client("s3")
    s3.get_bucket_versioning(Bucket=place.bucket)
    s3.put_object(Bucket=place.bucket, Key=place.key, Body=io.BytesIO(content), **_encryption(action))
    return stored


def _set_acl(action: Action, stored: Mapping[str, S3Object]) -> None:
    """Ask whether the role may set an ACL on the zip: a connection's upload fails without that (aws/aws-cdk#13557)."""
    [place] = stored.values()
    arn = f"arn:aws:s3:::{place.bucket}/{place.key}"
    action.around.cloud.check(action.execution.declaration["roleArn"], "s3:PutObjectAcl", arn, via="source action")


def _outcome(
    action: Action,
    commit: Mapping[str, Any],
    stored: Mapping[str, S3Object],
    variables: Mapping[str, str],
    summary: str,
) -> Outcome:
    """Note the revision."""
    commit_id, subject = commit["commitId"], _subject(commit)
    action.run.external_id = commit_id
    action.execution.revisions.append(Revision(action=action.run.name, id=commit_id, summary=subject))
    return Outcome(
        variables=variables,
        artifacts=stored,
        message=f"{commit_id[:8]} {subject}",
        summary=summary,
    )


def _common(commit: Mapping[str, Any], branch: str) -> dict[str, str]:
    return {
        "CommitId": commit["commitId"],
        "CommitMessage": commit["message"].strip(),
        "BranchName": branch,
        "AuthorDate": utc(commit["author"]["date"]),
    }


def _subject(commit: Mapping[str, Any]) -> str:
    return str(commit["message"]).strip().partition("\n")[0]


def _encryption(action: Action) -> dict[str, str]:
    """Name the artifact store's key, if the pipeline declares one; else the bucket's default holds."""
    key = action.execution.declaration["artifactStore"].get("encryptionKey")
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["id"]} if key else {}
