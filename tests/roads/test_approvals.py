"""A person decides on the provisioned road: where, what pipeline and registry then say, and what is served.

The mode in which metrics alone decide is walked in tests/test_road.py.
"""

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ml import contract, ledger
from rehearsal.account.calls import Call
from rehearsal.account.cloud import Caller, Cloud, Reply
from rehearsal.account.gateway import Proceed
from rehearsal.account.strict_sns import Mail
from rehearsal.grants import Grant, never_used
from rehearsal.person import COMMENT, Person
from rehearsal.pipeline.codepipeline import ActionRun, Execution
from rehearsal.pipeline.pipeline_records import FAILED, SUCCEEDED
from rehearsal.plan import Plan, make_plan
from rehearsal.road import EXECUTION_TIMEOUT_SECONDS, Road, open_road
from rehearsal.scenario import WEAK, Scene
from rehearsal.unused_grants import REASONS, reason_for
from tests.silence import Silent

APPROVER = "ada@example.com"
LONGEST_ANSWER_SECONDS = 5
ASKED = f"{contract.APPROVAL_STAGE}/{contract.MANUAL_APPROVAL_ACTION}"
RECORDED = f"{contract.APPROVAL_STAGE}/{contract.RECORD_ACTION}"
JUDGED = f"{contract.APPROVAL_STAGE}/{contract.AUTO_APPROVAL_ACTION}"
DEPLOYED = "Deploy/DeployModel"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one execution came to: its version as the registry shows it afterwards, and what is served."""

    execution: Execution
    package: dict[str, Any]
    serving: str
    served_version: int
    mails: Sequence[Mail]

    @property
    def actions(self) -> dict[str, str]:
        """Status of each action from the approval on."""
        early = ("Source", contract.BUILD_STAGE)
        return {run.label: run.status for run in self.execution.actions if run.stage not in early}

    @property
    def decision(self) -> tuple[str, str]:
        return self.package["ModelApprovalStatus"], self.package.get("ApprovalDescription", "")

    def by(self, person: Person) -> str:
        """Return the ARN under which AWS writes a person down."""
        account = self.package["ModelPackageArn"].split(":")[4]
        return f"arn:aws:sts::{account}:assumed-role/{person.role}/{person.name}"


class Story:
    """A road and what was played on it."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self._mails = 0

    def push(self, message: str, person: Person | None) -> Outcome:
        (self.road.developer.directory / "NOTE").write_text(message)
        return self.outcome(self.road.follow(self.road.push(message), person=person))

    def outcome(self, execution: Execution) -> Outcome:
        arn = execution.variables.get("BuildVariables", {}).get(contract.MODEL_PACKAGE_ARN)
        packages = self.road.packages()
        mails, self._mails = self.road.cloud.topics.mails()[self._mails :], len(self.road.cloud.topics.mails())
        serving = self.road.serving_config()
        return Outcome(
            execution=execution,
            package=next((each for each in packages if each["ModelPackageArn"] == arn), packages[0]),
            serving=serving,
            served_version=served_version(self.road, serving),
            mails=mails,
        )


def served_version(road: Road, serving: str) -> int:
    """Return the number of the version that the endpoint's configuration leads to; 0 without an endpoint."""
    if not serving:
        return 0
    sagemaker = road.cloud.client("sagemaker")
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=serving)["ProductionVariants"]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    container = model.get("PrimaryContainer") or model["Containers"][0]
    return int(container["ModelPackageName"].rpartition("/")[2])


def mode(name: str) -> Plan:
    return make_plan("dev", [("approval.mode", name), ("approval.approvers[0]", APPROVER)])


IN_PIPELINE, IN_REGISTRY = Person(place="pipeline"), Person(place="registry", name="grace")
NOT_IN_PIPELINE = Person(place="pipeline", approves=False)
NOT_IN_REGISTRY = Person(place="registry", name="grace", approves=False)


class Contradiction(Person):
    """Two people at once: one has just rejected in the registry when the other approves in the pipeline."""

    def decide(self, cloud: Cloud, execution: Execution, run: ActionRun) -> None:
        approved = threading.Event()

        def after_the_person(params: dict[str, Any], caller: Caller, proceed: Proceed) -> Reply:
            """Hold back the bridge, which tells the pipeline of the rejection as fast as it can."""
            if caller != IN_PIPELINE.role:
                approved.wait(LONGEST_ANSWER_SECONDS)
            return proceed(params)

        with cloud.faulted("codepipeline", "PutApprovalResult", after_the_person):
            NOT_IN_REGISTRY.decide(cloud, execution, run)
            IN_PIPELINE.decide(cloud, execution, run)
            approved.set()


@dataclass(frozen=True, kw_only=True)
class Manual:
    """What happened, in this order, on a road where a person decides."""

    approved_in_pipeline: Outcome
    rejected_in_pipeline: Outcome
    approved_in_registry: Outcome
    rejected_in_registry: Outcome
    expired: Outcome
    contradicted: Outcome
    released: Outcome
    not_released: Outcome
    versions: int
    age: float
    entries: Sequence[ledger.Entry]
    denied: Sequence[Call]
    unused: Sequence[Grant]


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Manual:
    with open_road(mode(contract.MANUAL), work=tmp_path_factory.mktemp("manual"), progress=Silent()) as road:
        story = Story(road)
        first = story.push("approved in the pipeline", IN_PIPELINE)
        second = story.push("rejected in the pipeline", NOT_IN_PIPELINE)
        third = story.push("approved in the registry", IN_REGISTRY)
        fourth = story.push("rejected in the registry", NOT_IN_REGISTRY)
        age, fifth = let_expire(story)
        sixth = story.push("approved in the pipeline after a rejection in the registry", Contradiction())
        versions = len(road.packages())
        released = story.outcome(road.follow(road.release(first.package["ModelPackageArn"]), person=None))
        refused = story.outcome(road.follow(road.release(second.package["ModelPackageArn"]), person=None))
        return Manual(
            approved_in_pipeline=first,
            rejected_in_pipeline=second,
            approved_in_registry=third,
            rejected_in_registry=fourth,
            expired=fifth,
            contradicted=sixth,
            released=released,
            not_released=refused,
            versions=len(road.packages()) - versions,
            age=age,
            entries=ledger.entries(road.cloud.client("s3"), road.outputs["model_bucket"], road.endpoint),
            denied=road.cloud.journal.denied(),
            unused=never_used(road.policies(), road.cloud.journal.calls()),
        )


def let_expire(story: Story) -> tuple[float, Outcome]:
    """Push, measure how long the approval has waited, and let its time be over; return the age and the outcome."""
    road = story.road
    (road.developer.directory / "NOTE").write_text("nobody answers")
    execution = road.push("nobody answers")
    waiting = road.pipelines.wait_for_approval(execution.id, EXECUTION_TIMEOUT_SECONDS)
    assert waiting is not None
    road.bus.fire("mle-004-approval-age-rule")
    road.settle()
    ages = [
        line["approvalAgeSeconds"]
        for line in log_lines(road, "mle-004-approval-bridge")
        if "approvalAgeSeconds" in line
    ]
    road.pipelines.expire_approval(waiting)
    return ages[-1], story.outcome(road.follow(execution, person=None))


def log_lines(road: Road, function: str) -> list[dict[str, Any]]:
    """Return what a function has logged as JSON objects."""
    group = f"/aws/lambda/{function}"
    logs = road.cloud.client("logs")
    streams = [each["logStreamName"] for each in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    lines = [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    ]
    return [json.loads(line) for line in lines if line.startswith("{")]


# --- a person decides ------------------------------------------------------------------------------------------------


def test_an_approval_in_the_pipeline_reaches_the_registry_and_goes_live(manual: Manual) -> None:
    outcome = manual.approved_in_pipeline
    assert outcome.execution.status == SUCCEEDED
    assert outcome.actions == {ASKED: SUCCEEDED, RECORDED: SUCCEEDED, DEPLOYED: SUCCEEDED}
    status, words = outcome.decision
    assert status == contract.APPROVED
    assert words.startswith(f"Approved by {outcome.by(IN_PIPELINE)}: {COMMENT}")
    assert outcome.served_version == 1


def test_whoever_is_to_approve_gets_a_mail_with_the_summary_and_the_report_of_the_version(manual: Manual) -> None:
    outcome = manual.approved_in_pipeline
    [mail] = outcome.mails
    told = json.loads(mail.body)["approval"]
    assert (mail.address, told["actionName"]) == (APPROVER, contract.MANUAL_APPROVAL_ACTION)
    built = outcome.execution.variables["BuildVariables"]
    assert built[contract.MODEL_SUMMARY] in told["customData"]
    assert told["externalEntityLink"] == built[contract.MODEL_REPORT_URL]
    assert re.search(r"prefix=reports/[0-9a-f]{64}/report\.html$", told["externalEntityLink"])


def test_a_rejection_in_the_pipeline_reaches_the_registry_and_nothing_else_goes_live(manual: Manual) -> None:
    outcome = manual.rejected_in_pipeline
    assert (outcome.execution.status, outcome.actions) == (FAILED, {ASKED: FAILED})
    status, words = outcome.decision
    assert status == contract.REJECTED
    assert words.startswith(f"Rejected by {outcome.by(NOT_IN_PIPELINE)}: {COMMENT}")
    assert outcome.serving == manual.approved_in_pipeline.serving


def test_an_approval_in_the_registry_releases_the_pipeline_and_goes_live(manual: Manual) -> None:
    outcome = manual.approved_in_registry
    assert outcome.execution.status == SUCCEEDED
    assert outcome.actions == {ASKED: SUCCEEDED, RECORDED: SUCCEEDED, DEPLOYED: SUCCEEDED}
    status, words = outcome.decision
    assert (status, words.startswith(COMMENT)) == (contract.APPROVED, True)
    assert outcome.package["LastModifiedBy"]["IamIdentity"]["Arn"] == outcome.by(IN_REGISTRY)
    approval = next(run for run in outcome.execution.actions if run.label == ASKED)
    assert outcome.by(IN_REGISTRY) in approval.summary
    assert outcome.served_version == outcome.package["ModelPackageVersion"] == 3


def test_the_ledger_names_the_person_who_approved_in_the_pipeline_or_in_the_registry(manual: Manual) -> None:
    in_pipeline, in_registry, again = manual.entries
    assert {each.event for each in manual.entries} == {ledger.SERVES}
    assert in_registry.approved_by == manual.approved_in_registry.by(IN_REGISTRY)
    person = manual.approved_in_pipeline.by(IN_PIPELINE)
    assert in_pipeline.approved_by.startswith(f"{person} (last changed by arn:aws:sts::")
    assert again.approved_by == in_pipeline.approved_by


def test_a_rejection_in_the_registry_ends_the_pipeline_and_nothing_else_goes_live(manual: Manual) -> None:
    outcome = manual.rejected_in_registry
    assert (outcome.execution.status, outcome.actions) == (FAILED, {ASKED: FAILED})
    status, words = outcome.decision
    assert (status, words.startswith(COMMENT)) == (contract.REJECTED, True)
    assert outcome.package["LastModifiedBy"]["IamIdentity"]["Arn"] == outcome.by(NOT_IN_REGISTRY)
    approval = next(run for run in outcome.execution.actions if run.label == ASKED)
    assert outcome.by(NOT_IN_REGISTRY) in approval.summary
    assert outcome.serving == manual.approved_in_registry.serving


def test_an_approval_whose_time_is_over_decides_nothing_and_goes_nowhere(manual: Manual) -> None:
    outcome = manual.expired
    assert (outcome.execution.status, outcome.actions) == (FAILED, {ASKED: FAILED})
    assert outcome.decision[0] == contract.PENDING
    assert outcome.serving == manual.approved_in_registry.serving


def test_where_two_people_contradict_each_other_the_registry_stands_and_nothing_goes_live(manual: Manual) -> None:
    outcome = manual.contradicted
    assert (outcome.execution.status, outcome.actions) == (FAILED, {ASKED: SUCCEEDED, RECORDED: FAILED})
    status, words = outcome.decision
    assert (status, words.startswith(COMMENT)) == (contract.REJECTED, True)
    assert outcome.package["LastModifiedBy"]["IamIdentity"]["Arn"] == outcome.by(NOT_IN_REGISTRY)
    assert contract.REJECTED in outcome.execution.actions[-1].message
    assert outcome.serving == manual.approved_in_registry.serving


def test_the_age_of_a_waiting_approval_is_logged_for_the_alarm(manual: Manual) -> None:
    assert manual.age >= 0


# --- an approved version is released again ---------------------------------------------------------------------------


def test_an_approved_version_is_released_again_without_training_and_without_asking(manual: Manual) -> None:
    outcome = manual.released
    assert outcome.execution.status == SUCCEEDED
    assert outcome.actions == {ASKED: SUCCEEDED, RECORDED: SUCCEEDED, DEPLOYED: SUCCEEDED}
    assert outcome.served_version == 1
    assert manual.versions == 0
    assert outcome.decision == manual.approved_in_pipeline.decision
    approval = next(run for run in outcome.execution.actions if run.label == ASKED)
    assert f"Approved by {outcome.by(IN_PIPELINE)}" in approval.summary


def test_a_version_that_is_not_approved_is_not_released(manual: Manual) -> None:
    outcome = manual.not_released
    [failed] = [run for run in outcome.execution.actions if run.status == FAILED]
    assert (outcome.execution.status, failed.stage) == (FAILED, contract.BUILD_STAGE)
    assert contract.REJECTED in failed.message
    assert outcome.serving == manual.released.serving


# --- what it takes ---------------------------------------------------------------------------------------------------


def test_no_call_was_denied_where_a_person_decides(manual: Manual) -> None:
    assert manual.denied == ()


def test_every_grant_is_needed_or_has_its_reason_where_a_person_decides(manual: Manual) -> None:
    assert [grant for grant in manual.unused if not reason_for(grant)] == []
    assert [grant for grant in manual.unused if grant.sid == "AnswerPipelineJobs"] == []


# --- metrics and a person --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Both:
    weak: Outcome
    strong: Outcome
    denied: Sequence[Call]
    unused: Sequence[Grant]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    plan = mode(contract.BOTH)
    with open_road(plan, work=tmp_path_factory.mktemp("both"), progress=Silent()) as road:
        story = Story(road)
        strong = story.push("a strong model", IN_PIPELINE)
        Scene(road=road, use_case=plan.use_case, heading=lambda text: None).change_model(WEAK)
        weak = story.push("a weak model", IN_PIPELINE)
        unused = never_used(road.policies(), road.cloud.journal.calls())
        return Both(weak=weak, strong=strong, denied=road.cloud.journal.denied(), unused=unused)


def test_a_person_is_asked_about_a_model_that_has_passed_and_decides(both: Both) -> None:
    outcome = both.strong
    assert outcome.execution.status == SUCCEEDED
    assert outcome.actions == {JUDGED: SUCCEEDED, ASKED: SUCCEEDED, RECORDED: SUCCEEDED, DEPLOYED: SUCCEEDED}
    status, words = outcome.decision
    assert status == contract.APPROVED
    assert words.startswith(f"Approved by {outcome.by(IN_PIPELINE)}: {COMMENT}")
    assert [mail.address for mail in outcome.mails] == [APPROVER]
    assert outcome.served_version == 1


def test_nobody_is_asked_about_a_model_that_has_not_passed(both: Both) -> None:
    outcome = both.weak
    assert (outcome.execution.status, outcome.actions) == (FAILED, {JUDGED: FAILED})
    status, words = outcome.decision
    assert status == contract.REJECTED
    assert "accuracy" in words
    assert outcome.mails == ()
    assert outcome.serving == both.strong.serving


def test_no_call_was_denied_where_metrics_and_a_person_decide(both: Both) -> None:
    assert both.denied == ()


def test_pipeline_and_gate_need_every_grant_where_metrics_and_a_person_decide(both: Both) -> None:
    roles = ("CodePipeline-MLE-004-Role", "Lambda-AutoApprove-Role")
    assert [grant for grant in both.unused if grant.role in roles and not reason_for(grant)] == []


def test_no_reason_that_comes_with_a_persons_approval_is_stale(both: Both) -> None:
    special = [reason for reason in REASONS if reason.only_with.startswith("approval.mode")]
    assert [reason.text for reason in special if not any(reason.covers(grant) for grant in both.unused)] == []
