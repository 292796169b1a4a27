"""SourceRepository: the repository whose pushes start the pipeline."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.arns import Arns
from components.iam import ServiceRole
from components.names import Names


@dataclass(frozen=True, kw_only=True)
class SourceRepositoryArgs:
    """`trigger` is the role by which EventBridge starts the pipeline."""

    names: Names
    branch: str
    trigger: ServiceRole
    protect: bool


class SourceRepository(pulumi.ComponentResource):
    """A CodeCommit repository, and the rule that turns a push to one branch into an execution.

    Only the console adds such a rule by itself; the alternative, polling, is switched off in the pipeline.
    """

    repository_name: pulumi.Output[str]
    clone_url_http: pulumi.Output[str]

    def __init__(self, name: str, args: SourceRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:SourceRepository", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        arns = Arns(names=args.names)
        repository = aws.codecommit.Repository(
            f"{name}-repository",
            repository_name=args.names.repository,
            description=f"What {args.names.pipeline} trains and deploys",
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        rule = aws.cloudwatch.EventRule(
            f"{name}-push",
            name=args.names.push_rule,
            description=f"A push to {args.branch} starts {args.names.pipeline}",
            event_pattern=json.dumps(push_pattern(arns.repository, args.branch)),
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-start",
            rule=rule.name,
            target_id="start-pipeline",
            arn=arns.pipeline,
            role_arn=args.trigger.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.trigger.grants),
        )
        self.repository_name = repository.repository_name
        self.clone_url_http = repository.clone_url_http
        self.register_outputs({"repository_name": self.repository_name, "clone_url_http": self.clone_url_http})


def push_pattern(repository_arn: str, branch: str) -> dict[str, Any]:
    """Return the event pattern of a push that makes or moves `branch` (CodePipeline user guide, CodeCommit source)."""
    return {
        "source": ["aws.codecommit"],
        "detail-type": ["CodeCommit Repository State Change"],
        "resources": [repository_arn],
        "detail": {
            "event": ["referenceCreated", "referenceUpdated"],
            "referenceType": ["branch"],
            "referenceName": [branch],
        },
    }
