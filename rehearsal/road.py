"""The provisioned road and what a person can do with it: push, wait, read the registry, ask the endpoint."""

import contextlib
import io
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
from botocore.exceptions import ClientError
from pulumi.runtime.mocks import MockMonitor

from ml import contract
from ml.endpoint import is_absent
from ml.errors import InputError, RoadError
from ml.stack_file import PROJECT, project_name
from rehearsal.account.cloud import Cloud, PackageArnCase, Progress
from rehearsal.account.iam import Policy
from rehearsal.person import Person
from rehearsal.pipeline.codepipeline import Execution
from rehearsal.plan import DATA_BUCKET, Plan
from rehearsal.provision.program import run_program
from rehearsal.provision.provisioner import Provisioner
from rehearsal.services import Services
from rehearsal.source_tree import WorkingCopy

START_TIMEOUT_SECONDS = 20
EXECUTION_TIMEOUT_SECONDS = 600
EVENTS_TIMEOUT_SECONDS = 60
_FIRST_PAUSE_SECONDS = 0.02
_ROLE = "aws:iam/role:Role"

APPROVER = Person()
REJECTER = Person(approves=False)
REGISTRY_APPROVER = Person(name="grace", place="registry")


class Road:
    """A provisioned stack on a running emulated account. Several in one account share its services."""

    def __init__(self, cloud: Cloud, plan: Plan, services: Services) -> None:
        self.cloud = cloud
        if plan.data is not None:
            _put_table(cloud, plan.data)
        self.services = services
        self.functions, self.bus, self.pipelines = self.services.functions, self.services.bus, self.services.pipelines
        self.stack = Provisioner(cloud, self.services.repositories, project=PROJECT, without=plan.without)
        self.up(plan)
        # A repository outside AWS is there before the program is; one of CodeCommit the program has just made.
        hosted = plan.hosted_repository
        self.clone_url = str(self.services.code_host.create(hosted) if hosted else self.outputs["clone_url_http"])
        self.developer = WorkingCopy(
            cloud.work / f"clone-{plan.stack}", clone_url=self.clone_url, branch=self.outputs["branch"]
        )
        self.developer.take(PROJECT)

    def up(self, plan: Plan) -> None:
        """Provision the program as `plan` has it: what exists already is adopted or changed."""
        self.outputs = self.stack.provision(partial(run_plan, plan, self.cloud.progress))
        self.made = self.stack.made

    @property
    def endpoint(self) -> str:
        """Name of the endpoint that the road leads to."""
        return str(self.outputs["endpoint_name"])

    # --- the road ----------------------------------------------------------------------------------------------------

    def push(self, message: str) -> Execution:
        """Commit and push the developer's clone; return the execution that the push has started."""
        known = {execution.id for execution in self.pipelines.executions()}
        self.developer.push(message)
        deadline, pause = time.monotonic() + START_TIMEOUT_SECONDS, _FIRST_PAUSE_SECONDS
        while time.monotonic() < deadline:
            started = [each for each in self.pipelines.executions() if each.id not in known]
            if started:
                return started[0]
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        raise RoadError(
            f"the push started no pipeline execution within {START_TIMEOUT_SECONDS} s: "
            "look at the push rule or the pipeline's trigger, its role and the notes of EventBridge above"
        )

    def release(self, package_arn: str) -> Execution:
        """Start the pipeline with a version that is in the registry, as an operator does; return its execution."""
        started = self.cloud.client("codepipeline").start_pipeline_execution(
            name=self.outputs["pipeline_name"], variables=[{"name": contract.PIPELINE_VARIABLE, "value": package_arn}]
        )["pipelineExecutionId"]
        return next(each for each in self.pipelines.executions() if each.id == started)

    def follow(self, execution: Execution, *, person: Person | None = APPROVER) -> Execution:
        """Wait until the execution has ended and everything that it set off has come to rest.

        Where the pipeline asks, `person` decides; with None nobody does, and something else must end the approval.
        """
        try:
            if person is not None:
                waiting = self.pipelines.wait_for_approval(execution.id, EXECUTION_TIMEOUT_SECONDS)
                if waiting is not None:
                    person.decide(self.cloud, execution, waiting)
            ended = self.pipelines.wait(execution.id, EXECUTION_TIMEOUT_SECONDS)
            self.settle()
        except TimeoutError as error:
            raise RoadError(str(error)) from error
        return ended

    def settle(self) -> None:
        """Wait until no event is under way and no function runs. Raises TimeoutError."""
        begun = -1
        while (now := self.bus.drain(EVENTS_TIMEOUT_SECONDS)) != begun:
            begun = now
            self.functions.drain(EVENTS_TIMEOUT_SECONDS)  # what a function does may raise events

    # --- what a person can read --------------------------------------------------------------------------------------

    def packages(self) -> list[dict[str, Any]]:
        """Return every version of the group, newest first, as DescribeModelPackage gives it."""
        sagemaker = self.cloud.client("sagemaker")
        group = self.outputs["model_package_group"]
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        arns = [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]
        described = [sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns]
        return sorted(described, key=lambda package: package["ModelPackageVersion"], reverse=True)

    def golden(self, package: Mapping[str, Any]) -> dict[str, Any]:
        """Return the requests that travel in the package's model archive, with the answers given at training."""
        url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, _, key = url.removeprefix("s3://").partition("/")
        body = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            member = archive.extractfile(contract.GOLDEN_FILE)
            if member is None:
                raise RoadError(f"{url} holds no {contract.GOLDEN_FILE}")
            return dict(json.load(member))

    def serving_config(self) -> str:
        """Return the name of the endpoint's configuration; empty when there is no endpoint."""
        try:
            found = self.cloud.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)
        except ClientError as error:
            if not is_absent(error):
                raise
            return ""
        return str(found["EndpointConfigName"])

    def ask(self, body: str, content_type: str) -> Any:
        """Return the endpoint's JSON answer to one request."""
        answer = self.cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=self.endpoint, ContentType=content_type, Accept="application/json", Body=body
        )
        return json.loads(answer["Body"].read())

    def policies(self) -> dict[str, list[Policy]]:
        """Return the identity policies of every provisioned role, by the role's name."""
        provisioned = {made.id for made in self.made if made.type == _ROLE}
        return {name: policies for name, policies in self.cloud.authorizer.policies().items() if name in provisioned}


def run_plan(plan: Plan, progress: Progress, monitor: MockMonitor) -> dict[str, Any]:
    """Run the program as the plan has it, and return its outputs; each line that it warns of is a note of progress.

    Raises InputError for a configuration that the program refuses.
    """

    def tell(text: str) -> None:
        """Show what the program warns of, a note for each line."""
        for line in text.splitlines():
            progress.note("Pulumi", line)

    project, config = project_name(PROJECT), plan.config
    try:
        return run_program(
            PROJECT, monitor.mocks, project=project, stack=plan.stack, config=config, monitor=monitor, tell=tell
        )
    except pulumi.RunError as error:  # what Pulumi's command line prints without a traceback
        raise InputError(str(error)) from error


def _put_table(cloud: Cloud, data: Path) -> None:
    """Put a local table where a data team would have put it: into a bucket that is not the stack's."""
    s3 = cloud.client("s3")
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    s3.create_bucket(Bucket=DATA_BUCKET, **({} if cloud.region == "us-east-1" else elsewhere))
    s3.put_object(Bucket=DATA_BUCKET, Key=data.name, Body=data.read_bytes())


@contextlib.contextmanager
def open_road(
    plan: Plan, *, work: Path, progress: Progress, package_arn_case: PackageArnCase = "kept"
) -> Iterator[Road]:
    """Start an emulated account, provision the program there, and take everything down afterwards."""
    work.mkdir(parents=True, exist_ok=True)
    cloud = Cloud.start(work, plan.region, progress, package_arn_case=package_arn_case)
    try:
        services = Services(cloud)
        try:
            yield Road(cloud, plan, services)
        finally:
            services.close()
    finally:
        cloud.stop()
