"""What a stack tells of itself, as far as its names and settings say it: outputs for people and for `python -m ml`."""

import dataclasses
import json
from typing import Any

from components.alarm_table import alarm_names
from components.arns import Arns
from components.dead_letters import queue_names
from components.names import Names
from components.part_names import part_names
from components.settings import Settings


def exports(names: Names, settings: Settings) -> dict[str, Any]:
    """Return the outputs by name. Known before anything exists, and when nothing does any more."""
    arns, guarded = Arns(names=names), settings.source.reviews > 0
    return {
        "stack_name": settings.stack,
        "region": names.region,
        "branch": settings.source.branch,
        **({"branch_guard_policy": arns.branch_guard} if guarded else {}),
        "pipeline_name": names.pipeline,
        "pipeline_console_url": names.pipeline_console_url,
        "model_package_group": names.model_package_group,
        "endpoint_name": names.endpoint,
        "model_bucket": names.model_bucket,
        "artifact_bucket": names.artifact_bucket,
        "alarms_topic": arns.alarms_topic,
        "approval_mode": settings.approval.mode,
        "thresholds": dict(settings.thresholds),
        "gate": json.loads(settings.gate.text),
        "endpoint": dataclasses.asdict(settings.endpoint),
        "training": dataclasses.asdict(settings.training),
        "queues": queue_names(names, settings),
        "alarms": alarm_names(names, settings),
        "build_projects": [names.train_project, names.deploy_project],
        "parts": part_names(names, settings),
    }
