"""What the tests of builds, functions and endpoints need in an emulated account: roles, and a memory of progress."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rehearsal.account.cloud import Cloud

REGION = "us-east-1"
ANYTHING = ("*", "*")


class Notes:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def note(self, where: str, what: str) -> None:
        self.lines.append((where, what))


@contextmanager
def running_cloud(work: Path) -> Iterator[Cloud]:
    cloud = Cloud.start(work, REGION, Notes())
    try:
        yield cloud
    finally:
        cloud.stop()


def make_role(cloud: Cloud, name: str, service: str, *grants: tuple[str, str]) -> str:
    """Create a role that `service` may assume and that has the given (action, resource) grants; return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in grants]
    iam = cloud.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document([trust]))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="grants", PolicyDocument=_document(statements))
    return arn


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def eventually(condition: Callable[[], Any], *, seconds: float = 15) -> Any:
    """Return the first true answer of `condition`. Fails when there is none in time."""
    deadline, pause, never = time.monotonic() + seconds, 0.01, threading.Event()
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        never.wait(pause)
        pause = min(0.2, pause * 1.5)
    raise AssertionError(f"not within {seconds} s")


def logged(cloud: Cloud, group: str, *streams: str) -> list[str]:
    """Return every message of a log group, or of some of its streams."""
    chosen = {"logStreamNames": list(streams)} if streams else {}
    events = cloud.client("logs").filter_log_events(logGroupName=group, **chosen)["events"]
    return [event["message"] for event in events]
