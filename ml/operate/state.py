"""What is now and what was: status, history and lineage. Nothing here changes anything."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ml import approved_version, contract, endpoint, ledger, pruning, registry, serving
from ml.errors import InputError
from ml.gate import one_line
from ml.operate import waiting
from ml.operate.aws import Aws
from ml.operate.show import Answer
from ml.operate.stack import Stack
from ml.operate.versions import Version, all_versions, one_version
from ml.registry import ModelPackageArn
from ml.serving import Serving

_LONGEST_REASON = 160
_ENDED_BADLY = frozenset({"Failed", "Cancelled"})


def serving_now(aws: Aws, stack: Stack) -> tuple[str, Serving | None]:
    """Return the endpoint's status, empty without one, and what it serves."""
    try:
        found = aws.client("sagemaker").describe_endpoint(EndpointName=stack.endpoint_name)
    except ClientError as error:
        if not endpoint.is_absent(error):
            raise
        return "", None
    return str(found["EndpointStatus"]), serving.read(aws.client("sagemaker"), found)


def status(aws: Aws, stack: Stack) -> Answer:
    """Return one row for each thing that a person on call looks at first; exit status 1 when one needs a person."""
    state, serves = serving_now(aws, stack)
    package = serves.model_package if serves else None
    rows = [
        _row("endpoint", stack.endpoint_name, state or "does not exist", state in endpoint.BROKEN | {""}),
        _row("serves", _told(package, stack), _config(serves), False),
        *_pipeline_rows(aws, stack),
        *waiting.rows(aws, stack),
        *_alarm_rows(aws, stack),
        *_queue_rows(aws, stack),
    ]
    failing = any(row["attention"] for row in rows)
    return Answer(
        title=f"{stack.pipeline_name} in {stack.region}",
        columns=("what", "name", "state", "attention"),
        rows=rows,
        exit_status=int(failing),
    )


def history(aws: Aws, stack: Stack) -> Answer:
    """Return every version, newest first: decision, metrics, and when it served according to the ledger.

    The champion is the version in service: the one that the next is held against.
    """
    sagemaker = aws.client("sagemaker")
    _, serves = serving_now(aws, stack)
    now = serves.model_package if serves else None
    recorded = _by_package(ledger.entries(aws.client("s3"), stack.model_bucket, stack.endpoint_name))
    rows = [
        {
            "version": version.number,
            "status": version.status,
            "champion": bool(now and now.is_in_group(version.arn.group) and now.version == version.number),
            "deployed": ", ".join(
                entry.time if entry.event == ledger.SERVES else f"{entry.time} failed"
                for entry in recorded.get(version.arn.text.lower(), ())
            ),
            **{name: version.metrics.get(name) for name in stack.thresholds},
            "commit": version.metadata.get(contract.METADATA_COMMIT, "")[:12],
            "created": version.created.strftime("%Y-%m-%d %H:%M"),
            "reason": one_line(_decision(version), _LONGEST_REASON),
        }
        for version in all_versions(sagemaker, stack.model_package_group)
    ]
    columns = ("version", "status", "champion", "deployed", *stack.thresholds, "commit", "created", "reason")
    return Answer(title=f"versions of {stack.model_package_group}", columns=columns, rows=rows)


def lineage(aws: Aws, stack: Stack, about: str | None) -> Answer:
    """Return where a version comes from and where it went: by its number or ARN, or by the endpoint's name or ARN."""
    version = version_in_question(aws, stack, about)
    number = version.number
    _, serves = serving_now(aws, stack)
    entries = ledger.entries(aws.client("s3"), stack.model_bucket, stack.endpoint_name)
    own = [entry for entry in entries if entry.is_about(version.arn)]
    changed_by = registry.last_editor(version.description) if "LastModifiedBy" in version.description else ""
    facts: list[tuple[str, str, Any]] = [
        *_served_by(version, stack, serves, own),
        ("package", "arn", version.arn.text),
        ("package", "created", version.created.isoformat()),
        ("package", "last changed by", changed_by),
        ("decision", "status", version.status),
        ("decision", "by and why", _decision(version)),
        *_archive_facts(version),
        *(("metric", name, value) for name, value in sorted(version.metrics.items())),
        *(("deployment", f"{entry.event} {entry.time}", _deployment(entry)) for entry in own),
    ]
    rows = [{"part": part, "what": what, "value": value} for part, what, value in facts]
    return Answer(
        title=f"version {number} of {stack.model_package_group}", columns=("part", "what", "value"), rows=rows
    )


def _served_by(
    version: Version, stack: Stack, serves: Serving | None, own: Iterable[ledger.Entry]
) -> list[tuple[str, str, Any]]:
    """Return what serves the version now, or what did when it last came to serve, as its `own` entries tell."""
    package = serves.model_package if serves else None
    if serves and package and approved_version.is_same(package, version.arn):
        return [
            ("endpoint", "name", stack.endpoint_name),
            ("endpoint", "configuration", serves.config_name),
            ("endpoint", "model", serves.variant["ModelName"]),
        ]
    absent = ("endpoint", "name", "does not serve this version")
    served = [entry for entry in own if entry.event == ledger.SERVES]
    if not served:
        return [absent, ("endpoint", "configuration", ""), ("endpoint", "model", "")]
    last = served[-1]
    return [
        absent,
        ("endpoint", "configuration", f"served then with {last.config} ({last.time})"),
        ("endpoint", "model", f"served then by {pruning.model_of(last.config)}"),
    ]


def _by_package(entries: Iterable[ledger.Entry]) -> Mapping[str, list[ledger.Entry]]:
    """Return the entries of each package, by its ARN in lower case: a group may be spelt in more than one."""
    found: dict[str, list[ledger.Entry]] = {}
    for entry in entries:
        found.setdefault(entry.model_package_arn.lower(), []).append(entry)
    return found


def version_in_question(aws: Aws, stack: Stack, about: str | None) -> Version:
    """Return the version with this number or ARN, or the one that the endpoint of this name or ARN serves.

    None means the stack's endpoint. Raises InputError for a version or an endpoint that is not the stack's.
    """
    sagemaker, group = aws.client("sagemaker"), stack.model_package_group
    if about is None or about.rpartition("/")[2] == stack.endpoint_name:
        return one_version(sagemaker, group, _number_in_service(aws, stack))
    if about.isascii() and about.isdigit():
        return one_version(sagemaker, group, int(about))
    if ":model-package/" not in about:
        raise InputError(
            f"{one_line(about, 120)} is neither a version's number, nor the ARN of one, nor endpoint"
            f" {stack.endpoint_name}. See the versions: python -m ml history"
        )
    package = registry.parse_model_package_arn(about)
    approved_version.check_place(package, group, region=stack.region, account=stack.account)
    return one_version(sagemaker, group, package.version)


def _number_in_service(aws: Aws, stack: Stack) -> int:
    _, serves = serving_now(aws, stack)
    if serves is None or serves.model_package is None:
        raise InputError(f"endpoint {stack.endpoint_name} serves no version. Name one: python -m ml history")
    package = serves.model_package
    if not _is_of_stack(package, stack):
        raise InputError(
            f"endpoint {stack.endpoint_name} serves {package.text}, which is not a version of"
            f" {stack.model_package_group} in this account and region. Name one of this stack: python -m ml history"
        )
    return package.version


def _is_of_stack(package: ModelPackageArn, stack: Stack) -> bool:
    return approved_version.is_of(package, stack.model_package_group, region=stack.region, account=stack.account)


def _decision(version: Version) -> str:
    """Return the decision's words, which name whoever gave it in Studio and wrote nothing."""
    if version.status == contract.PENDING or version.reason.startswith(version.status):
        return version.reason
    return registry.decision_words(version.description)


def _deployment(entry: ledger.Entry) -> str:
    by = f"approved by {entry.approved_by}; " if entry.approved_by else ""
    return f"{entry.execution}: {entry.detail}; {by}{entry.decision}"


def _archive_facts(version: Version) -> list[tuple[str, str, Any]]:
    keys = {
        contract.METADATA_MODEL_SHA256: ("archive", "sha256"),
        contract.METADATA_EVALUATION_SHA256: ("evaluation", "sha256"),
        contract.METADATA_REPORT: ("report", "uri"),
        contract.METADATA_DATA_SHA256: ("data", "sha256"),
        contract.METADATA_USE_CASE: ("model", "use case"),
        contract.METADATA_COMMIT: ("source", "commit"),
        contract.METADATA_EXECUTION: ("source", "pipeline execution"),
    }
    found = [(part, what, version.metadata[key]) for key, (part, what) in keys.items() if key in version.metadata]
    return [("archive", "uri", version.archive_uri), *found]


def _row(what: str, name: str, state: str, attention: bool) -> dict[str, Any]:
    return {"what": what, "name": name, "state": state, "attention": attention}


def _told(package: ModelPackageArn | None, stack: Stack) -> str:
    if package is None:
        return "nothing of the registry"
    return f"version {package.version}" if _is_of_stack(package, stack) else package.text


def _config(serves: Serving | None) -> str:
    return f"with {serves.config_name}" if serves else ""


def _pipeline_rows(aws: Aws, stack: Stack) -> list[dict[str, Any]]:
    codepipeline = aws.client("codepipeline")
    listed = codepipeline.list_pipeline_executions(pipelineName=stack.pipeline_name, maxResults=1)
    return [
        _row("last execution", each["pipelineExecutionId"], each["status"], each["status"] in _ENDED_BADLY)
        for each in listed["pipelineExecutionSummaries"]
    ]


def _alarm_rows(aws: Aws, stack: Stack) -> list[dict[str, Any]]:
    if not stack.alarms:
        return []
    described = aws.client("cloudwatch").describe_alarms(AlarmNames=list(stack.alarms), AlarmTypes=["MetricAlarm"])
    found = {alarm["AlarmName"]: str(alarm["StateValue"]) for alarm in described["MetricAlarms"]}
    return [
        _row("alarm", name, found.get(name, "does not exist"), found.get(name) not in ("OK", "INSUFFICIENT_DATA"))
        for name in stack.alarms
    ]


def _queue_rows(aws: Aws, stack: Stack) -> list[dict[str, Any]]:
    rows = []
    for queue in stack.queues.values():
        sqs = aws.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        name = "ApproximateNumberOfMessages"
        held = int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
        rows.append(_row("dead letters", queue, str(held), held > 0))
    return rows
