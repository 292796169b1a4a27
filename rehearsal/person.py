"""The person who is asked: decides in the pipeline or in the registry, with the rights for that place and no other.

People are no part of the program: their roles are made here, as a platform team would make them beside it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ml import contract
from rehearsal.account.cloud import Cloud, Credentials
from rehearsal.pipeline.codepipeline import ActionRun, Execution

Place: TypeAlias = Literal["pipeline", "registry"]

COMMENT = "I have read the report"
_LONGEST_SUMMARY = 512  # of an approval's result (CodePipeline API)
_TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a mind already made up: `place` is where they say it, and the only place where they may."""

    name: str = "ada"
    approves: bool = True
    place: Place = "pipeline"

    @property
    def status(self) -> str:
        """Return what they decide, in the words of registry and pipeline."""
        return contract.APPROVED if self.approves else contract.REJECTED

    @property
    def role(self) -> str:
        """Name of the role in which they act."""
        return f"people-who-approve-in-the-{self.place}"

    def decide(self, cloud: Cloud, execution: Execution, run: ActionRun) -> None:
        """Answer the approval that waits, by its token or by the status of the version that it is about."""
        # What the mail said about the version, quoted.
        told = run.configuration.get("CustomData", "")
        words = f"{COMMENT}: {told}" if told else COMMENT
        if self.place == "pipeline":
            self._answer(cloud, execution, run, words)
        else:
            self.decide_in_registry(cloud, execution.variables["BuildVariables"][contract.MODEL_PACKAGE_ARN], words)

    def _answer(self, cloud: Cloud, execution: Execution, run: ActionRun, words: str) -> None:
        pipeline = f"arn:aws:codepipeline:{cloud.region}:{cloud.account}:{execution.pipeline}"
        held = self._enter(
            cloud,
            execution.pipeline,
            [
                _allow("codepipeline:GetPipelineState", pipeline),
                _allow("codepipeline:PutApprovalResult", f"{pipeline}/{run.stage}/{run.name}"),
            ],
        )
        client = cloud.client("codepipeline", held)
        place = {"pipelineName": execution.pipeline, "stageName": run.stage, "actionName": run.name}
        token = _token(client.get_pipeline_state(name=execution.pipeline), run)
        answer = {"status": self.status, "summary": words[:_LONGEST_SUMMARY]}
        client.put_approval_result(**place, token=token, result=answer)

    def decide_in_registry(self, cloud: Cloud, package_arn: str, words: str) -> None:
        """Set the version's status, with the rights for that alone."""
        decisions = {"StringEquals": {"sagemaker:ModelApprovalStatus": [contract.APPROVED, contract.REJECTED]}}
        group_arn = package_arn.rpartition("/")[0]
        update = {**_allow("sagemaker:UpdateModelPackage", f"{group_arn}/*"), "Condition": decisions}
        held = self._enter(cloud, group_arn.rpartition("/")[2], [update])
        cloud.client("sagemaker", held).update_model_package(
            ModelPackageArn=package_arn, ModelApprovalStatus=self.status, ApprovalDescription=words
        )

    def _enter(self, cloud: Cloud, subject: str, statements: Sequence[dict[str, Any]]) -> Credentials:
        """Return credentials of the person's role, which may then do this with the subject."""
        iam = cloud.client("iam")
        try:
            arn = iam.get_role(RoleName=self.role)["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            arn = iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=_document([_TRUST]))["Role"]["Arn"]
        iam.put_role_policy(RoleName=self.role, PolicyName=subject, PolicyDocument=_document(statements))
        given = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName=self.name)["Credentials"]
        return Credentials(
            access_key_id=given["AccessKeyId"],
            secret_access_key=given["SecretAccessKey"],
            session_token=given["SessionToken"],
        )


def _token(state: dict[str, Any], run: ActionRun) -> str:
    stage = next(each for each in state["stageStates"] if each["stageName"] == run.stage)
    action = next(each for each in stage["actionStates"] if each["actionName"] == run.name)
    return str(action["latestExecution"]["token"])


def _allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _document(statements: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
