"""A running account, roles with the statements that a test is about, and an account whose pipelines run."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.account.cloud import Cloud, Credentials
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.pipeline.events import EventBus
from tests.rehearsal.pipeline_account import Account, Notes
from tests.rehearsal.stack_account import Stacks
from tests.silence import Silent

REGION = "us-east-1"


class Roles:
    """Roles of one account, made as a test needs them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._numbers = itertools.count(1)

    def create(self, *statements: dict[str, Any], service: str = "codebuild.amazonaws.com") -> str:
        """Return the ARN of a new role that `service` may assume and that has these statements."""
        iam, name = self.cloud.client("iam"), f"role-{next(self._numbers)}"
        trust = [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]
        if statements:
            policy = iam.create_policy(PolicyName=f"{name}-policy", PolicyDocument=_document(list(statements)))
            iam.attach_role_policy(RoleName=name, PolicyArn=policy["Policy"]["Arn"])
        return str(role["Arn"])

    def enter(self, *statements: dict[str, Any]) -> Credentials:
        """Return credentials of a new role with these statements."""
        service = "codebuild.amazonaws.com"
        return self.cloud.assume(self.create(*statements, service=service), service, source_arn="-", session="test")


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """One account for a whole module, which may set PACKAGE_ARN_CASE."""
    case = getattr(request.module, "PACKAGE_ARN_CASE", "kept")
    running = Cloud.start(tmp_path_factory.mktemp("work"), REGION, Silent(), package_arn_case=case)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def roles(cloud: Cloud) -> Roles:
    return Roles(cloud)


@pytest.fixture(scope="module")
def stacks(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    """Stacks of small programs in the module's account."""
    repositories = Repositories(cloud, EventBus(cloud, lambda arn, event: None))
    return Stacks(cloud, repositories, tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def allow() -> Callable[..., dict[str, Any]]:
    """Write one Allow statement."""

    def statement(actions: str | list[str], on: str | list[str], **more: Any) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": actions, "Resource": on, **more}

    return statement


@pytest.fixture(scope="module")
def shared_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """One account with a pipeline executor for a whole module; never beside `cloud`."""
    notes = Notes()
    running = Cloud.start(tmp_path_factory.mktemp("work").resolve(), REGION, notes)
    yield Account(running, notes)
    running.stop()


@pytest.fixture
def account(shared_account: Account) -> Account:
    """The module's account with nothing of the test before."""
    shared_account.forget()
    return shared_account


@pytest.fixture(scope="module")
def visitors(shared_account: Account) -> Roles:
    return Roles(shared_account.cloud)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The test's own pipeline, role, policy, topic and queue."""
    return re.sub(r"\W+", "-", request.node.name)[-60:].strip("-")
