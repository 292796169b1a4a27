"""Where drills are played: a road with a sound version in service, and what can be done to it and seen of it.

What a fault needs is done with the operator's rights, in the account: it is no part of the road.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from ml import contract, registration
from ml.errors import RoadError
from ml.stack_file import PROJECT
from rehearsal.drills import archives
from rehearsal.pipeline.codepipeline import Execution
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.report import Proof
from rehearsal.road import Road

_JSON = "application/json"


class Stand:
    """A road between two drills. `sound` is the ARN of the version that serves then."""

    def __init__(self, road: Road, use_case: str) -> None:
        self.road = road
        self.cloud = road.cloud
        self.use_case = use_case
        self.train_project, self.deploy_project = road.outputs["build_projects"]
        self.sound = ""
        self.serving_changes: list[archives.TextChange] = []
        """What is changed in the serving code of every archive that is offered."""

    def begin(self) -> None:
        """Push the project as it is. Raises RoadError when it does not go live: there is nothing to drill then."""
        execution = self.road.follow(self.road.push("A sound model"))
        if execution.status != SUCCEEDED:
            raise RoadError(f"no drill can be played: the sound model did not go live: {failure_of(execution)}")
        self.sound = self.served()

    def ready(self) -> None:
        """See that the source is the project's, all is at rest, and the sound version serves. Raises RoadError."""
        self.road.developer.take(PROJECT)
        self.push_quietly("Back to the project")
        self.road.settle()
        if self.served() != self.sound and (again := self.release(self.sound)).status != SUCCEEDED:
            raise RoadError(f"the sound version does not serve again: {failure_of(again)}")

    # --- doing -------------------------------------------------------------------------------------------------------

    def push_quietly(self, message: str) -> None:
        """Push what has changed in the developer's clone without starting the pipeline: its rule sleeps meanwhile."""
        if not self.road.developer.changed():
            return
        with self._rule_asleep():
            self.road.developer.push(message)

    @contextlib.contextmanager
    def _rule_asleep(self) -> Iterator[None]:
        events = self.cloud.client("events")
        rules = [each for each in events.list_rules()["Rules"] if "aws.codecommit" in each.get("EventPattern", "")]
        for rule in rules:
            events.disable_rule(Name=rule["Name"])
        try:
            yield
        finally:
            for rule in rules:
                events.enable_rule(Name=rule["Name"])

    def release(self, arn: str) -> Execution:
        """Send a version through the pipeline, without training, and wait for the end."""
        return self.road.follow(self.road.release(arn), person=None)

    def offer(
        self,
        *,
        members: Mapping[str, bytes] | None = None,
        evaluation: bytes | None = None,
        stored_evaluation: bytes | None = None,
        recorded: bool = True,
    ) -> str:
        """Register a copy of the sound version, as any tool beside the pipeline could, and return its ARN once the
        registry's events about it have come to rest.

        `members` replaces the archive's content and `evaluation` the evidence, both with the digests that they have;
        `stored_evaluation` is what lies in the bucket in place of the evidence that was registered. It is `recorded`
        as a build would have done it: otherwise the deploy step's first gate would hide all the others.
        """
        sagemaker = self.cloud.client("sagemaker")
        request = self._copy()
        if members is None and self.serving_changes:
            members = self.members()
        if members is not None:
            self._put_archive(request, archives.pack(archives.changed(members, self.serving_changes)))
        if evaluation is not None:
            self._put_evaluation(request, evaluation, stored_evaluation or evaluation)
        arn = str(sagemaker.create_model_package(**request)["ModelPackageArn"])
        if recorded:
            self._record(arn)
        self.road.settle()
        return arn

    def _record(self, arn: str) -> None:
        package = self.package(arn)
        facts = package["CustomerMetadataProperties"]
        registered = registration.of(
            package,
            archive_sha256=facts[contract.METADATA_MODEL_SHA256],
            commit=facts[contract.METADATA_COMMIT],
            execution=facts[contract.METADATA_EXECUTION],
        )
        bucket, group = self.road.outputs["model_bucket"], self.road.outputs["model_package_group"]
        registration.record(self.cloud.client("s3"), bucket, group, package, registered)

    def _copy(self) -> dict[str, Any]:
        package, model = self.package(self.sound), self.cloud.client("sagemaker").meta.service_model
        taken = set(model.operation_model("CreateModelPackage").input_shape.members) - {"CertifyForMarketplace"}
        copied = {name: deepcopy(value) for name, value in package.items() if name in taken}
        return {**copied, "ModelApprovalStatus": contract.PENDING}

    def _put_archive(self, request: dict[str, Any], body: bytes) -> None:
        digest = archives.sha256(body)
        key = f"{contract.MODELS_PREFIX}{digest}/{contract.ARCHIVE_FILE}"
        request["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] = self._put(key, body)
        request["CustomerMetadataProperties"][contract.METADATA_MODEL_SHA256] = digest

    def _put_evaluation(self, request: dict[str, Any], body: bytes, stored: bytes) -> None:
        digest = archives.sha256(body)
        statistics = request["ModelMetrics"]["ModelQuality"]["Statistics"]
        uri = self._put(f"{contract.EVALUATIONS_PREFIX}{digest}/{contract.EVALUATION_FILE}", stored)
        statistics |= {"S3Uri": uri, "ContentDigest": f"sha256:{digest}"}
        request["CustomerMetadataProperties"][contract.METADATA_EVALUATION_SHA256] = digest

    def _put(self, key: str, body: bytes) -> str:
        bucket = self.road.outputs["model_bucket"]
        self.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    # --- seeing ------------------------------------------------------------------------------------------------------

    def package(self, arn: str) -> dict[str, Any]:
        """Return a version as DescribeModelPackage gives it."""
        described: dict[str, Any] = self.cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
        return described

    def members(self) -> dict[str, bytes]:
        """Return the sound version's archive, member by member."""
        url = self.package(self.sound)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        return archives.unpack(self.read(url))

    def read(self, uri: str) -> bytes:
        """Return an object of S3."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def evaluation(self) -> dict[str, Any]:
        """Return the sound version's evaluation."""
        found = json.loads(self.read(self.package(self.sound)["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]))
        return dict(found)

    def served(self) -> str:
        """Return the ARN of the version that the endpoint's configuration leads to; empty without an endpoint."""
        config = self.road.serving_config()
        if not config:
            return ""
        sagemaker = self.cloud.client("sagemaker")
        [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        container = (model.get("Containers") or [model["PrimaryContainer"]])[0]
        return str(container["ModelPackageName"])

    def role(self, project: str) -> str:
        """Return the name of a build project's role."""
        found = self.cloud.client("codebuild").batch_get_projects(names=[project])["projects"][0]
        return str(found["serviceRole"]).rpartition("/")[2]

    # --- proofs ------------------------------------------------------------------------------------------------------

    def refused(self, arn: str, word: str, claim: str) -> Proof:
        """Prove that the registry rejects a version, for a reason that names `word`."""
        package = self.package(arn)
        status, reason = package["ModelApprovalStatus"], package.get("ApprovalDescription", "no reason given")
        holds = status == contract.REJECTED and word in reason
        return Proof(claim=claim, holds=holds, detail=f"{status}: {reason.removeprefix(f'{status}: ')}")

    def untouched(self) -> Proof:
        """Prove that the sound version serves, and answers as it did when it was trained."""
        golden, served = self.road.golden(self.package(self.sound)), self.served()
        answers = self.road.ask(json.dumps({"instances": golden["instances"]}), _JSON)["predictions"]
        same = answers == golden["predictions"]
        return Proof(
            claim="the version before keeps serving, and answers as it was trained",
            holds=served == self.sound and same,
            detail=f"version {served.rpartition('/')[2]} serves, {'the same' if same else 'other'} answers",
        )


def stopped(execution: Execution, stage: str, *words: str) -> Proof:
    """Prove that an execution ended at a stage, with a message that holds every one of `words`."""
    failed = [run for run in execution.actions if run.status == FAILED]
    message = failed[0].message if failed else f"the execution {execution.status.lower()}"
    holds = [run.stage for run in failed] == [stage] and all(word in message for word in words)
    return Proof(claim=f"the pipeline stops at {stage} and says why", holds=holds, detail=_reason(message))


def failure_of(execution: Execution) -> str:
    """Return what the first failed action says."""
    failed = [run for run in execution.actions if run.status == FAILED]
    return f"{failed[0].label}: {_reason(failed[0].message)}" if failed else f"the execution {execution.status}"


def _reason(message: str) -> str:
    """Return what an entry said of its error, without what the build says around it."""
    return message.rpartition("error: ")[2]
