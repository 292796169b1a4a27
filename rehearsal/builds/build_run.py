"""One build from PROVISIONING to the end: the buildspec's own commands, as the project's service role.

The order of the phases and what a failure leaves out: AWS CodeBuild user guide, "Build phase transitions".
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import AwsError, Cloud, Credentials
from rehearsal.account.log_stream import LogStream
from rehearsal.builds import build_record as status
from rehearsal.builds.build_image import BuildImageError, make_build_image
from rehearsal.builds.build_record import BuildRecord, PhaseError
from rehearsal.builds.buildspec import Buildspec, BuildspecError, Phase, parse
from rehearsal.builds.shell import ANNOUNCEMENT, DeadlineError, Failure, Shell, StoppedError
from rehearsal.folders import remove
from rehearsal.pipeline.artifacts import BuildInputs, NoMatchingFilesError, pack, unpack

CODEBUILD = "codebuild.amazonaws.com"
_DEFAULT_BUILDSPEC = "buildspec.yml"
_REASON_LINES = 3
_REASON_CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """What one build works on. `variables` are the project's and the caller's, the caller's last."""

    inputs: BuildInputs
    variables: Mapping[str, str]
    timeout_seconds: float
    folder: Path
    bytecode: Path


class BuildRun:
    """Runs one build in the calling thread and keeps its record."""

    def __init__(self, cloud: Cloud, record: BuildRecord, plan: BuildPlan) -> None:
        self._cloud = cloud
        self._record = record
        self._plan = plan
        self._identity = record.identity
        self._started = time.time()
        self._shell: Shell | None = None
        self._stopped = False

    def run(self) -> None:
        """Run every phase; the record says how it came out. Raises nothing that the build itself is to blame for."""
        outcome = status.FAILED
        try:
            with self._record.phase("PROVISIONING"):
                if self._stopped:
                    raise PhaseError("BUILD_STOPPED", "Build was stopped.", status.STOPPED)
                credentials, log = self._provision()
            try:
                outcome = self._build(credentials, log)
            finally:
                with _as_phase_error("CLIENT_ERROR", "build log"):
                    log.flush()
        except PhaseError as error:
            outcome = error.status
        finally:
            self._record.finish(outcome)
            # The next stage works already.
            remove(self._plan.folder / "image", in_no_hurry=True)

    def stop(self) -> None:
        """Kill the commands that run. May be called from any thread."""
        self._stopped = True
        if self._shell:
            self._shell.stop()

    def _build(self, credentials: Credentials, log: LogStream) -> str:
        deadline = time.monotonic() + self._plan.timeout_seconds
        with self._record.phase("DOWNLOAD_SOURCE"):
            folders = self._download(credentials)
            source = folders[self._plan.inputs.primary]
            spec = self._read_buildspec(source)
            self._shell = shell = self._open_shell(spec, credentials, folders, log)
            if self._stopped:
                shell.stop()
        outcome = status.SUCCEEDED
        for phase in spec.phases:
            # Only a failed BUILD goes on, and only to POST_BUILD, which can see it in this variable.
            shell.environment["CODEBUILD_BUILD_SUCCEEDING"] = "1" if outcome == status.SUCCEEDED else "0"
            try:
                with self._record.phase(phase.name.upper()):
                    self._run_phase(phase, shell, log, deadline)
            except PhaseError as error:
                outcome = error.status
                if error.status != status.FAILED:
                    return outcome
                if phase.name != "build":
                    break
        exported = spec.exported_variables
        self._record.export({name: shell.environment[name] for name in exported if name in shell.environment})
        # Attempted whatever happened before, so a build writes last what must not outlive a failure.
        with self._record.phase("UPLOAD_ARTIFACTS"):
            self._upload(spec, source, credentials)
        return outcome

    # --- phases ------------------------------------------------------------------------------------------------------

    def _provision(self) -> tuple[Credentials, LogStream]:
        role, known = self._identity.project["serviceRole"], self._identity
        with _as_phase_error("ACCESS_DENIED", f"Service role {role}"):
            credentials = self._cloud.assume(
                role, CODEBUILD, source_arn=known.project["arn"], session=f"AWSCodeBuild-{known.log_stream}"
            )
        log = LogStream(self._cloud.client("logs", credentials), group=known.log_group, stream=known.log_stream)
        text = f"Service role {role} does not allow AWS CodeBuild to write Amazon CloudWatch Logs for build {known.arn}"
        with _as_phase_error("ACCESS_DENIED", text):
            log.open()
            log.add(f"{ANNOUNCEMENT}Build {known.build_id} starts")
            log.flush()
        return credentials, log

    def _download(self, credentials: Credentials) -> dict[str, Path]:
        s3 = self._cloud.client("s3", credentials)
        folders = {}
        for name, place in self._plan.inputs.inputs.items():
            folders[name] = self._plan.folder / "source" / name
            with _as_phase_error("CLIENT_ERROR", f"artifact {name} of arn:aws:s3:::{place.bucket}/{place.key}"):
                archive = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
            unpack(archive, folders[name])
        return folders

    def _read_buildspec(self, source: Path) -> Buildspec:
        declared = self._identity.project["source"].get("buildspec") or _DEFAULT_BUILDSPEC
        if "\n" not in declared and not (source / declared).is_file():
            raise PhaseError("YAML_FILE_ERROR", f"stat {declared}: no such file or directory")
        try:
            return parse(declared if "\n" in declared else (source / declared).read_text(encoding="utf-8"))
        except BuildspecError as error:
            raise PhaseError("YAML_FILE_ERROR", str(error)) from error

    def _run_phase(self, phase: Phase, shell: Shell, log: LogStream, deadline: float) -> None:
        first_line = len(log.lines())
        try:
            failure = shell.run(phase.commands, deadline=deadline)
            failure = shell.run(phase.finally_commands, deadline=deadline) or failure
        except DeadlineError:
            text = f"Build has timed out after {self._identity.project['timeoutInMinutes']} minutes."
            raise PhaseError("BUILD_TIMED_OUT", text, status.TIMED_OUT) from None
        except StoppedError:
            raise PhaseError("BUILD_STOPPED", "Build was stopped.", status.STOPPED) from None
        if failure:
            raise PhaseError("COMMAND_EXECUTION_ERROR", _explain(failure, log.lines()[first_line:]))

    def _upload(self, spec: Buildspec, source: Path, credentials: Credentials) -> None:
        outputs = self._plan.inputs.outputs
        s3 = self._cloud.client("s3", credentials)
        for name, place in outputs.items():
            single = spec.artifacts if len(outputs) == 1 else None
            selection = spec.secondary_artifacts.get(name, single)
            if selection is None:
                raise PhaseError("CLIENT_ERROR", f"no definition for artifact {name} in the buildspec")
            try:
                content = pack(selection, source)
            except NoMatchingFilesError as error:
                raise PhaseError("CLIENT_ERROR", str(error)) from error
            with _as_phase_error("CLIENT_ERROR", f"artifact {name} to arn:aws:s3:::{place.bucket}/{place.key}"):
                s3.put_object(Bucket=place.bucket, Key=place.key, Body=content)

    # --- the shell's environment -------------------------------------------------------------------------------------

    def _open_shell(
        self, spec: Buildspec, credentials: Credentials, folders: Mapping[str, Path], log: LogStream
    ) -> Shell:
        folder = self._plan.folder
        scratch, temporary = folder / "commands", folder / "tmp"
        scratch.mkdir()
        temporary.mkdir()

        def on_line(line: str) -> None:
            """Keep every line for the log, and show what the commands themselves print."""
            log.add(line)
            if line.strip() and not line.startswith(ANNOUNCEMENT):
                self._cloud.progress.note(self._identity.project_name, line.strip())

        try:
            image = make_build_image(folder / "image", self._plan.bytecode)
        except BuildImageError as error:
            raise PhaseError("CLIENT_ERROR", f"build image: {error}") from error
        environment = {
            **self._cloud.environment(),
            **image,
            **credentials.environment(),
            "TMPDIR": str(temporary),
            **self._codebuild_variables(folders),
            **spec.variables,
            **self._plan.variables,
        }
        source = folders[self._plan.inputs.primary]
        return Shell(program=spec.shell, directory=source, environment=environment, scratch=scratch, on_line=on_line)

    def _codebuild_variables(self, folders: Mapping[str, Path]) -> dict[str, str]:
        """Source: AWS CodeBuild user guide, "Environment variables in build environments"."""
        known, primary = self._identity, self._plan.inputs.primary
        secondary = {f"CODEBUILD_SRC_DIR_{name}": str(path) for name, path in folders.items() if name != primary}
        return {
            "CODEBUILD_BUILD_ARN": known.arn,
            "CODEBUILD_BUILD_ID": known.build_id,
            "CODEBUILD_BUILD_IMAGE": known.project["environment"]["image"],
            "CODEBUILD_BUILD_NUMBER": str(known.number),
            "CODEBUILD_INITIATOR": known.initiator,
            "CODEBUILD_KMS_KEY_ID": known.project["encryptionKey"],
            "CODEBUILD_LOG_PATH": known.log_stream,
            "CODEBUILD_PROJECT_ARN": known.project["arn"],
            "CODEBUILD_RESOLVED_SOURCE_VERSION": known.resolved_source_version,
            "CODEBUILD_SOURCE_VERSION": known.source_version,
            "CODEBUILD_SRC_DIR": str(folders[primary]),
            "CODEBUILD_START_TIME": str(int(self._started * 1000)),
            **secondary,
        }


@contextlib.contextmanager
def _as_phase_error(code: str, about: str) -> Iterator[None]:
    try:
        yield
    except (AwsError, ClientError) as error:
        refusal = as_aws_error(error)
        raise PhaseError(code, f"{about}: {refusal.code}: {refusal.message}") from error


def _explain(failure: Failure, lines: tuple[str, ...]) -> str:
    """Say which command failed and, beyond what CodeBuild says, why: the error line it printed, or its last lines."""
    printed = [line.strip() for line in lines if line.strip() and not line.startswith(ANNOUNCEMENT)]
    named = [line for line in printed if line.lower().startswith("error:")]
    reason = named[-1] if named else " | ".join(printed[-_REASON_LINES:])
    text = f"Error while executing command: {failure.command}. Reason: exit status {failure.exit_status}"
    return f"{text}. {reason[-_REASON_CHARACTERS:]}" if reason else text
