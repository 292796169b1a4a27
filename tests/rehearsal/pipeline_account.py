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
from rehearsal.pipeline.code_host import CodeHost
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.codepipeline import Execution, Limits, PipelineExecutor, Sources
from rehearsal.pipeline.events import EventBus

REGION = "us-east-1"
SERVICE = "codepipeline.amazonaws.com"
REPOSITORY = "repo"
BUCKET = "artifacts"
CONNECTION = f"arn:aws:codeconnections:{REGION}:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef"
WAIT_SECONDS = 20
PAUSE_SECONDS = 0.05
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
        self._over = threading.Event()  # a build may be held whatever it says
        cloud.operation("codebuild", "StartBuild", self._start)
        cloud.operation("codebuild", "BatchGetBuilds", self._get)

    def hand_over(self, token: str, inputs: BuildInputs) -> None:
        self.handed_over[token] = inputs

    def wait(self, build_id: str, seconds: float) -> bool:
        return self._over.wait(min(seconds, PAUSE_SECONDS))

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


class Bus(EventBus):
    """A bus that keeps what CodePipeline tells it, once and in order, and delivers nothing."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, lambda arn, event: None)
        self.told: list[dict[str, Any]] = []

    def emit_at_least_once(self, source: str, detail_type: str, detail: Any, resources: Any) -> None:
        self.told.append({"source": source, "detail-type": detail_type, "detail": detail, "resources": resources})

    def of(self, execution: Execution, level: str) -> list[dict[str, Any]]:
        """Return the details of one execution's events of a level ("Action")."""
        details = [each["detail"] for each in self.told if each["detail-type"].split()[1] == level]
        return [detail for detail in details if detail["execution-id"] == execution.id]


class Account:
    """A running account with an executor. `grants` maps each action of the pipeline's role to its resource."""

    def __init__(self, cloud: Cloud, notes: Notes) -> None:
        self.cloud, self.notes = cloud, notes
        self.bus = Bus(cloud)
        self.repositories, self.code_host = Repositories(cloud, self.bus), CodeHost(cloud)
        self.builds, self.functions = Builds(cloud), Functions(cloud)
        self.executor = PipelineExecutor(
            cloud,
            self.bus,
            Sources(repositories=self.repositories, code_host=self.code_host),
            self.builds,
            limits=Limits(minute_seconds=MINUTE_SECONDS, approval_minutes=1000),
        )
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        cloud.client("codecommit").create_repository(repositoryName=REPOSITORY)
        self.commit = _first_commit(Path(self.repositories.create(REPOSITORY)), cloud.work / "clone")

    def forget(self) -> None:
        """Let go of what the test before has left; the pipelines that it declared stay."""
        for memory in (
            self.notes.lines,
            self.bus.told,
            self.builds.started,
            self.builds.handed_over,
            self.builds.results,
            self.builds.held,
            self.functions.jobs,
        ):
            memory.clear()
        self.functions.result = {}

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
            "s3:PutObjectAcl": f"arn:aws:s3:::{BUCKET}/*",
            "codebuild:StartBuild": self.arn("codebuild", "project/*"),
            "codebuild:BatchGetBuilds": self.arn("codebuild", "project/*"),
            "lambda:InvokeFunction": self.arn("lambda", "function:*"),
            "sns:Publish": self.arn("sns", "*"),
            "kms:GenerateDataKey": self.arn("kms", "key/*"),
            "kms:Decrypt": self.arn("kms", "key/*"),
            "codeconnections:UseConnection": CONNECTION,
        }

    def declare(
        self,
        name: str,
        *stages: list[Action],
        without: str = "",
        trusted_pipeline: str = "",
        more: Mapping[str, Any] | None = None,
        **store: Any,
    ) -> None:
        """Create a pipeline of these stages, and its role, which lacks the grant `without`."""
        self.cloud.client("codepipeline").create_pipeline(
            pipeline={**declaration(name, *stages, role_arn=self._role(name, without), store=store), **(more or {})}
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

    def start(self, name: str, **variables: str) -> str:
        given = [{"name": key, "value": value} for key, value in variables.items()]
        parameters = {"variables": given} if given else {}
        client = self.cloud.client("codepipeline")
        return str(client.start_pipeline_execution(name=name, **parameters)["pipelineExecutionId"])

    def run(self, name: str, **variables: str) -> Execution:
        """Start a pipeline and wait for its end."""
        return self.executor.wait(self.start(name, **variables), WAIT_SECONDS)

    def token(self, name: str) -> str:
        """Wait until the second stage of a pipeline asks a person, and return the token for the answer."""
        self.notes.await_line("waits for a person")
        state = self.cloud.client("codepipeline").get_pipeline_state(name=name)
        return str(state["stageStates"][1]["actionStates"][0]["latestExecution"]["token"])

    def answer(self, name: str, token: str, status: str = "Approved", *, client: Any = None, **more: Any) -> None:
        """Answer an approval with the comment "seen", as the operator unless `client` is somebody's."""
        given = {"stageName": "S2", "actionName": "Approve", "result": {"status": status, "summary": "seen"}, **more}
        (client or self.cloud.client("codepipeline")).put_approval_result(pipelineName=name, token=token, **given)

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


def connected(repository: str, **configuration: str) -> Action:
    """A source action on a code host's repository."""
    given = {"ConnectionArn": CONNECTION, "FullRepositoryId": repository, "BranchName": "main", **configuration}
    more = {"makes": ["Source"], "namespace": "SourceVariables"}
    return action("CodeStarSourceConnection", "Source", "Source", given, **more)


def trigger(**branches: list[str]) -> Action:
    """A trigger on pushes to these branches; to main unless said."""
    filters = [{"branches": branches or {"includes": ["main"]}}]
    configuration = {"sourceActionName": "Source", "push": filters}
    return {"providerType": "CodeStarSourceConnection", "gitConfiguration": configuration}


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
