"""CodeBuild's part of the road: builds started through its API really run, each in a thread of its own."""

import threading
import time
import uuid
from collections.abc import Mapping
from itertools import count
from typing import Any

from rehearsal.account.cloud import AwsError, Caller, Cloud
from rehearsal.builds.build_image import share_bytecode
from rehearsal.builds.build_record import BuildIdentity, BuildRecord
from rehearsal.builds.build_run import BuildPlan, BuildRun
from rehearsal.folders import remove
from rehearsal.pipeline.artifacts import BuildInputs

SECONDS_PER_MINUTE = 60.0
_CLOSE_SECONDS = 10.0
_DEFAULT_TIMEOUT_MINUTES = 60
_KNOWN_PARAMETERS = frozenset({"projectName", "idempotencyToken", "environmentVariablesOverride"})


class BuildRunner:
    """Answers StartBuild, StopBuild, BatchGetBuilds and ListBuildsForProject.

    Builds of one project run one after the other.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._handed_over: dict[str, BuildInputs] = {}
        self._records: dict[str, BuildRecord] = {}
        self._by_token: dict[str, BuildRecord] = {}
        self._running: dict[str, tuple[BuildRun, threading.Thread]] = {}
        self._closed = False
        self._numbers: dict[str, count[int]] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._bytecode = cloud.work / "build-bytecode"
        self._warming = threading.Thread(target=share_bytecode, args=(self._bytecode,), name="bytecode", daemon=True)
        cloud.operation("codebuild", "StartBuild", self._start_build)
        cloud.operation("codebuild", "StopBuild", self._stop_build)
        cloud.operation("codebuild", "BatchGetBuilds", self._batch_get_builds)
        cloud.operation("codebuild", "ListBuildsForProject", self._list_builds)

    def warm_up(self) -> None:
        """Prepare what every image shares while there is other work to do; the first build waits for it."""
        self._warming.start()

    def hand_over(self, token: str, inputs: BuildInputs) -> None:
        """Keep what the build that will be started under this idempotency token works on."""
        with self._lock:
            self._handed_over[token] = inputs

    def wait(self, build_id: str, seconds: float) -> bool:
        """Return when the build is over, and after `seconds` in any case: whether it is. Raises KeyError if unknown."""
        with self._lock:
            record = self._records[build_id]
        return record.wait(seconds)

    def close(self) -> None:
        """Kill the commands of every running build, start nothing more, and wait until the builds have cleaned up."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for run, _ in running:
            run.stop()
        threads = [thread for _, thread in running]
        if self._warming.is_alive():
            threads.append(self._warming)
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # --- operations --------------------------------------------------------------------------------------------------

    def _start_build(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        if unknown := sorted(set(params) - _KNOWN_PARAMETERS):
            raise AwsError("InvalidInputException", f"not emulated: StartBuild with {', '.join(unknown)}")
        name, token = params["projectName"], params.get("idempotencyToken", "")
        project = self._project(name)
        declared = project["environment"].get("environmentVariables", [])
        variables = _plain_variables(declared, params.get("environmentVariablesOverride", []))
        with self._lock:
            if token in self._by_token:
                return {"build": self._by_token[token].describe()}
            inputs = self._handed_over.pop(token, None)
            if inputs is None:
                text = f"Build of {name} must be started by its pipeline: its source type is CODEPIPELINE"
                raise AwsError("InvalidInputException", text)
            record = BuildRecord(self._identity(project, inputs))
            self._records[record.identity.build_id] = self._by_token[token] = record
            turn = self._turns.setdefault(name, threading.Lock())
        plan = BuildPlan(
            inputs=inputs,
            variables=variables,
            timeout_seconds=project["timeoutInMinutes"] * SECONDS_PER_MINUTE,
            folder=self._cloud.work / "builds" / name,
            bytecode=self._bytecode,
        )
        run, name = BuildRun(self._cloud, record, plan), record.identity.build_id
        thread = threading.Thread(target=self._run, args=(run, record, plan, turn), name=name, daemon=True)
        with self._lock:
            if self._closed:
                run.stop()
            self._running[name] = run, thread
            thread.start()
        return {"build": record.describe()}

    def _batch_get_builds(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        with self._lock:
            found = [self._records[build_id] for build_id in params["ids"] if build_id in self._records]
            missing = [build_id for build_id in params["ids"] if build_id not in self._records]
        return {"builds": [record.describe() for record in found], "buildsNotFound": missing}

    def _list_builds(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        """Answer with the ids of a project's builds, newest first as they are by default."""
        if params.get("sortOrder", "DESCENDING") != "DESCENDING" or "nextToken" in params:
            raise NotImplementedError("ListBuildsForProject oldest first, or in pages")
        name = params["projectName"]
        self._project(name)
        with self._lock:
            found = [each for each in self._records.values() if each.identity.project_name == name]
        return {"ids": [record.identity.build_id for record in reversed(found)]}

    def _stop_build(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        """Stop a build that runs or waits for its turn; one that has ended stays as it is."""
        with self._lock:
            record, running = self._records.get(params["id"]), self._running.get(params["id"])
        if record is None:
            raise AwsError("ResourceNotFoundException", f"Build cannot be found: {params['id']}")
        if running is not None:
            running[0].stop()
        return {"build": record.describe()}

    # --- one build ---------------------------------------------------------------------------------------------------

    def _project(self, name: str) -> dict[str, Any]:
        found = self._cloud.client("codebuild").batch_get_projects(names=[name])["projects"]
        if not found:
            raise AwsError("ResourceNotFoundException", f"Project cannot be found: {name}")
        return {"timeoutInMinutes": _DEFAULT_TIMEOUT_MINUTES, **found[0]}

    def _identity(self, project: Mapping[str, Any], inputs: BuildInputs) -> BuildIdentity:
        name = project["name"]
        build_id = f"{name}:{uuid.uuid4()}"
        place = inputs.inputs[inputs.primary]
        logs = project.get("logsConfig", {}).get("cloudWatchLogs", {})
        return BuildIdentity(
            build_id=build_id,
            number=next(self._numbers.setdefault(name, count(1))),
            project=project,
            arn=f"arn:aws:codebuild:{self._cloud.region}:{self._cloud.account}:build/{build_id}",
            log_group=logs.get("groupName", f"/aws/codebuild/{name}"),
            initiator=inputs.initiator,
            source_version=f"arn:aws:s3:::{place.bucket}/{place.key}",
            resolved_source_version=inputs.source_version,
        )

    def _run(self, run: BuildRun, record: BuildRecord, plan: BuildPlan, turn: threading.Lock) -> None:
        # One after the other, because a project's builds share a folder: a path that stays the same lets Python find
        # what it compiled for the build before.
        with turn:
            remove(plan.folder)
            plan.folder.mkdir(parents=True)
            if self._warming.is_alive():
                self._warming.join()
            run.run()
        with self._lock:
            del self._running[record.identity.build_id]


def _plain_variables(*sources: list[dict[str, str]]) -> dict[str, str]:
    """Return variables by name, a later source winning. Raises AwsError for values that lie in another service."""
    variables = {}
    for variable in (each for source in sources for each in source):
        if variable.get("type", "PLAINTEXT") != "PLAINTEXT":
            text = f"not emulated: environment variable {variable['name']} of type {variable['type']}"
            raise AwsError("InvalidInputException", text)
        variables[variable["name"]] = variable["value"]
    return variables
