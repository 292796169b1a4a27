"""The stack's parts in the account, as the doctor looks at them: are they there, switched on, and without a backlog?"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ml import endpoint, runtimes
from ml.operate.aws import Aws
from ml.operate.check import ABSENT, MENDED, Check, open_question, seen, wrong
from ml.operate.stack import Stack
from ml.operate.state import serving_now

_PENDING = "PendingConfirmation"
_NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"


def checks(aws: Aws, stack: Stack) -> Iterator[Check]:
    """Look at every part that the program made, and at what serves."""
    names: dict[str, tuple[Callable[[Aws, Stack, str], Check], list[str]]] = {
        "pipeline": (_pipeline, [stack.pipeline_name]),
        "registry group": (_group, [stack.model_package_group]),
        "model bucket": (_bucket, [stack.model_bucket]),
        "artifact bucket": (_bucket, [stack.artifact_bucket]),
        "build project": (_project, list(stack.build_projects)),
        "function": (_function, stack.parts["functions"]),
        "rule": (_rule, stack.parts["rules"]),
        "queue": (_queue, list(stack.queues.values())),
        "alarm": (_alarm, list(stack.alarms)),
        "topic": (_topic, stack.parts["topics"]),
        "log group": (_log_group, stack.parts["log_groups"]),
        "endpoint": (_endpoint, [stack.endpoint_name]),
    }
    for kind, (look, each) in names.items():
        for name in each:
            yield seen(f"{kind} {name.rpartition(':')[2]}", partial(look, aws, stack, name))


def _pipeline(aws: Aws, stack: Stack, name: str) -> Check:
    stages = aws.client("codepipeline").get_pipeline_state(name=name)["stageStates"]
    for stage in stages:
        if not stage.get("inboundTransitionState", {}).get("enabled", True):
            repair = (
                f"aws codepipeline enable-stage-transition --pipeline-name {name} --stage-name {stage['stageName']}"
                " --transition-type Inbound"
            )
            return wrong(f"pipeline {name}", f"nothing enters stage {stage['stageName']}", repair)
    return Check(name=f"pipeline {name}", found=f"{len(stages)} stages, all enabled")


def _group(aws: Aws, stack: Stack, name: str) -> Check:
    found = aws.client("sagemaker").describe_model_package_group(ModelPackageGroupName=name)
    return Check(name=f"registry group {name}", found=found["ModelPackageGroupStatus"])


def _bucket(aws: Aws, stack: Stack, name: str) -> Check:
    """Versions must be kept, the key be the stack's own kind and the public kept out, as the program set it up."""
    s3, shown = aws.client("s3"), f"{'model' if name == stack.model_bucket else 'artifact'} bucket {name}"
    state = s3.get_bucket_versioning(Bucket=name).get("Status", "off")
    if state != "Enabled":
        return wrong(shown, f"versioning {state}", f"somebody switched it off: {MENDED}")
    [rule, *_] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    by = rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    if by != "aws:kms":
        return wrong(shown, f"encrypted by {by}, not by the stack's key", f"somebody changed it: {MENDED}")
    open_to_all = [key for key, closed in _public_access(s3, name).items() if not closed]
    if open_to_all:
        return wrong(shown, f"{', '.join(open_to_all)} switched off", f"somebody opened it: {MENDED}")
    return Check(name=shown, found=f"versioning {state}, encrypted by {by}, closed to the public")


def _public_access(s3: Any, bucket: str) -> dict[str, bool]:
    try:
        found: dict[str, bool] = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"].get("Code") != _NO_BLOCK:
            raise
        return {"the public access block": False}
    return found


def _project(aws: Aws, stack: Stack, name: str) -> Check:
    found = aws.client("codebuild").batch_get_projects(names=[name])["projects"]
    if not found:
        return wrong(f"build project {name}", "absent", ABSENT)
    return Check(name=f"build project {name}", found=found[0]["environment"]["image"])


def _function(aws: Aws, stack: Stack, name: str) -> Check:
    runtime = aws.client("lambda").get_function_configuration(FunctionName=name)["Runtime"]
    if runtime != runtimes.LAMBDA_RUNTIME:
        return wrong(f"function {name}", f"runs on {runtime}, not {runtimes.LAMBDA_RUNTIME}", MENDED)
    return Check(name=f"function {name}", found=runtime)


def _rule(aws: Aws, stack: Stack, name: str) -> Check:
    state = aws.client("events").describe_rule(Name=name)["State"]
    if state != "ENABLED":
        return wrong(f"rule {name}", state, f"aws events enable-rule --name {name}")
    return Check(name=f"rule {name}", found=state)


def _queue(aws: Aws, stack: Stack, name: str) -> Check:
    sqs, count = aws.client("sqs"), "ApproximateNumberOfMessages"
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    held = int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[count])["Attributes"][count])
    if held:
        repair = f"read them: aws sqs receive-message --queue-url {url}; mend the cause, send them again, then purge it"
        return wrong(f"queue {name}", f"{held} dead letters", repair)
    return Check(name=f"queue {name}", found="empty")


def _alarm(aws: Aws, stack: Stack, name: str) -> Check:
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if not found:
        return wrong(f"alarm {name}", "absent", ABSENT)
    state, told = found[0]["StateValue"], found[0].get("ActionsEnabled", True)
    if not told:
        repair = f"aws cloudwatch enable-alarm-actions --alarm-names {name}"
        return wrong(f"alarm {name}", "tells nobody: its actions are switched off", repair)
    if state == "ALARM":
        return wrong(f"alarm {name}", state, found[0].get("AlarmDescription", "see the alarm's description"))
    return Check(name=f"alarm {name}", found=state)


def _topic(aws: Aws, stack: Stack, arn: str) -> Check:
    name = f"topic {arn.rpartition(':')[2]}"
    pages = aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    found = [each for page in pages for each in page["Subscriptions"]]
    waiting = [each["Endpoint"] for each in found if each["SubscriptionArn"] == _PENDING]
    if waiting:
        repair = (
            "they follow the link in AWS's mail; where it is too old, remove the address, pulumi up, and add it again"
        )
        return wrong(name, f"not confirmed: {', '.join(waiting)}", repair)
    if not found:
        return open_question(
            name, "nobody is subscribed", "set alarms.emails or approval.approvers, or subscribe a tool"
        )
    return Check(name=name, found=f"{len(found)} confirmed")


def _log_group(aws: Aws, stack: Stack, name: str) -> Check:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    found = next((group for group in groups if group["logGroupName"] == name), None)
    if found is None:
        return wrong(f"log group {name}", "absent", ABSENT)
    days = found.get("retentionInDays")
    if not days:
        return wrong(f"log group {name}", "keeps its lines for ever", f"the stack has a retention: {MENDED}")
    return Check(name=f"log group {name}", found=f"kept for {days} days")


def _endpoint(aws: Aws, stack: Stack, name: str) -> Check:
    state, serves = serving_now(aws, stack)
    if not state:
        return Check(name=f"endpoint {name}", found="none yet: the first release makes it")
    if state in endpoint.BROKEN:
        return wrong(f"endpoint {name}", state, f"read its log /aws/sagemaker/Endpoints/{name}, then retry the stage")
    return Check(name=f"endpoint {name}", found=f"{state} with {serves.config_name if serves else 'nothing'}")
