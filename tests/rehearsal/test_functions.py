import base64
import io
import json
import os
import signal
import threading
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.account.cloud import AwsError, Cloud
from rehearsal.runtimes.functions import FunctionRunner
from tests.rehearsal.runner_account import ANYTHING, eventually, logged, make_role, running_cloud

LAMBDA = "lambda.amazonaws.com"


class Functions:
    """Deploys functions from source text."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.runner = FunctionRunner(cloud)
        self.client = cloud.client("lambda")
        self.everything = make_role(cloud, "AllRole", LAMBDA, ANYTHING)

    def deploy(self, source: str, *, role: str = "", handler: str = "app.handler", **parameters: Any) -> str:
        name = f"function-{uuid.uuid4().hex[:8]}"
        self.cloud.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        self.create(name, source, Role=role or self.everything, Handler=handler, **parameters)
        return name

    def create(self, name: str, source: str, **parameters: Any) -> None:
        usual = {"Role": self.everything, "Handler": "app.handler", "Timeout": 5}
        self.client.create_function(
            FunctionName=name, Runtime="python3.13", Code={"ZipFile": archived(source)}, **{**usual, **parameters}
        )

    def call(self, name: str, event: Any = None, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **parameters)
        content = answer["Payload"].read()
        return {**answer, "Payload": json.loads(content) if content else None}

    def queue(self) -> tuple[str, str]:
        name = f"dead-{uuid.uuid4().hex[:8]}"
        url: str = self.cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        return url, f"arn:aws:sqs:{self.cloud.region}:{self.cloud.account}:{name}"

    def dead_letters(self, url: str) -> list[dict[str, Any]]:
        received = self.cloud.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        return list(received.get("Messages", []))


def archived(source: str) -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", source)
        archive.writestr("inner/__init__.py", "")
        archive.writestr("inner/deep.py", "def handler(event, context): return __name__")
    return code.getvalue()


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        functions = Functions(cloud)
        yield functions
        functions.runner.close()


# --- what a handler sees


def test_a_handler_gets_event_and_context_and_its_result_comes_back(functions: Functions):
    name = functions.deploy(
        """
import os
def handler(event, context):
    return {
        "event": event,
        "arn": context.invoked_function_arn,
        "group": context.log_group_name,
        "left": 0 < context.get_remaining_time_in_millis() <= 5000,
        "memory": context.memory_limit_in_mb,
        "variable": os.environ["LIMIT"],
        "region": os.environ["AWS_REGION"],
        "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
    }
""",
        Environment={"Variables": {"LIMIT": "0.85"}},
        MemorySize=256,
    )
    answer = functions.call(name, {"a": [1, 2]})
    assert answer["Payload"] == {
        "event": {"a": [1, 2]},
        "arn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        "group": f"/aws/lambda/{name}",
        "left": True,
        "memory": "256",
        "variable": "0.85",
        "region": "us-east-1",
        "name": name,
    }
    assert (answer["StatusCode"], answer.get("FunctionError")) == (200, None)


def test_a_handler_in_a_package_is_found(functions: Functions):
    assert functions.call(functions.deploy("", handler="inner/deep.handler"))["Payload"] == "inner.deep"


def test_a_function_imports_its_archive_and_boto3_but_nothing_of_the_project(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    name = functions.deploy(
        """
import importlib, os
def importable(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True
def handler(event, context):
    return [[name for name in event if importable(name)], os.environ.get("PYTHONPATH"), os.environ.get("HOME")]
""",
        Timeout=20,
    )
    names = ["app", "inner.deep", "boto3", "botocore", "ml", "rehearsal", "interpreter", "moto", "numpy", "yaml"]
    assert functions.call(name, names)["Payload"] == [["app", "inner.deep", "boto3", "botocore"], None, None]


def test_a_function_acts_in_aws_with_the_rights_of_its_role(functions: Functions):
    role = make_role(functions.cloud, "LogsOnly", LAMBDA, ("logs:*", "*"))
    name = functions.deploy(
        """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    who = boto3.client("sts").get_caller_identity()["Arn"]
    try:
        boto3.client("s3").put_object(Bucket="b", Key="k", Body=b"x")
    except ClientError as error:
        return [who, error.response["Error"]["Code"]]
""",
        role=role,
        Timeout=20,
    )
    who, refusal = functions.call(name)["Payload"]
    assert "assumed-role/LogsOnly/" in who
    assert refusal == "AccessDenied"


# --- how it ends


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def handler(e, c): raise ValueError('no such thing')", "ValueError", "no such thing"),
        ("def other(e, c): pass", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("import absent", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'absent'"),
        ("def handler(e, c): return {1, 2}", "Runtime.MarshalError", "Unable to marshal response"),
        ("import os\ndef handler(e, c): os._exit(3)", "Runtime.ExitError", "exit status 3"),
        ("import sys\ndef handler(e, c): sys.exit('done')", "SystemExit", "done"),
    ],
)
def test_an_error_comes_back_as_the_runtime_describes_it(functions: Functions, source: str, kind: str, message: str):
    answer = functions.call(functions.deploy(source))
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"]["errorType"] == kind
    assert message in answer["Payload"]["errorMessage"]


def test_a_function_that_exceeds_its_timeout_is_ended(functions: Functions):
    answer = functions.call(functions.deploy("import time\ndef handler(e, c): time.sleep(30)", Timeout=1))
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["Payload"]["errorMessage"]


def test_the_end_of_the_log_comes_back_when_asked_for(functions: Functions):
    answer = functions.call(functions.deploy("def handler(e, c): print('said')"), LogType="Tail")
    assert base64.b64decode(answer["LogResult"]).decode() == "said"


def test_what_a_function_prints_is_logged_and_shown(functions: Functions):
    name = functions.deploy("""
import logging
def handler(event, context):
    print("printed")
    logging.getLogger().warning("warned")
""")
    functions.call(name)
    start, printed, warned, end = logged(functions.cloud, f"/aws/lambda/{name}")
    assert start.startswith("START RequestId: ")
    assert printed == "printed"
    assert warned.startswith("[WARNING]\t") and warned.endswith("\twarned")
    assert end.startswith("END RequestId: ")
    assert (name, "printed") in functions.cloud.progress.lines  # type: ignore[attr-defined]


@pytest.mark.parametrize("missing", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_without_the_right_to_its_log_a_function_runs_and_the_lines_are_lost(functions: Functions, missing: str):
    rights = {"logs:CreateLogStream", "logs:PutLogEvents"} - {missing}
    role = make_role(functions.cloud, "Without" + missing[5:], LAMBDA, *((action, "*") for action in rights))
    name = functions.deploy("def handler(e, c): return 1", role=role)
    assert functions.call(name)["Payload"] == 1
    assert logged(functions.cloud, f"/aws/lambda/{name}") == []
    assert missing in {call.check.action for call in functions.cloud.journal.denied() if call.principal in role}


# --- environments that stay warm


# Answers with its process and how often that was called, after doing as the event says.
REMEMBERING = """
import os, pathlib, sys, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    answer = [os.getpid(), calls]
    exec(event or "")
    return answer
"""


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def at_once(functions: Functions, name: str, folder: Path, count: int) -> list[int]:
    """Invoke REMEMBERING as often at the same time; return the processes that answered."""
    meet = f"""
folder = pathlib.Path({str(folder)!r})
(folder / context.aws_request_id).touch()
while len(list(folder.iterdir())) < {count}:
    time.sleep(0.01)
"""
    with ThreadPoolExecutor(count) as pool:
        return [each["Payload"][0] for each in pool.map(functions.call, [name] * count, [meet] * count)]


def test_what_a_module_knows_stays_from_one_invocation_to_the_next(functions: Functions):
    name = functions.deploy(REMEMBERING)
    first, second = functions.call(name)["Payload"], functions.call(name)["Payload"]
    assert (first[1], second) == (1, [first[0], 2])


def test_a_module_is_imported_before_there_is_an_event_and_asked_again_where_that_failed(
    functions: Functions, tmp_path: Path
):
    imported = tmp_path / "imported"
    once = f"""
import os, pathlib, sys
at = pathlib.Path({str(imported)!r})
with at.open("a") as file:
    file.write(f"{{os.getpid()}} ")
if at.read_text().split().count(str(os.getpid())) == 1:
    sys.exit("not yet")
def handler(*_):
    return os.getpid()
"""
    name = functions.deploy(once)
    eventually(lambda: imported.exists() and len(imported.read_text().split()) == 2)
    waiting = set(imported.read_text().split())
    answered = str(functions.call(name)["Payload"])
    assert sorted(imported.read_text().split()) == sorted([*waiting, answered])


def test_invocations_at_the_same_time_have_an_environment_each_and_two_are_kept(functions: Functions, tmp_path: Path):
    name = functions.deploy(REMEMBERING)
    warm = functions.call(name)["Payload"][0]
    processes = at_once(functions, name, tmp_path, 3)
    assert len(set(processes)) == 3
    assert warm in processes
    assert sum(runs(each) for each in processes) == 2
    assert functions.call(name)["Payload"][0] in processes


@pytest.mark.parametrize(
    ("ending", "stays"),
    [
        ("raise ValueError('wrong')", True),
        ("answer.append({1, 2})", True),
        ("sys.exit('done')", False),
        ("os._exit(3)", False),
        ("time.sleep(30)", False),
    ],
)
def test_an_environment_outlives_an_error_of_the_handler_but_no_exit_and_no_timeout(
    functions: Functions, ending: str, stays: bool
):
    name = functions.deploy(REMEMBERING, Timeout=1)
    process = functions.call(name)["Payload"][0]
    assert functions.call(name, ending)["FunctionError"] == "Unhandled"
    assert runs(process) == stays
    following, calls = functions.call(name)["Payload"]
    assert (following == process, calls) == ((True, 3) if stays else (False, 1))


@pytest.mark.parametrize("source", ["import absent", "raise ValueError('wrong')", "other = 1"])
def test_an_environment_without_a_handler_is_not_used_again(functions: Functions, tmp_path: Path, source: str):
    started = tmp_path / "started"
    name = functions.deploy(f"import os\nopen({str(started)!r}, 'a').write(f'{{os.getpid()}} ')\n{source}")
    for _ in range(2):
        assert functions.call(name)["FunctionError"] == "Unhandled"
    processes = {int(each) for each in started.read_text().split()}
    assert len(processes) == 2
    assert not any(runs(each) for each in processes)


def test_environments_that_died_while_they_waited_are_replaced(functions: Functions, tmp_path: Path):
    name = functions.deploy(REMEMBERING)
    for process in at_once(functions, name, tmp_path, 2):
        os.kill(process, signal.SIGKILL)
    waiting = functions.runner._environments._idle[name]
    assert eventually(lambda: not any(each.usable for each in waiting))
    assert functions.call(name)["Payload"][1] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"Environment": {"Variables": {"LIMIT": "2"}}},
        {"Handler": "app.other"},
        {"Timeout": 6},
        {"MemorySize": 256},
        {"Runtime": "python3.12"},
        {"Role": "arn:aws:iam::123456789012:role/OtherRole"},
    ],
)
def test_a_changed_configuration_is_not_answered_by_an_environment_of_before(
    functions: Functions, other_role: str, changed: dict[str, Any]
):
    name = functions.deploy(REMEMBERING + "other = handler", Environment={"Variables": {"LIMIT": "1"}})
    process = functions.call(name)["Payload"][0]
    functions.client.update_function_configuration(FunctionName=name, **changed)
    assert functions.call(name)["Payload"][1] == 1
    assert not runs(process)


@pytest.fixture(scope="module")
def other_role(functions: Functions) -> str:
    return make_role(functions.cloud, "OtherRole", LAMBDA, ANYTHING)


def test_new_code_is_not_answered_by_an_environment_of_before(functions: Functions):
    name = functions.deploy(REMEMBERING)
    process = functions.call(name)["Payload"][0]
    functions.client.update_function_code(FunctionName=name, ZipFile=archived("def handler(e, c): return 'new'"))
    assert functions.call(name)["Payload"] == "new"
    assert not runs(process)


def test_a_function_that_was_deleted_and_made_again_starts_cold(functions: Functions):
    name = functions.deploy(REMEMBERING)
    functions.call(name)
    functions.client.delete_function(FunctionName=name)
    functions.create(name, REMEMBERING)
    assert functions.call(name)["Payload"][1] == 1


def test_an_environment_writes_to_one_stream_and_each_line_names_its_own_invocation(functions: Functions):
    name = functions.deploy("import logging\ndef handler(event, context): logging.warning('said')")
    for _ in range(2):
        functions.call(name)
    group = f"/aws/lambda/{name}"
    (stream,) = functions.cloud.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    lines = logged(functions.cloud, group, stream["logStreamName"])
    requests = [line.rpartition(" ")[2] for line in lines if line.startswith("START ")]
    assert len(set(requests)) == 2
    assert [line.split("\t")[2] for line in lines if line.endswith("said")] == requests
    assert [line for line in lines if line.startswith("END ")] == [f"END RequestId: {each}" for each in requests]


def test_an_invocation_ends_where_its_output_does_and_takes_no_other_ones_event(functions: Functions):
    name = functions.deploy("""
import sys
def handler(event, context):
    sys.stdout.write(f"{context.aws_request_id}\\n{event} without an end")
    return sys.stdin.read()
""")
    for event in (1, 2):
        answer = functions.call(name, event, LogType="Tail")
        said = base64.b64decode(answer["LogResult"]).decode().splitlines()
        assert (said[1:], answer["Payload"]) == ([f"{event} without an end"], "")


# --- events


COUNTING = """
import pathlib
def handler(event, context):
    with pathlib.Path(event["file"]).open("a") as file:
        file.write("x")
    if len(pathlib.Path(event["file"]).read_text()) <= event["failures"]:
        raise RuntimeError("not yet")
"""


@pytest.mark.parametrize(("failures", "tries", "kept"), [(0, 1, 0), (2, 3, 0), (9, 3, 1)])
def test_a_failing_event_is_tried_three_times_and_then_kept(
    functions: Functions, tmp_path: Path, failures: int, tries: int, kept: int
):
    url, arn = functions.queue()
    name = functions.deploy(COUNTING, DeadLetterConfig={"TargetArn": arn})
    event = {"file": str(tmp_path / "tries"), "failures": failures}
    assert functions.call(name, event, InvocationType="Event")["StatusCode"] == 202
    functions.runner.drain(20)
    assert (tmp_path / "tries").read_text() == "x" * tries
    letters = functions.dead_letters(url)
    assert [json.loads(letter["Body"]) for letter in letters] == [event] * kept
    assert [letter["MessageAttributes"]["ErrorMessage"]["StringValue"] for letter in letters] == ["not yet"] * kept


def test_the_number_of_retries_is_the_functions_own(functions: Functions, tmp_path: Path):
    name = functions.deploy(COUNTING)
    functions.client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    functions.runner.invoke_async(name, {"file": str(tmp_path / "tries"), "failures": 9})
    functions.runner.drain(20)
    assert (tmp_path / "tries").read_text() == "x"
    assert (name, "event lost: the function failed and has no dead-letter queue") in functions.cloud.progress.lines  # type: ignore[attr-defined]


def test_events_are_worked_off_beside_each_other_and_the_archive_is_unpacked_once(functions: Functions, tmp_path: Path):
    name = functions.deploy(f"""
import pathlib, time
def handler(event, context):
    folder = pathlib.Path({str(tmp_path)!r})
    (folder / event).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)
""")
    threads = [threading.Thread(target=functions.call, args=(name, letter)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


# --- being refused


def test_a_role_that_lambda_may_not_assume_is_refused(functions: Functions):
    role = make_role(functions.cloud, "ForBuilds", "codebuild.amazonaws.com", ANYTHING)
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        functions.deploy("", role=role)


def test_a_dead_letter_queue_that_the_role_may_not_fill_is_refused(functions: Functions):
    role = make_role(functions.cloud, "NoQueue", LAMBDA, ("logs:*", "*"))
    _, arn = functions.queue()
    with pytest.raises(ClientError, match="does not have permissions to call SendMessage on SQS"):
        functions.deploy("", role=role, DeadLetterConfig={"TargetArn": arn})


def test_destinations_are_refused(functions: Functions):
    _, arn = functions.queue()
    with pytest.raises(ClientError, match="not emulated: destinations"):
        functions.client.put_function_event_invoke_config(
            FunctionName=functions.deploy(""), DestinationConfig={"OnFailure": {"Destination": arn}}
        )


def test_a_function_that_does_not_exist_is_refused_at_once(functions: Functions):
    with pytest.raises(ClientError, match="Function not found: absent"):
        functions.call("absent", InvocationType="Event")
    with pytest.raises(AwsError, match="Function not found"):
        functions.runner.invoke_async("absent", {})


def test_an_event_that_is_not_json_is_refused(functions: Functions):
    with pytest.raises(ClientError, match="Could not parse request body into json"):
        functions.client.invoke(FunctionName=functions.deploy(""), Payload=b"{")
