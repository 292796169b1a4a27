import io
import os
import subprocess
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.account.cloud import Cloud
from rehearsal.builds import codebuild
from rehearsal.builds.build_image import uv_script
from rehearsal.builds.codebuild import BuildRunner
from rehearsal.pipeline.artifacts import BuildInputs, S3Object
from tests.rehearsal.runner_account import ANYTHING, eventually, logged, make_role, running_cloud

BUCKET = "artifacts"
BUILD_SECONDS = 60
OUTPUT = S3Object(bucket=BUCKET, key="out/BuildArtif/1")


class Builds:
    """Starts builds as a pipeline does, with the buildspec inside the source artifact, and waits for their end."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.runner = BuildRunner(cloud)
        self.client = cloud.client("codebuild")
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        self.everything = make_role(cloud, "AllRole", "codebuild.amazonaws.com", ANYTHING)
        self.usual = self.project()

    def project(self, *, role: str = "", variables: dict[str, str] | None = None, minutes: int = 5) -> str:
        name = f"project-{uuid.uuid4().hex[:8]}"
        self.cloud.client("logs").create_log_group(logGroupName=f"/logs/{name}")
        self.client.create_project(
            name=name,
            serviceRole=role or self.everything,
            source={"type": "CODEPIPELINE", "buildspec": "specs/build.yml"},
            artifacts={"type": "CODEPIPELINE"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": key, "value": value} for key, value in (variables or {}).items()],
            },
            timeoutInMinutes=minutes,
            logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": f"/logs/{name}"}},
        )
        return name

    def artifact(self, files: dict[str, str]) -> S3Object:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        place = S3Object(bucket=BUCKET, key=f"in/{uuid.uuid4()}")
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=place.key, Body=content.getvalue())
        return place

    def inputs(self, buildspec: str, **outputs: S3Object) -> BuildInputs:
        source = self.artifact({"specs/build.yml": "version: 0.2\n" + buildspec, "README": "read me"})
        return BuildInputs(
            primary="Source",
            inputs={"Source": source},
            outputs=outputs,
            source_version="0123abc",
            initiator="codepipeline/road",
        )

    def start(self, project: str, inputs: BuildInputs, **parameters: Any) -> str:
        token = str(uuid.uuid4())
        self.runner.hand_over(token, inputs)
        started = self.client.start_build(projectName=project, idempotencyToken=token, **parameters)
        return str(started["build"]["id"])

    def wait(self, build_id: str) -> dict[str, Any]:
        assert self.runner.wait(build_id, BUILD_SECONDS), "nobody was told that the build is over"
        build: dict[str, Any] = self.client.batch_get_builds(ids=[build_id])["builds"][0]
        assert build["buildComplete"]
        return build

    def run(self, buildspec: str, project: str = "", **outputs: S3Object) -> dict[str, Any]:
        return self.wait(self.start(project or self.usual, self.inputs(buildspec, **outputs)))

    def printed(self, build: dict[str, Any]) -> list[str]:
        lines = logged(self.cloud, build["logs"]["groupName"], build["logs"]["streamName"])
        return [line for line in lines if not line.startswith("[Container]")]

    def content(self, place: S3Object) -> dict[str, str]:
        body = self.cloud.client("s3").get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield Builds(cloud)


def phases(build: dict[str, Any]) -> dict[str, str]:
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


def messages(build: dict[str, Any]) -> str:
    return " ".join(
        f"{context['statusCode']}: {context['message']}"
        for phase in build["phases"]
        for context in phase.get("contexts", [])
    )


# --- what commands see -----------------------------------------------------------------------------------------------


def test_exports_and_the_directory_are_carried_from_phase_to_phase_but_plain_variables_are_not(builds: Builds):
    build = builds.run("""
phases:
  install: {commands: ['export KEPT="a b"', 'LOST=1', 'mkdir deep', 'cd deep', 'echo "$LOST"']}
  build: {commands: ['echo "$KEPT/$LOST/$(basename "$PWD")"']}
""")
    assert builds.printed(build) == ["1", "a b//deep"]
    assert build["buildStatus"] == "SUCCEEDED"


def test_the_caller_overrides_the_project_which_overrides_the_buildspec(builds: Builds):
    inputs = builds.inputs("""
env: {variables: {A: spec, B: spec, C: spec}}
phases: {build: {commands: ['echo $A $B $C']}}
""")
    project = builds.project(variables={"B": "project", "C": "project"})
    build = builds.wait(builds.start(project, inputs, environmentVariablesOverride=[{"name": "C", "value": "caller"}]))
    assert builds.printed(build) == ["spec project caller"]


def test_a_build_sees_its_own_identity_and_where_its_artifacts_lie(builds: Builds):
    commands = [
        "echo $CODEBUILD_BUILD_ID $CODEBUILD_INITIATOR $CODEBUILD_RESOLVED_SOURCE_VERSION $CODEBUILD_BUILD_NUMBER",
        "echo $(cat $CODEBUILD_SRC_DIR/README) $(cat $CODEBUILD_SRC_DIR_Other/note) $AWS_REGION",
        '[ "$CODEBUILD_SRC_DIR" = "$PWD" ]',
    ]
    inputs = builds.inputs(f"phases: {{build: {{commands: {commands}}}}}")
    other = builds.artifact({"note": "from the other"})
    inputs = replace(inputs, inputs={"Other": other, **inputs.inputs})
    build = builds.wait(builds.start(builds.usual, inputs))
    assert builds.printed(build) == [
        f"{build['id']} codepipeline/road 0123abc {build['buildNumber']}",
        "read me from the other us-east-1",
    ]


def test_nothing_of_the_caller_reaches_a_build(builds: Builds, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("AWS_PROFILE", "production")
    commands = [
        "echo [$SECRET_OF_THE_CALLER$PYTHONPATH$AWS_PROFILE]",
        """for name in moto rehearsal boto3 pytest; do python -c "import $name" 2>&1 | tail -1; done""",
        "python -c 'import sys; print(sys.prefix)'",
    ]
    build = builds.run(f"phases: {{build: {{commands: {commands!r}}}}}")
    *lines, prefix = builds.printed(build)
    assert lines == [
        "[]",
        *(f"ModuleNotFoundError: No module named '{n}'" for n in ("moto", "rehearsal", "boto3", "pytest")),
    ]
    assert Path(prefix).is_relative_to(builds.cloud.work)


def test_the_image_has_pip_and_uv_and_what_a_build_removes_stays_with_us(builds: Builds):
    import pip
    import uv

    build = builds.run("""
phases:
  build:
    commands:
      - python -m pip --version
      - pip --version
      - python -m uv --version
      - pip uninstall --yes --quiet uv
      - python -m pip uninstall --yes --quiet pip
      - python -c 'import pip' || echo gone
""")
    lines = builds.printed(build)
    assert lines[0] == lines[1]
    assert lines[2].startswith("uv ")
    assert lines[-1] == "gone"
    assert Path(pip.__file__).exists()
    assert Path(uv.find_uv_bin()).exists()


@pytest.mark.parametrize(
    ("command", "cached", "calls"),
    [
        ("pip install x", True, ["offline pip install x"]),
        ("pip install x", False, ["offline pip install x", "online pip install x"]),
        ("pip list", False, ["online pip list"]),
    ],
)
def test_uv_asks_the_index_only_for_what_its_cache_lacks(tmp_path: Path, command: str, cached: bool, calls: list[str]):
    asked, uv, script = tmp_path / "asked", tmp_path / "uv", tmp_path / "script"
    uv.write_text(f"""#!/bin/sh
echo "${{UV_OFFLINE:+off}}${{UV_OFFLINE:-on}}line $*" | sed s/off1/off/ >> {asked}
echo installed
[ -z "$UV_OFFLINE" ] || {str(cached).lower()}
""")
    uv.chmod(0o755)
    script.write_text(uv_script(str(uv)))
    ended = subprocess.run(["sh", script, *command.split()], env={"PATH": os.defpath}, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "installed\n")
    assert asked.read_text().splitlines() == calls


def test_a_build_acts_in_aws_with_the_rights_of_its_service_role(builds: Builds):
    read = ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")
    logs = ("logs:*", "*")
    role = make_role(builds.cloud, "ReadRole", "codebuild.amazonaws.com", read, logs)
    program = "import os; print(os.environ['AWS_ENDPOINT_URL'], os.environ['AWS_ACCESS_KEY_ID'][:4])"
    inputs = builds.inputs(
        f'phases: {{build: {{commands: ["python -c \\"{program}\\""]}}}}\nartifacts: {{files: [README]}}'
    )
    build = builds.wait(builds.start(builds.project(role=role), replace(inputs, outputs={"Built": OUTPUT})))
    assert builds.printed(build) == [f"{builds.cloud.url} ASIA"]
    assert phases(build)["UPLOAD_ARTIFACTS"] == "FAILED"
    assert "AccessDenied" in messages(build)
    assert {call.principal for call in builds.cloud.journal.denied() if call.check.action == "s3:PutObject"} == {
        "ReadRole"
    }


# --- what a failure leaves out ---------------------------------------------------------------------------------------


def test_the_first_failing_command_ends_its_phase_and_finally_runs_nevertheless(builds: Builds):
    build = builds.run("""
phases:
  build: {commands: ['echo one', 'false', 'echo two'], finally: ['echo last']}
""")
    assert builds.printed(build) == ["one", "last"]
    assert phases(build)["BUILD"] == "FAILED"
    assert "COMMAND_EXECUTION_ERROR: Error while executing command: false. Reason: exit status 1" in messages(build)


def test_a_failing_finally_fails_the_phase(builds: Builds):
    assert builds.run("phases: {build: {commands: [ls], finally: [exit 7]}}")["buildStatus"] == "FAILED"


def test_a_failed_build_phase_still_runs_post_build_which_can_see_it(builds: Builds):
    build = builds.run("""
phases:
  pre_build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}
  build: {commands: ['exit 3']}
  post_build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}
""")
    assert builds.printed(build) == ["1", "0"]
    assert build["buildStatus"] == "FAILED"
    assert "Reason: exit status 3" in messages(build)


@pytest.mark.parametrize("phase", ["install", "pre_build"])
def test_a_failure_before_build_leaves_out_everything_but_the_upload(builds: Builds, phase: str):
    place = replace(OUTPUT, key=f"out/{phase}")
    build = builds.run(
        f"""
phases:
  {phase}: {{commands: ['touch made.txt', 'exit 1']}}
  build: {{commands: ['echo never']}}
  post_build: {{commands: ['echo never']}}
artifacts: {{files: [made.txt]}}
""",
        Built=place,
    )
    assert builds.printed(build) == []
    assert phases(build) == {
        "PROVISIONING": "SUCCEEDED",
        "DOWNLOAD_SOURCE": "SUCCEEDED",
        phase.upper(): "FAILED",
        "UPLOAD_ARTIFACTS": "SUCCEEDED",
        "COMPLETED": "",
    }
    assert builds.content(place) == {"made.txt": ""}
    assert build["buildStatus"] == "FAILED"


def test_the_line_that_names_the_error_is_the_reason_that_a_pipeline_can_show(builds: Builds):
    build = builds.run("""
phases:
  build:
    commands:
      - echo reading
      - "printf 'error: the data have no column churned\\nTraceback\\n'; exit 2"
""")
    assert messages(build).endswith("Reason: exit status 2. error: the data have no column churned")


def test_without_an_error_line_the_last_lines_are_the_reason(builds: Builds):
    build = builds.run("phases: {build: {commands: ['for n in 1 2 3 4; do echo line $n; done; false']}}")
    assert messages(build).endswith("Reason: exit status 1. line 2 | line 3 | line 4")


def test_a_build_that_takes_too_long_is_killed_with_all_that_it_started(
    builds: Builds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(codebuild, "SECONDS_PER_MINUTE", 0.2)
    pid = tmp_path / "pid"
    started = time.monotonic()
    build = builds.run(
        f"""
phases:
  build: {{commands: ['(trap "" TERM; exec sleep 60) & echo $! > {pid}', 'wait']}}
  post_build: {{commands: ['echo never']}}
""",
        project=builds.project(minutes=5),
    )
    assert time.monotonic() - started < 20
    assert build["buildStatus"] == "TIMED_OUT"
    assert phases(build)["BUILD"] == "TIMED_OUT"
    assert "BUILD_TIMED_OUT: Build has timed out after 5 minutes." in messages(build)
    assert builds.printed(build) == []
    eventually(lambda: not _alive(int(pid.read_text())))


def test_a_stopped_build_ends_and_one_that_waits_for_its_turn_never_begins(builds: Builds, tmp_path: Path):
    begun, never = tmp_path / "begun", tmp_path / "never"
    running = builds.start(
        builds.usual, builds.inputs(f"phases: {{build: {{commands: ['touch {begun}', 'sleep 60']}}}}")
    )
    eventually(begun.exists)
    waiting = builds.start(builds.usual, builds.inputs(f"phases: {{build: {{commands: ['touch {never}']}}}}"))
    assert builds.client.list_builds_for_project(projectName=builds.usual)["ids"][:2] == [waiting, running]
    for build_id in (waiting, running):
        builds.client.stop_build(id=build_id)
    assert [builds.wait(build_id)["buildStatus"] for build_id in (running, waiting)] == ["STOPPED", "STOPPED"]
    assert not never.exists()


# --- artifacts and exported variables --------------------------------------------------------------------------------


def test_artifacts_are_taken_from_the_base_directory_with_or_without_their_paths(builds: Builds):
    spec = """
phases: {build: {commands: ['mkdir -p out/a/b', 'echo 1 > out/a/b/x.txt', 'echo 2 > out/.y.txt', 'echo 3 > z.txt']}}
artifacts: {files: ['**/*'], base-directory: out, discard-paths: %s}
"""
    kept, flat = replace(OUTPUT, key="out/kept"), replace(OUTPUT, key="out/flat")
    builds.run(spec % "no", Built=kept)
    builds.run(spec % "yes", Built=flat)
    assert builds.content(kept) == {"a/b/x.txt": "1\n", ".y.txt": "2\n"}
    assert builds.content(flat) == {"x.txt": "1\n", ".y.txt": "2\n"}


def test_several_outputs_are_told_apart_by_their_names(builds: Builds):
    first, second = replace(OUTPUT, key="out/first"), replace(OUTPUT, key="out/second")
    spec = """
phases: {build: {commands: ['echo 1 > one', 'echo 2 > two']}}
artifacts: {files: ['**/*'], secondary-artifacts: {First: {files: [one]}, Second: {files: [two]}}}
"""
    builds.run(spec, First=first, Second=second)
    assert (builds.content(first), builds.content(second)) == ({"one": "1\n"}, {"two": "2\n"})


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ("artifacts: {files: [absent.txt]}", "CLIENT_ERROR: no matching artifact paths found"),
        ("artifacts: {files: [x], base-directory: nowhere}", "CLIENT_ERROR: no matching base directory path found for"),
        ("", "CLIENT_ERROR: no definition for artifact Built in the buildspec"),
    ],
)
def test_an_output_without_files_fails_the_build(builds: Builds, artifacts: str, message: str):
    build = builds.run(f"phases: {{build: {{commands: [ls]}}}}\n{artifacts}", Built=OUTPUT)
    assert build["buildStatus"] == "FAILED"
    assert message in messages(build)


def test_variables_are_exported_when_the_commands_set_them(builds: Builds):
    build = builds.run("""
env: {exported-variables: [ANSWER, NOT_EXPORTED, NEVER_SET]}
phases:
  build: {commands: ['export ANSWER="4 2"', 'NOT_EXPORTED=1']}
""")
    assert build["exportedEnvironmentVariables"] == [{"name": "ANSWER", "value": "4 2"}]


# --- starting, reading, being refused --------------------------------------------------------------------------------


def test_what_commands_print_is_logged_and_shown_while_they_run(builds: Builds):
    build = builds.run("phases: {build: {commands: ['echo \"  seen  \"']}}")
    assert (builds.usual, "seen") in builds.cloud.progress.lines  # type: ignore[attr-defined]
    assert logged(builds.cloud, f"/logs/{builds.usual}", build["logs"]["streamName"]) == [
        f"[Container] Build {build['id']} starts",
        '[Container] Running command echo "  seen  "',
        "  seen  ",
    ]


@pytest.mark.parametrize("missing", ["logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject"])
def test_a_role_that_lacks_a_right_fails_the_build_where_aws_needs_it(builds: Builds, missing: str):
    needed = {"logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject"}
    role = make_role(
        builds.cloud,
        "Without" + missing.partition(":")[2],
        "codebuild.amazonaws.com",
        *((action, "*") for action in sorted(needed - {missing})),
    )
    build = builds.run("phases: {build: {commands: [ls]}}", project=builds.project(role=role))
    assert build["buildStatus"] == "FAILED"
    assert missing in messages(build)
    assert "BUILD" not in phases(build)


def test_the_same_token_starts_one_build(builds: Builds):
    token = str(uuid.uuid4())
    builds.runner.hand_over(token, builds.inputs("phases: {build: {commands: [ls]}}"))
    first, second = (
        builds.client.start_build(projectName=builds.usual, idempotencyToken=token)["build"]["id"] for _ in range(2)
    )
    assert first == second
    builds.wait(first)


def test_a_build_that_no_pipeline_feeds_is_refused(builds: Builds):
    with pytest.raises(ClientError, match="must be started by its pipeline"):
        builds.client.start_build(projectName=builds.usual, idempotencyToken="unknown")


def test_a_variable_whose_value_lies_in_another_service_is_refused(builds: Builds):
    with pytest.raises(ClientError, match="not emulated: environment variable TOKEN of type PARAMETER_STORE"):
        builds.start(
            builds.usual,
            builds.inputs("phases: {build: {commands: [ls]}}"),
            environmentVariablesOverride=[{"name": "TOKEN", "value": "/token", "type": "PARAMETER_STORE"}],
        )


def test_an_unreadable_buildspec_fails_before_any_command(builds: Builds):
    build = builds.run("phases: {build: {comands: [ls]}}")
    assert phases(build)["DOWNLOAD_SOURCE"] == "FAILED"
    assert "YAML_FILE_ERROR: phases.build.comands: not supported" in messages(build)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody may have collected the exit status of a process whose parent was killed too.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.startswith("Z")
