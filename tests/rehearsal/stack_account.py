"""What the tests of provisioning need: one resource, or a small program, made in an emulated account."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi.runtime.mocks import MockResourceArgs

from rehearsal.account.cloud import Cloud
from rehearsal.pipeline.codecommit import Repositories
from rehearsal.provision.monitor import Monitor
from rehearsal.provision.program import run_program
from rehearsal.provision.provisioner import Provisioner, RoleAction

Outputs = dict[str, Any]
Program = Callable[[Monitor], Outputs]

ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
BUCKET, GROUP = "aws:s3/bucket:Bucket", "aws:cloudwatch/logGroup:LogGroup"
PROJECT, FUNCTION = "aws:codebuild/project:Project", "aws:lambda/function:Function"
PIPELINE = "aws:codepipeline/pipeline:Pipeline"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"


class Stacks:
    """Stacks of small programs in one account."""

    def __init__(self, cloud: Cloud, repositories: Repositories, folder: Path) -> None:
        self.cloud = cloud
        self.repositories = repositories
        self.folder = folder

    def new(self, *, without: RoleAction | None = None) -> Provisioner:
        """Return a stack with nothing in it."""
        return Provisioner(self.cloud, self.repositories, project=self.folder, without=without)

    def make(self, type_token: str, name: str, /, **inputs: Any) -> Outputs:
        """Declare one resource in a stack of its own; return its id and outputs, or raise what a whole run would."""
        args = MockResourceArgs(typ=type_token, name=name, inputs=inputs, custom=True)

        def program(monitor: Monitor) -> Outputs:
            made_id, outputs = monitor.mocks.new_resource(args)
            return {"id": made_id, **outputs}

        return self.new().provision(program)

    def program(self, text: str, *, stack: str = "dev") -> Program:
        """Return a Pulumi program with this text, as a stack of its own."""

        def run(monitor: Monitor) -> Outputs:
            (self.folder / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
            (self.folder / "__main__.py").write_text(f"import json, pulumi, pulumi_aws as aws\n{text}")
            return run_program(self.folder, monitor.mocks, project="small", stack=stack, config={}, monitor=monitor)

        return run

    def up(self, text: str) -> tuple[Provisioner, Outputs]:
        """Provision a program as a new stack; return the stack and the program's outputs."""
        stack = self.new()
        return stack, stack.provision(self.program(text))


def document(action: str | list[str], resource: str = "*") -> str:
    """Return a policy of one statement."""
    statement = {"Sid": "S", "Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    """Return the trust policy by which a service may assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
