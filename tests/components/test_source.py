"""Source: a push to the branch, and only that, starts the pipeline."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.harness import ACCOUNT, REGION, ROOT, Recorded

Record = Callable[..., Recorded]
PUSH = json.loads((ROOT / "tests/fixtures/events/codecommit-push-main.json").read_text())


def starts(run: Recorded, event: dict[str, Any]) -> bool:
    pattern = run.one("EventRule", "source").inputs["eventPattern"]
    return bool(EventPattern(pattern, json.loads(pattern)).matches_event(event))


def changed(**detail: str) -> dict[str, Any]:
    event = copy.deepcopy(PUSH)
    event["detail"].update(detail)
    return event


@pytest.mark.parametrize("event", ["referenceUpdated", "referenceCreated"])
def test_a_push_to_main_starts_the_pipeline(event: str, recorded: Record) -> None:
    assert starts(recorded(), changed(event=event))


@pytest.mark.parametrize(
    "event",
    [
        changed(referenceName="main2"),
        changed(referenceName="feature/main"),
        changed(referenceType="tag"),
        changed(event="referenceDeleted"),
        {**PUSH, "source": "aws.codebuild"},
        {**PUSH, "detail-type": "CodeCommit Pull Request State Change"},
        {**PUSH, "resources": [f"arn:aws:codecommit:{REGION}:{ACCOUNT}:model-registry-pipeline-repo-prod"]},
    ],
    ids=["branch-prefix", "branch-suffix", "tag", "deletion", "service", "pull-request", "repository"],
)
def test_its_neighbours_do_not(event: dict[str, Any], recorded: Record) -> None:
    assert not starts(recorded(), event)


def test_another_branch_is_followed_where_the_settings_say_so(recorded: Record) -> None:
    run = recorded("dev", {"source": {"branch": "release"}})
    assert starts(run, changed(referenceName="release"))
    assert not starts(run, PUSH)
    assert run.one("Pipeline").inputs["stages"][0]["actions"][0]["configuration"]["BranchName"] == "release"


def test_the_rule_starts_this_pipeline_with_the_trigger_role(recorded: Record) -> None:
    run = recorded()
    target = run.one("EventTarget", "source")
    assert target.inputs["arn"] == f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:mle-004-model-registry-pipeline"
    assert target.inputs["roleArn"] == f"arn:aws:iam::{ACCOUNT}:role/EventBridge-MLE-004-Role"
    assert target.inputs["rule"] == run.one("EventRule", "source").inputs["name"]
    assert {one.urn for one in run.of("RolePolicyAttachment") if "trigger" in one.name} <= target.depends_on


def test_polling_is_off(recorded: Record) -> None:
    source = recorded().one("Pipeline").inputs["stages"][0]["actions"][0]
    assert source["configuration"]["PollForSourceChanges"] == "false"


def test_reviews_are_asked_of_pull_requests_to_the_branch_where_the_settings_say_so(recorded: Record) -> None:
    run = recorded("dev", {"source": {"branch": "release", "reviews": 2}})
    template = run.one("ApprovalRuleTemplate")
    assert json.loads(template.inputs["content"]) == {
        "Version": "2018-11-08",
        "DestinationReferences": ["refs/heads/release"],
        "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 2}],
    }
    association = run.one("ApprovalRuleTemplateAssociation").inputs
    assert association["approvalRuleTemplateName"] == template.inputs["name"] == "mle-004-review"
    assert association["repositoryName"] == "model-registry-pipeline-repo"


def test_without_reviews_there_is_no_rule_for_pull_requests(recorded: Record) -> None:
    assert recorded("dev", {"source": {"reviews": 0}}).of("ApprovalRuleTemplate") == []


def test_a_push_that_cannot_be_delivered_waits_for_a_person(recorded: Record) -> None:
    run = recorded()
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mle-004-source-push-dead-letters"
    assert run.one("EventTarget", "source").inputs["deadLetterConfig"] == {"arn": queue}
    fills = json.loads(run.one("QueuePolicy", "source").inputs["policy"])["Statement"][0]
    assert fills["Condition"]["ArnEquals"]["aws:SourceArn"] == [
        f"arn:aws:events:{REGION}:{ACCOUNT}:rule/mle-004-source-push-rule"
    ]
