"""Lambda's part of the road: functions invoked through its API, or by events, really run.

An asynchronous invocation that fails is tried again and then kept in the function's dead-letter queue. The pauses that
AWS makes between the tries, one minute and two, are left out.
"""

import base64
import json
import threading
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends

from rehearsal.account.calls import Reply
from rehearsal.account.client_errors import as_aws_error
from rehearsal.account.cloud import AwsError, Caller, Cloud
from rehearsal.account.gateway import Proceed
from rehearsal.runtimes.execution_environment import LAMBDA, Function, FunctionResult
from rehearsal.runtimes.execution_environments import ExecutionEnvironments

_DEFAULT_RETRIES = 2
_TAIL_BYTES = 4096
_ERROR_MESSAGE_CHARACTERS = 1024


class FunctionRunner:
    """Answers Invoke, and keeps what moto forgets of a function: its dead-letter queue and its number of retries."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._environments = ExecutionEnvironments(cloud)
        self._changed = threading.Condition()
        self._under_way = 0
        self._dead_letters: dict[str, str] = {}
        self._retries: dict[str, int] = {}
        cloud.operation("lambda", "Invoke", self._invoke)
        cloud.correct("lambda", "CreateFunction", self._create_function)
        cloud.correct("lambda", "PutFunctionEventInvokeConfig", self._put_event_invoke_config)

    def invoke(self, name_or_arn: str, event: Any) -> FunctionResult:
        """Invoke a function and wait. Raises AwsError when there is none, or its role is not Lambda's to assume."""
        return self._environments.run(self._function(name_or_arn), event)

    def invoke_async(self, name_or_arn: str, event: Any) -> None:
        """Queue an invocation and return. Raises AwsError when there is no such function."""
        function = self._function(name_or_arn)
        with self._changed:
            self._under_way += 1
        threading.Thread(target=self._work_off, args=(function, event), name=function.name, daemon=True).start()

    def drain(self, timeout_seconds: float) -> None:
        """Wait until every queued invocation has succeeded or lies in a dead-letter queue. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._under_way == 0, timeout_seconds):
                raise TimeoutError(f"{self._under_way} invocations are still under way after {timeout_seconds} s")

    def close(self) -> None:
        """Kill every invocation that runs and every environment that waits; there are no further ones."""
        self._environments.close()

    # --- operations --------------------------------------------------------------------------------------------------

    def _invoke(self, params: dict[str, Any], _caller: Caller) -> Reply:
        kind, name = params.get("InvocationType", "RequestResponse"), params["FunctionName"]
        try:
            event = json.loads(params.get("Payload") or b"{}")
        except ValueError as error:
            text = f"Could not parse request body into json: {error}"
            raise AwsError("InvalidRequestContentException", text) from error
        if kind == "Event":
            self.invoke_async(name, event)
            return Reply(status=HTTPStatus.ACCEPTED, headers={}, body=b"")
        if kind != "RequestResponse":
            raise AwsError("InvalidParameterValueException", f"not emulated: InvocationType {kind}")
        result = self.invoke(name, event)
        headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
        if result.error:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if params.get("LogType") == "Tail":
            tail = "\n".join(result.log_lines).encode()[-_TAIL_BYTES:]
            headers["X-Amz-Log-Result"] = base64.b64encode(tail).decode()
        return Reply(status=HTTPStatus.OK, headers=headers, body=result.payload)

    def _create_function(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        """Refuse, as Lambda does, a role that it cannot assume or that may not fill the dead-letter queue."""
        name, role_arn = params["FunctionName"], params["Role"]
        arn = f"arn:aws:lambda:{self._cloud.region}:{self._cloud.account}:function:{name}"
        try:
            self._cloud.assume(role_arn, LAMBDA, source_arn=arn, session=name)
        except AwsError as error:
            text = "The role defined for the function cannot be assumed by Lambda."
            raise AwsError("InvalidParameterValueException", text) from error
        queue_arn = params.get("DeadLetterConfig", {}).get("TargetArn")
        if queue_arn:
            try:
                self._cloud.check(role_arn, "sqs:SendMessage", queue_arn, via="CreateFunction")
            except AwsError as error:
                text = "The provided execution role does not have permissions to call SendMessage on SQS"
                raise AwsError("InvalidParameterValueException", text) from error
            self._dead_letters[name] = queue_arn
        reply = proceed(params)
        # While the rest of the program is provisioned: the first events find imports done.
        self._environments.prepare(self._function(name))
        return reply

    def _put_event_invoke_config(self, params: dict[str, Any], _caller: Caller, proceed: Proceed) -> Reply:
        if any(params.get("DestinationConfig", {}).values()):
            raise AwsError("InvalidParameterValueException", "not emulated: destinations of asynchronous invocations")
        self._retries[self._function(params["FunctionName"]).name] = params.get(
            "MaximumRetryAttempts", _DEFAULT_RETRIES
        )
        return proceed(params)

    def _function(self, name_or_arn: str) -> Function:
        try:
            found = lambda_backends[self._cloud.account][self._cloud.region].get_function(name_or_arn)
        except UnknownFunctionException as error:
            text = f"Function not found: {name_or_arn}"
            raise AwsError("ResourceNotFoundException", text, HTTPStatus.NOT_FOUND) from error
        return Function(
            name=found.function_name,
            arn=found.function_arn,
            created=found.last_modified,  # moto leaves it as it is when the function changes
            role_arn=found.role,
            handler=str(found.handler),
            runtime=str(found.run_time),
            memory_mb=found.memory_size,
            timeout_seconds=found.timeout,
            variables=dict(found.environment_vars),
            code=found.code_bytes,
        )

    # --- asynchronous invocations ------------------------------------------------------------------------------------

    def _work_off(self, function: Function, event: Any) -> None:
        try:
            for _ in range(1 + self._retries.get(function.name, _DEFAULT_RETRIES)):
                result = self._environments.run(function, event)
                if not result.error:
                    return
            self._keep_dead_letter(function, event, result)
        except (AwsError, ClientError) as error:
            self._cloud.progress.note(function.name, f"event lost: {as_aws_error(error).message}")
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _keep_dead_letter(self, function: Function, event: Any, result: FunctionResult) -> None:
        """Send the event to the queue with the rights of the function's role (Lambda developer guide)."""
        queue_arn = self._dead_letters.get(function.name)
        if queue_arn is None:
            self._cloud.progress.note(function.name, "event lost: the function failed and has no dead-letter queue")
            return
        credentials = self._cloud.assume(function.role_arn, LAMBDA, source_arn=function.arn, session=function.name)
        url = self._cloud.client("sqs").get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
        reason = str(json.loads(result.payload).get("errorMessage", ""))[:_ERROR_MESSAGE_CHARACTERS]
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": result.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": str(int(HTTPStatus.OK))},
            "ErrorMessage": {"DataType": "String", "StringValue": reason or "unknown"},
        }
        self._cloud.client("sqs", credentials).send_message(
            QueueUrl=url, MessageBody=json.dumps(event), MessageAttributes=attributes
        )
        self._cloud.progress.note(function.name, f"gave up: the event lies in the dead-letter queue: {reason}")
