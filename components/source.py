"""SourceRepository: the repository whose pushes start the pipeline."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.arns import Arns
from components.branch_guard import branch_guard
from components.dead_letters import dead_letter_queue
from components.iam import Role, document
from components.names import Names
from components.settings import Settings


@dataclass(frozen=True, kw_only=True)
class SourceRepositoryArgs:
    """`trigger` is the role by which EventBridge starts the pipeline."""

    names: Names
    settings: Settings
    trigger: Role


class SourceRepository(pulumi.ComponentResource):
    """A CodeCommit repository, and the rule that turns a push to one branch into an execution.

    Only the console adds such a rule by itself; the alternative, polling, is switched off in the pipeline.
    """

    repository_name: pulumi.Output[str]
    clone_url_http: pulumi.Output[str]
    branch_guard_arn: pulumi.Output[str] | None
    """The policy that keeps people from writing to the branch past its reviews; None where none are asked for."""

    def __init__(self, name: str, args: SourceRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:SourceRepository", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        arns, branch = Arns(names=args.names), args.settings.source.branch
        repository = aws.codecommit.Repository(
            f"{name}-repository",
            repository_name=args.names.repository,
            description=f"What {args.names.pipeline} trains and deploys",
            opts=pulumi.ResourceOptions(parent=self, protect=args.settings.protect_data),
        )
        rule = aws.cloudwatch.EventRule(
            f"{name}-push",
            name=args.names.push_rule,
            description=f"A push to {branch} starts {args.names.pipeline}",
            event_pattern=json.dumps(push_pattern(arns.repository, branch)),
            opts=child,
        )
        queue = dead_letter_queue(
            f"{name}-dead-letters",
            args.names,
            args.names.push_dead_letter_queue,
            filled_by=[args.names.push_rule],
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-start",
            rule=rule.name,
            target_id="start-pipeline",
            arn=arns.pipeline,
            role_arn=args.trigger.arn,
            # A push that could not start the pipeline must not be lost without a word.
            dead_letter_config={"arn": queue.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.trigger.grants),
        )
        self.branch_guard_arn = None
        if args.settings.source.reviews:
            self._ask_for_reviews(name, args, repository)
            self.branch_guard_arn = self._guard_branch(name, args)
        self.repository_name = repository.repository_name
        self.clone_url_http = repository.clone_url_http
        self.register_outputs(
            {
                "repository_name": self.repository_name,
                "clone_url_http": self.clone_url_http,
                "branch_guard_arn": self.branch_guard_arn,
            }
        )

    def _ask_for_reviews(self, name: str, args: SourceRepositoryArgs, repository: aws.codecommit.Repository) -> None:
        source = args.settings.source
        template = aws.codecommit.ApprovalRuleTemplate(
            f"{name}-review",
            name=args.names.approval_rule_template,
            description=f"{source.reviews} approvals before a pull request to {source.branch} can be merged",
            content=json.dumps(review_rule(source.branch, source.reviews)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.codecommit.ApprovalRuleTemplateAssociation(
            f"{name}-review-association",
            approval_rule_template_name=template.name,
            repository_name=repository.repository_name,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _guard_branch(self, name: str, args: SourceRepositoryArgs) -> pulumi.Output[str]:
        statements = branch_guard(Arns(names=args.names), args.settings.source.branch)
        guard = aws.iam.Policy(
            f"{name}-branch-guard",
            name=args.names.branch_guard,
            # Without the branch: another description would be another policy, and IAM deletes none that is attached.
            description=f"For whoever commits to {args.names.repository}: changes arrive by reviewed pull request only",
            policy=document(statements),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return guard.arn


def review_rule(branch: str, approvals: int) -> dict[str, Any]:
    """Return the content of an approval rule: so many people, other than the author, before a merge into `branch`.

    It rules pull requests. Whoever may push to the branch itself is decided by IAM (components/branch_guard.py).
    """
    return {
        "Version": "2018-11-08",
        "DestinationReferences": [f"refs/heads/{branch}"],
        "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": approvals}],
    }


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
