"""What the tests of pipelines need: an account with a repository, and builds and functions on a string."""

import io
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.account.calls import Reply
from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.artifacts import BuildInputs
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.codepipeline import Execution, Limits, PipelineExecutor
from rehearsal.pipeline.events import EventBus

REGION = "us-east-1"
SERVICE = "codepipeline.amazonaws.com"
REPOSITORY = "repo"
BUCKET = "artifacts"
WAIT_SECONDS = 20
MINUTE_SECONDS = 0.02

Action = dict[str, Any]


class Notes:
    """Progress that can be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def note(self, where: str, what: str) -> None:
        with self._changed:
            self.lines.append(f"{where}: {what}")
            self._changed.notify_all()

    def await_line(self, text: str, count: int = 1) -> None:
        with self._changed:
            seen = self._changed.wait_for(lambda: sum(text in line for line in self.lines) >= count, WAIT_SECONDS)
            assert seen, f"no {text!r} in {self.lines}"


class Builds:
    """Takes the place of the build runner: builds end as `results` says, and wait while their project is held."""

    def __init__(self, cloud: Cloud) -> None:
        self.handed_over: dict[str, BuildInputs] = {}
        self.started: list[dict[str, Any]] = []
        self.results: dict[str, dict[str, Any]] = {}
        self.held: set[str] = set()
        cloud.operation("codebuild", "StartBuild", self._start)
        cloud.operation("codebuild", "BatchGetBuilds", self._get)

    def hand_over(self, token: str, inputs: BuildInputs) -> None:
        self.handed_over[token] = inputs

    def _start(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        self.started.append(params)
        return {"build": {"id": f"{params['projectName']}:{len(self.started)}", "buildStatus": "IN_PROGRESS"}}

    def _get(self, params: dict[str, Any], _caller: str) -> dict[str, Any]:
        [build_id] = params["ids"]
        project = build_id.partition(":")[0]
        status = "IN_PROGRESS" if project in self.held else "SUCCEEDED"
        return {"builds": [{"id": build_id, "buildStatus": status, **self.results.get(project, {})}]}


class Functions:
    """Takes the place of the function runner: keeps each job, and reports what `result` says, or nothing."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.jobs: list[dict[str, Any]] = []
        self.result: dict[str, Any] | None = {}
        cloud.operation("lambda", "Invoke", self._invoke)

    def _invoke(self, params: dict[str, Any], _caller: str) -> Reply:
        assert params["InvocationType"] == "Event"
        payload = params["Payload"]
        self.jobs.append(
            json.loads(payload if isinstance(payload, bytes | str) else payload.read())["CodePipeline.job"]
        )
        if self.result is not None:
            self.report(self.jobs[-1]["id"], self.result)
        return Reply(status=202, headers={}, body=b"")

    def report(self, job_id: str, result: dict[str, Any]) -> None:
        client = self._cloud.client("codepipeline")
        put = client.put_job_failure_result if "failureDetails" in result else client.put_job_success_result
        put(jobId=job_id, **result)


class Account:
    """A running account with an executor. `grants` maps each action of the pipeline's role to its resource."""

    def __init__(self, cloud: Cloud, notes: Notes) -> None:
        self.cloud, self.notes = cloud, notes
        self.repositories = Repositories(cloud, EventBus(cloud, lambda arn, event: None))
        self.builds, self.functions = Builds(cloud), Functions(cloud)
        self.executor = PipelineExecutor(
            cloud, self.repositories, self.builds, limits=Limits(minute_seconds=MINUTE_SECONDS, approval_minutes=1000)
        )
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        cloud.client("codecommit").create_repository(repositoryName=REPOSITORY)
        self.commit = _first_commit(Path(self.repositories.create(REPOSITORY)), cloud.work / "clone")

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{self.cloud.account}:{rest}"

    @property
    def grants(self) -> dict[str, str]:
        repository = self.arn("codecommit", REPOSITORY)
        return {
            "codecommit:GetBranch": repository,
            "codecommit:GetCommit": repository,
            "codecommit:UploadArchive": repository,
            "codecommit:GetUploadArchiveStatus": repository,
            "s3:GetBucketVersioning": f"arn:aws:s3:::{BUCKET}",
            "s3:PutObject": f"arn:aws:s3:::{BUCKET}/*",
            "codebuild:StartBuild": self.arn("codebuild", "project/*"),
            "codebuild:BatchGetBuilds": self.arn("codebuild", "project/*"),
            "lambda:InvokeFunction": self.arn("lambda", "function:*"),
            "sns:Publish": self.arn("sns", "*"),
        }

    def declare(
        self, name: str, *stages: list[Action], without: str = "", trusted_pipeline: str = "", **store: Any
    ) -> None:
        """Create a pipeline of these stages, and its role, which lacks the grant `without`."""
        self.cloud.client("codepipeline").create_pipeline(
            pipeline=declaration(name, *stages, role_arn=self._role(name, without), store=store)
        )
        if trusted_pipeline:
            self.cloud.client("iam").update_assume_role_policy(
                RoleName=name, PolicyDocument=_trust(self.arn("codepipeline", trusted_pipeline))
            )

    def _role(self, name: str, without: str) -> str:
        iam = self.cloud.client("iam")
        trust = _trust(self.arn("codepipeline", name))
        role_arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        statements = [
            {"Sid": action.replace(":", ""), "Effect": "Allow", "Action": action, "Resource": resource}
            for action, resource in self.grants.items()
            if action != without
        ]
        policy = iam.create_policy(PolicyName=name, PolicyDocument=_document(statements))["Policy"]
        iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
        return str(role_arn)

    def start(self, name: str) -> str:
        return str(self.cloud.client("codepipeline").start_pipeline_execution(name=name)["pipelineExecutionId"])

    def run(self, name: str) -> Execution:
        """Start a pipeline and wait for its end."""
        return self.executor.wait(self.start(name), WAIT_SECONDS)

    def stored(self, key: str) -> Mapping[str, bytes]:
        """Return the files of a zip in the artifact bucket."""
        body = self.cloud.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as content:
            return {name: content.read(name) for name in content.namelist()}


def declaration(name: str, *stages: list[Action], role_arn: str = "arn:aws:iam::1:role/r", store: Any = None) -> Action:
    """Return a pipeline's declaration with stages S1, S2, ..."""
    return {
        "name": name,
        "roleArn": role_arn,
        "artifactStore": {"type": "S3", "location": BUCKET, **(store or {})},
        "stages": [{"name": f"S{number}", "actions": actions} for number, actions in enumerate(stages, start=1)],
        "pipelineType": "V2",
        "executionMode": "SUPERSEDED",
    }


def action(provider: str, name: str, category: str, configuration: dict[str, str], **more: Any) -> Action:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    artifacts = {
        key: [{"name": each} for each in more.pop(ours, ())]
        for ours, key in (("takes", "inputArtifacts"), ("makes", "outputArtifacts"))
    }
    return {"name": name, "actionTypeId": kind, "runOrder": 1, "configuration": configuration, **artifacts, **more}


def source(**more: Any) -> Action:
    configuration = {"RepositoryName": REPOSITORY, "BranchName": "main", "PollForSourceChanges": "false"}
    given = {"makes": ["Source"], "namespace": "SourceVariables", **more}
    return action("CodeCommit", "Source", "Source", {**configuration, **given.pop("configuration", {})}, **given)


def build(project: str, variables: dict[str, str] | None = None, **more: Any) -> Action:
    listed = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in (variables or {}).items()]
    configuration = {"ProjectName": project, **({"EnvironmentVariables": json.dumps(listed)} if listed else {})}
    given = {"takes": ["Source"], **more}
    return action("CodeBuild", project, "Build", {**configuration, **given.pop("configuration", {})}, **given)


def judge(parameters: str = "-", **more: Any) -> Action:
    return action("Lambda", "Judge", "Invoke", {"FunctionName": "judge", "UserParameters": parameters}, **more)


def approval(configuration: dict[str, str] | None = None, **more: Any) -> Action:
    return action("Manual", "Approve", "Approval", configuration or {}, **more)


def _trust(pipeline_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:SourceArn": pipeline_arn}},
    }
    return _document([statement])


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _first_commit(repository: Path, clone: Path) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        command = ["git", *identity, *arguments]
        done = subprocess.run(
            command, cwd=clone, env=environment, check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip()

    clone.mkdir()
    git("clone", "-q", str(repository), ".")
    git("checkout", "-q", "-B", "main")
    (clone / "buildspec.yml").write_text("version: 0.2\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first model\n\nwith a body")
    git("push", "-q", "origin", "main")
    return git("rev-parse", "HEAD")
