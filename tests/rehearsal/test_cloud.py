import http.client
import inspect
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.routing import get_router_class
from moto.core.serialize import ResponseSerializer, get_serializer_class
from moto.iam.models import IAMBackend, iam_backends
from moto.kms.models import KmsBackend
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import S3Backend
from moto.sagemaker.models import SageMakerModelBackend
from moto.sts.models import STSBackend

from rehearsal.account.calls import AwsError, Reply
from rehearsal.account.cloud import Cloud

PIPELINE_STATE = ("codepipeline", "GetPipelineState")


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def post(url, body):
    urllib.request.urlopen(urllib.request.Request(url, data=json.dumps(body).encode()), timeout=5).read()


@pytest.mark.parametrize(("second", "meet"), [("logs", False), ("sqs", True)])
def test_one_call_of_a_service_at_a_time_is_in_moto(cloud, monkeypatch, second, meet):
    inside, met = threading.Barrier(2), []

    def moto(_environ, start_response):
        try:
            inside.wait(0.5)
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)
        start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
        return [b"{}"]

    calls = {"logs": cloud.client("logs").describe_log_groups, "sqs": cloud.client("sqs").list_queues}
    monkeypatch.setattr(cloud._gateway, "moto", moto)
    threads = [threading.Thread(target=calls[service]) for service in ("logs", second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert met == [meet, meet]


# --- starting and stopping ---------------------------------------------------------------------------------------


def test_only_one_cloud_runs_in_a_process(cloud, tmp_path):
    with pytest.raises(RuntimeError, match="another Cloud is running"):
        Cloud.start(tmp_path, "us-east-1", cloud.progress)


def test_the_server_listens_on_this_machine_only(cloud):
    assert cloud.url.startswith("http://127.0.0.1:")
    assert cloud._server.server_address[0] == "127.0.0.1"


SECOND_LIFE = """
import sys
from pathlib import Path
from rehearsal.account.cloud import Cloud

class Quiet:
    def note(self, where, what): ...

class Patched:
    inherited = "before"

class Child(Patched):
    own = "before"

for life in (1, 2):
    cloud = Cloud.start(Path(sys.argv[1]), "us-east-1", Quiet())
    assert cloud.client("s3").list_buckets()["Buckets"] == [], life
    assert cloud.client("codebuild").list_builds()["ids"] == [], life
    assert cloud.journal.denied() == (), life
    cloud.client("s3").create_bucket(Bucket="models")
    cloud.operation("codebuild", "ListBuilds", lambda params, caller: {"ids": ["train:1"]})
    assert cloud.client("codebuild").list_builds()["ids"] == ["train:1"]
    cloud.replace(Child, "inherited", "during")
    cloud.replace(Child, "own", "during")
    cloud.replace(Child, "own", "later")
    assert (Child.inherited, Child.own, Patched.inherited) == ("during", "later", "before")
    cloud.stop()
    assert (Child.inherited, Child.own, vars(Child).get("inherited")) == ("before", "before", None)
print("clean")
"""


def test_nothing_of_one_cloud_is_left_for_the_next(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SECOND_LIFE, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("clean\n", "")


def test_only_what_exists_can_be_replaced(cloud):
    with pytest.raises(AttributeError):
        cloud.replace(S3Backend, "no_such_method", None)


# --- clients and roles -------------------------------------------------------------------------------------------


def test_clients_are_made_once_and_from_many_threads(cloud):
    made, start = [], threading.Barrier(8)

    def make():
        start.wait()
        made.append(cloud.client("logs"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(made) == 8
    assert len({id(client) for client in made}) == 1


def test_the_persons_own_aws_configuration_is_not_read(cloud, monkeypatch, roles):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://192.0.2.1")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1")
    assert cloud.client("sts", roles.enter()).get_caller_identity()["Account"] == cloud.account


def test_a_service_assumes_only_roles_that_trust_it(cloud, roles):
    role = roles.create(service="lambda.amazonaws.com")
    held = cloud.assume(role, "lambda.amazonaws.com", source_arn="arn:aws:lambda:::f", session="s")
    assert held.environment() == {
        "AWS_ACCESS_KEY_ID": held.access_key_id,
        "AWS_SECRET_ACCESS_KEY": held.secret_access_key,
        "AWS_SESSION_TOKEN": held.session_token,
    }
    with pytest.raises(AwsError, match="events.amazonaws.com for arn:aws:events:::r is not authorized"):
        cloud.assume(role, "events.amazonaws.com", source_arn="arn:aws:events:::r", session="s")
    with pytest.raises(AwsError, match="there is no role"):
        cloud.assume(role + "-absent", "lambda.amazonaws.com", source_arn="-", session="s")


def test_a_trust_policy_sees_on_whose_behalf_the_service_acts(cloud, roles):
    role = roles.create()
    project = f"arn:aws:codebuild:us-east-1:{cloud.account}:project/train-model"
    condition = {"StringEquals": {"aws:SourceAccount": cloud.account}, "ArnLike": {"aws:SourceArn": project}}
    service = {"Service": "codebuild.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole", "Condition": condition}
    cloud.client("iam").update_assume_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    cloud.assume(role, "codebuild.amazonaws.com", source_arn=project, session="s")
    with pytest.raises(AwsError):
        cloud.assume(role, "codebuild.amazonaws.com", source_arn=project + "-other", session="s")


def test_a_subprocess_reaches_the_account_by_environment_only(cloud, roles, tmp_path):
    (tmp_path / ".aws").mkdir()
    own = "[default]\naws_access_key_id = AKIA0000000000000000\naws_secret_access_key = x\n"
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_text(own)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **cloud.environment()}
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"

    def run(**more):
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, env={**environment, **more}, capture_output=True, text=True, timeout=60, check=False
        )

    assert ":assumed-role/role-" in run(**roles.enter().environment()).stdout
    # The person's own credentials lie where boto3 looks for them, and are not found.
    assert "NoCredentialsError" in run().stderr


# --- operations --------------------------------------------------------------------------------------------------


def test_an_operation_gets_parameters_and_caller_and_returns_what_boto3_shows(cloud, roles, allow):
    seen = []
    local = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone(timedelta(hours=5)))

    def answer(params, caller):
        seen.append((params, caller))
        return {"pipelineName": params["name"], "created": local, "stageStates": [{"stageName": "Source"}]}

    cloud.operation(*PIPELINE_STATE, answer)
    role = roles.enter(allow("codepipeline:GetPipelineState", "*"))
    shown = cloud.client("codepipeline", role).get_pipeline_state(name="pipeline")
    assert (shown["pipelineName"], shown["stageStates"]) == ("pipeline", [{"stageName": "Source"}])
    assert shown["created"] == local
    assert seen[0][0] == {"name": "pipeline"}
    assert seen[0][1].startswith("role-")


def test_an_operation_refuses_in_the_way_of_its_service(cloud):
    def refuse(params, caller):
        raise AwsError("PipelineNotFoundException", f"no pipeline {params['name']}")

    cloud.operation(*PIPELINE_STATE, refuse)
    with pytest.raises(cloud.client("codepipeline").exceptions.PipelineNotFoundException, match="no pipeline p"):
        cloud.client("codepipeline").get_pipeline_state(name="p")


def test_a_result_that_boto3_would_drop_is_an_error(cloud, caplog):
    cloud.operation(*PIPELINE_STATE, lambda params, caller: {"stageStates": [{"nmae": "Source"}]})
    code, message = refused(cloud.client("codepipeline").get_pipeline_state, name="p")
    assert (code, "has no such output: stageStates.1.member.nmae" in message) == ("InternalFailure", True)
    assert "the rehearsal itself failed" in caplog.text


def test_an_operation_that_fails_is_not_silent(cloud, caplog):
    cloud.operation(*PIPELINE_STATE, lambda params, caller: {}["missing"])
    code, message = refused(cloud.client("codepipeline").get_pipeline_state, name="p")
    assert (code, message) == ("InternalFailure", "the rehearsal itself failed: KeyError: 'missing'")
    assert "Traceback" in caplog.text


def test_what_nobody_emulates_says_so(cloud):
    code, message = refused(cloud.client("codepipeline").disable_stage_transition, pipelineName="p", stageName="s",
                            transitionType="Inbound", reason="r")  # fmt: skip
    assert (code, "disable_stage_transition" in message) == ("NotImplemented", True)


def test_records_reach_an_endpoint_untouched_whatever_their_content_type(cloud):
    def answer(params, caller):
        body = params["ContentType"].encode() + b" " + params["Body"]
        return Reply(status=200, headers={"Content-Type": "text/csv"}, body=body)

    cloud.operation("sagemaker-runtime", "InvokeEndpoint", answer)
    for content_type in ("text/csv", "application/json", "application/x-www-form-urlencoded", "application/x-npy"):
        shown = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="mle-004-churn", ContentType=content_type, Body=b"1,2\n3,\xff"
        )
        assert (shown["ContentType"], shown["Body"].read()) == ("text/csv", content_type.encode() + b" 1,2\n3,\xff")


def test_a_function_is_invoked_by_name_or_arn_with_its_payload(cloud):
    arn = f"arn:aws:lambda:us-east-1:{cloud.account}:function:approve"
    cloud.operation(
        "lambda", "Invoke", lambda params, caller: {"StatusCode": 200, "Payload": json.dumps([params["FunctionName"]])}
    )
    for name in ("approve", arn):
        shown = cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert json.loads(shown["Payload"].read()) == [name]


def test_a_fault_stands_in_front_of_whoever_answers_while_its_block_runs(cloud):
    cloud.operation(*PIPELINE_STATE, lambda params, caller: {"pipelineName": params["name"]})
    client = cloud.client("codepipeline")
    seen = []

    def fault(params, caller, proceed):
        seen.append(params["name"])
        if params["name"] == "busy":
            raise AwsError("ThrottlingException", "Rate exceeded")
        return proceed({**params, "name": "other"})

    with cloud.faulted(*PIPELINE_STATE, fault):
        assert client.get_pipeline_state(name="p")["pipelineName"] == "other"
        assert refused(client.get_pipeline_state, name="busy")[0] == "ThrottlingException"
        with pytest.raises(ValueError, match="already faulted"), cloud.faulted(*PIPELINE_STATE, fault):
            pass
    assert client.get_pipeline_state(name="p")["pipelineName"] == "p"
    assert seen == ["p", "busy"]


def test_a_correction_wraps_moto_or_the_handler_and_there_is_one_per_operation(cloud):
    def correction(params, caller, proceed):
        return proceed({**params, "Name": params["Name"] + "-corrected"})

    events = cloud.client("events")
    cloud.correct("events", "DescribeRule", correction)
    events.put_rule(Name="push-corrected", ScheduleExpression="rate(1 day)")
    assert events.describe_rule(Name="push")["ScheduleExpression"] == "rate(1 day)"
    cloud.operation("events", "DescribeRule", lambda params, caller: {"Name": params["Name"]})
    assert events.describe_rule(Name="push")["Name"] == "push-corrected"
    with pytest.raises(ValueError, match="already corrected"):
        cloud.correct("events", "DescribeRule", correction)


def test_an_operation_may_call_the_account_while_it_is_called(cloud):
    cloud.operation(
        *PIPELINE_STATE,
        lambda params, caller: {"pipelineName": cloud.client("sts").get_caller_identity()["Account"]},
    )
    assert cloud.client("codepipeline").get_pipeline_state(name="p")["pipelineName"] == cloud.account


def test_a_chunked_body_arrives_whole(cloud):
    seen = []
    cloud.front("chunks", seen.append)
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=5)
    parts = iter([b'{"ref": ', b'"refs/heads/main"}'])
    connection.request(
        "POST", "/_rehearsal/chunks", body=parts, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    assert connection.getresponse().status == 200
    connection.close()
    assert seen == [{"ref": "refs/heads/main"}]


def test_unsigned_requests_are_refused_except_on_our_own_fronts(cloud):
    seen = []
    cloud.front("push", seen.append)
    post(cloud.front_url("push"), {"ref": "refs/heads/main"})
    assert seen == [{"ref": "refs/heads/main"}]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        post(cloud.front_url("pull"), {})
    for path in ("/", "/moto-api/reset", "/bucket/key"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            post(cloud.url + path, {})


# --- moto's own shape: what the rehearsal takes hold of ----------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "parameters"),
    [
        (get_router_class, ["service_name", "protocol"]),
        (get_serializer_class, ["service_name", "protocol"]),
        (ResponseSerializer.__init__, ["self", "operation_model", "context", "pretty_print", "value_picker"]),
        (DomainDispatcherApplication.__init__, ["self", "create_app"]),
        (create_backend_app, ["service"]),
        (moto_api_backend.reset, []),
        (MotoRequestHandler.log_request, ["self", "code", "size"]),
        (STSBackend.get_assumed_role_from_access_key, ["self", "access_key_id"]),
        (STSBackend.assume_role,
         ["self", "region_name", "role_session_name", "role_arn", "policy", "duration", "external_id"]),
        (IAMBackend.get_roles, ["self"]),
        (KmsBackend.describe_key, ["self", "key_id"]),
        (S3Backend.get_bucket, ["self", "bucket_name"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)  # fmt: skip
def test_moto_takes_the_parameters_that_it_is_given(held, parameters):
    assert list(inspect.signature(held).parameters) == parameters


def test_moto_keeps_what_is_read_from_its_tables(cloud, roles, allow):
    assert {"json", "query", "rest-json", "rest-xml"} <= set(PROTOCOL_PARSERS)
    role = iam_backends[cloud.account]["aws"].get_role(roles.create(allow("s3:*", "*")).rpartition("/")[2])
    assert (role.policies, role.permissions_boundary) == ({}, None)
    (policy,) = role.managed_policies.values()
    assert [version.is_default for version in policy.versions] == [True]
    assert json.loads(policy.versions[0].document)["Statement"]
    assert json.loads(role.assume_role_policy_document)["Statement"]
    kms, sagemaker = KmsBackend("us-east-1", "1"), SageMakerModelBackend("us-east-1", "1")
    assert (kms.keys, sagemaker._models, sagemaker.endpoint_configs, sagemaker.model_package_groups) == ({}, {}, {}, {})
