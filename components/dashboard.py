"""Dashboard: one page for the person on call, computed from names and settings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pulumi
import pulumi_aws as aws

from components import metrics
from components.alarm_table import HOUR_SECONDS, MODEL_LATENCY_MICROSECONDS, QUEUE_SECONDS, alarms, old_approval_seconds
from components.arns import Arns
from components.console import endpoint_url, log_group_url, registry_url
from components.dead_letters import queue_names
from components.metrics import SUM, Metric
from components.names import Names
from components.settings import Settings
from ml import contract

Widget: TypeAlias = dict[str, Any]
"""One widget as CloudWatch reads it (Dashboard body structure and syntax), before it has a place."""

COLUMNS = 24
DECISIONS_SHOWN = 20
MINUTE_SECONDS = 60
_BAR = " | "


@dataclass(frozen=True, kw_only=True)
class Row:
    """Widgets beside each other; they share the columns equally."""

    height: int
    widgets: Sequence[Widget]


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    """What there is to be seen follows from the settings."""

    names: Names
    settings: Settings


class Dashboard(pulumi.ComponentResource):
    """The stack's dashboard."""

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:Dashboard", name, None, opts)
        aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args.names.dashboard,
            dashboard_body=json.dumps(dashboard_body(args.names, args.settings)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def dashboard_body(names: Names, settings: Settings) -> dict[str, Any]:
    """Return the dashboard: first what to do, then what is red, then the road from commit to answer."""
    rows = (
        Row(height=6, widgets=[_instructions(names, settings), _alarm_states(names, settings)]),
        Row(height=6, widgets=[_pipeline(names), _builds(names)]),
        *_approval(names, settings),
        Row(height=6, widgets=[_requests(names), _latency(names)]),
        Row(height=6, widgets=_capacity(names, settings)),
    )
    return {"start": "-P1D", "widgets": _placed(rows)}


def _placed(rows: Sequence[Row]) -> list[Widget]:
    """Give every widget its place on the grid."""
    placed, y = [], 0
    for row in rows:
        width = COLUMNS // len(row.widgets)
        for column, widget in enumerate(row.widgets):
            placed.append({**widget, "x": column * width, "y": y, "width": width, "height": row.height})
        y += row.height
    return placed


def _instructions(names: Names, settings: Settings) -> Widget:
    asked = "Open the pipeline, read the summary, approve or reject. The registry and the pipeline follow each other."
    back = f"Start the pipeline with `{contract.PIPELINE_VARIABLE}` set to the ARN of the version before."
    steps = {
        "The pipeline failed": "Open its red action and that build's log. Retry the stage, or push a fix.",
        **({"An approval waits": asked} if settings.approval.asks_person else {}),
        "The endpoint fails or is slow": f"Read its log. Was there a release just now? {back}",
        "Dead letters": "Read the function's log, mend the cause, send the message again.",
    }
    links = {
        "Pipeline": names.pipeline_console_url,
        f"Registry: {names.model_package_group}": registry_url(names),
        "Endpoint": endpoint_url(names),
        **{label: log_group_url(names, group) for label, group in _logs(names, settings).items()},
    }
    first = "\n".join(f"- **{wrong}**: {remedy}" for wrong, remedy in steps.items())
    then = _BAR.join(f"[{label}]({url})" for label, url in links.items())
    return {"type": "text", "properties": {"markdown": f"## {names.pipeline}\n{first}\n\n{then}\n"}}


def _logs(names: Names, settings: Settings) -> dict[str, str]:
    logs = {"train log": names.train_log_group, "deploy log": names.deploy_log_group}
    return {**logs, **_decision_logs(names, settings), "endpoint log": names.endpoint_log_group}


def _decision_logs(names: Names, settings: Settings) -> dict[str, str]:
    """Return the log groups of the functions that decide or write decisions down."""
    approval = {"approval log": names.approval_log_group} if settings.approval.judges_metrics else {}
    bridge = {"bridge log": names.bridge_log_group} if settings.approval.asks_person else {}
    return {**approval, **bridge}


def _alarm_states(names: Names, settings: Settings) -> Widget:
    arns = Arns(names=names)
    watched = [arns.alarm(alarm.name) for alarm in alarms(names, settings)]
    return {"type": "alarm", "properties": {"title": "Alarms", "alarms": watched}}


def _pipeline(names: Names) -> Widget:
    return _graph(
        "Failed executions and builds",
        names,
        {
            "failed executions": metrics.failed_executions(names),
            "failed train builds": metrics.failed_builds(names.train_project),
            "failed deploy builds": metrics.failed_builds(names.deploy_project),
        },
        period=HOUR_SECONDS,
    )


def _builds(names: Names) -> Widget:
    return _graph(
        "Duration of builds (seconds)",
        names,
        {
            "train": metrics.build_duration(names.train_project),
            "deploy": metrics.build_duration(names.deploy_project),
        },
        period=HOUR_SECONDS,
    )


def _approval(names: Names, settings: Settings) -> list[Row]:
    """Return the decisions, and what became of the functions that make them."""
    functions: dict[str, str] = {}
    if settings.approval.judges_metrics:
        functions["approval"] = names.approval_function
    if settings.approval.asks_person:
        functions["bridge"] = names.bridge_function
    calls = {f"{label} calls": metrics.function_calls(function) for label, function in functions.items()}
    errors = {f"{label} errors": metrics.function_errors(function) for label, function in functions.items()}
    queues = queue_names(names, settings)
    letters = {f"{label} dead letters": metrics.waiting_messages(queue) for label, queue in queues.items()}
    beside = [
        _graph("Functions", names, {**calls, **errors}, period=QUEUE_SECONDS),
        _graph("Dead letters", names, letters, period=QUEUE_SECONDS),
    ]
    if settings.approval.asks_person:
        age = _graph(
            "Oldest waiting approval (seconds)", names, {"age": metrics.approval_age(names)}, period=HOUR_SECONDS
        )
        beside.append(_with_line(age, old_approval_seconds(settings), "too old"))
    return [Row(height=6, widgets=[_decisions(names, settings)]), Row(height=6, widgets=beside)]


def _decisions(names: Names, settings: Settings) -> Widget:
    """Return the latest decisions, from the lines of JSON that the functions log."""
    sources = _BAR.join(f"SOURCE '{group}'" for group in _decision_logs(names, settings).values())
    query = (
        f"{sources} | fields @timestamp, {contract.JOB_MODEL_PACKAGE_ARN} as model, decision, reason, trigger"
        f"\n| filter ispresent(decision)\n| sort @timestamp desc\n| limit {DECISIONS_SHOWN}"
    )
    return {
        "type": "log",
        "properties": {"title": "Decisions", "region": names.region, "query": query, "view": "table"},
    }


def _requests(names: Names) -> Widget:
    return _graph(
        f"{names.endpoint}: requests",
        names,
        {
            "requests": metrics.invocations(names),
            "4xx": metrics.client_errors(names),
            "5xx": metrics.server_errors(names).read_as(SUM),
        },
        period=MINUTE_SECONDS,
    )


def _latency(names: Names) -> Widget:
    latency = metrics.model_latency(names)
    graph = _graph(
        f"{names.endpoint}: latency (microseconds)",
        names,
        {"model p50": latency.read_as("p50"), "model p99": latency, "SageMaker p99": metrics.overhead_latency(names)},
        period=MINUTE_SECONDS,
    )
    return _with_line(graph, MODEL_LATENCY_MICROSECONDS, "model too slow")


def _capacity(names: Names, settings: Settings) -> list[Widget]:
    """Return what the containers use. A serverless endpoint publishes no CPU, but how long a worker takes to start."""
    memory = _graph("Memory (%)", names, {"memory": metrics.memory(names)}, period=MINUTE_SECONDS)
    if settings.endpoint.kind == contract.SERVERLESS:
        start = {"start of a worker p99": metrics.setup_time(names)}
        return [_graph("Start of a worker (microseconds)", names, start, period=MINUTE_SECONDS), memory]
    return [_graph("CPU (% of one core)", names, {"CPU": metrics.cpu(names)}, period=MINUTE_SECONDS), memory]


def _graph(title: str, names: Names, lines: dict[str, Metric], *, period: int) -> Widget:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "view": "timeSeries",
            "region": names.region,
            "period": period,
            "metrics": [_line(label, metric) for label, metric in lines.items()],
            "yAxis": {"left": {"min": 0}},
        },
    }


def _line(label: str, metric: Metric) -> list[Any]:
    dimensions = [part for dimension in metric.dimensions.items() for part in dimension]
    return [metric.namespace, metric.name, *dimensions, {"label": label, "stat": metric.statistic}]


def _with_line(graph: Widget, value: float, label: str) -> Widget:
    """Return the graph with the threshold of its alarm drawn in."""
    annotations = {"horizontal": [{"label": label, "value": value}]}
    return {**graph, "properties": {**graph["properties"], "annotations": annotations}}
