"""What no role may do: sensitive actions that belong to others or to nobody, and everything of another stack."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from components.arns import Arns
from components.iam import document
from components.names import Names
from components.roles import ROLES
from components.settings import Settings
from components.training_arns import TrainingArns
from ml import contract
from rehearsal.account.calls import Check
from rehearsal.account.iam import Policy, as_list, evaluate
from tests.harness import ACCOUNT, REGION

SUFFIXES = ("", "-prod", "-x")
EVERY_ROLE = {
    "approval": {"mode": "both"},
    "endpoint": {"instanceCount": 2, "maxInstanceCount": 4, "traffic": "canary"},
    "training": {"engine": "sagemaker", "dataUri": "s3://rows/customers.csv"},
}
"""Settings under which every role of the table exists and holds as much as it ever does."""

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"


def stack(suffix: str) -> tuple[Names, Settings]:
    settings = Settings.parse({**EVERY_ROLE, "nameSuffix": suffix}, stack="dev", project="mle-004")
    return Names.of(settings, account=ACCOUNT, region=REGION), settings


def policies(role: str, suffix: str = "") -> list[Policy]:
    names, settings = stack(suffix)
    text = document(ROLES[role].statements(Arns(names=names), settings))
    return [Policy(name=role, document=json.loads(text))]


NAMES, SETTINGS = stack("")
ARNS = Arns(names=NAMES)
OF_JOBS = TrainingArns(names=NAMES)
PACKAGE = ARNS.model_packages[0].replace("*", "1")
MODEL_OBJECT = ARNS.model_archives.replace("*", "0123/model.tar.gz")
REPORT = ARNS.reports.replace("*", "0123/report.html")
RECORD = ARNS.registrations.replace("*", "1-20261124T050000Z.json")
LEDGER_ENTRY = ARNS.ledger.replace("*", "0123-serves.json")
BUCKET = f"arn:aws:s3:::{NAMES.model_bucket}"
PENDING, APPROVED = ({"sagemaker:ModelApprovalStatus": status} for status in (contract.PENDING, contract.APPROVED))
ONCE = {"s3:if-none-match": "*"}
TO_SAGEMAKER = {"iam:PassedToService": "sagemaker.amazonaws.com"}
JOB = {
    "sagemaker:InstanceTypes": [SETTINGS.training.instance_type],
    "sagemaker:NetworkIsolation": "true",
    "sagemaker:MaxRuntimeInSeconds": "3600",
}
INSTANCES = {"sagemaker:InstanceTypes": [SETTINGS.endpoint.instance_type]}


def role_arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{ROLES[role].role_name(NAMES)}"


OTHERS: list[tuple[str, str, Mapping[str, Any], set[str]]] = [
    ("sagemaker:UpdateModelPackage", PACKAGE, APPROVED, {"bridge"}),
    ("sagemaker:UpdateModelPackage", PACKAGE, PENDING, set()),
    ("sagemaker:UpdateModelPackage", PACKAGE, {}, set()),
    ("sagemaker:CreateModelPackage", PACKAGE, PENDING, {"train"}),
    ("sagemaker:CreateModelPackage", PACKAGE, APPROVED, set()),
    ("sagemaker:CreateModelPackage", PACKAGE, {}, set()),
    ("sagemaker:DeleteModelPackage", PACKAGE, {}, set()),
    ("sagemaker:CreateEndpointConfig", ARNS.endpoint_configs, INSTANCES, {"deploy"}),
    ("sagemaker:CreateEndpointConfig", ARNS.endpoint_configs, {"sagemaker:InstanceTypes": ["ml.p5.48xlarge"]}, set()),
    ("sagemaker:CreateEndpoint", ARNS.endpoint, {}, {"deploy"}),
    ("sagemaker:UpdateEndpoint", ARNS.endpoint, {}, {"deploy"}),
    ("sagemaker:InvokeEndpoint", ARNS.endpoint, {}, {"deploy"}),
    ("codepipeline:StartPipelineExecution", ARNS.pipeline, {}, {"trigger"}),
    ("codepipeline:PutApprovalResult", ARNS.manual_approval, {}, {"bridge"}),
    ("codebuild:StartBuild", ARNS.train_project, {}, {"pipeline"}),
    ("codebuild:StartBuild", ARNS.deploy_project, {}, {"pipeline"}),
    ("lambda:InvokeFunction", ARNS.approval_function, {}, {"pipeline"}),
    ("lambda:InvokeFunction", ARNS.bridge_function, {}, {"pipeline"}),
    ("sns:Publish", ARNS.approvals_topic, {}, {"pipeline"}),
    ("s3:PutObject", MODEL_OBJECT, ONCE, {"train"}),
    ("s3:PutObject", MODEL_OBJECT, {}, set()),
    ("s3:PutObject", REPORT, ONCE, {"train"}),
    ("s3:PutObject", REPORT, {}, set()),
    ("s3:GetObject", REPORT, {}, {"train"}),
    ("s3:PutObject", RECORD, ONCE, {"train"}),
    ("s3:PutObject", RECORD, {}, set()),
    ("s3:GetObject", RECORD, {}, {"deploy"}),
    ("s3:PutObject", LEDGER_ENTRY, ONCE, {"deploy"}),
    ("s3:PutObject", LEDGER_ENTRY, {}, set()),
    ("s3:PutObject", ARNS.source_artifacts, {}, {"pipeline"}),
    ("s3:PutObject", ARNS.build_artifacts, {}, {"train"}),
    ("codecommit:UploadArchive", ARNS.repository, {}, {"pipeline"}),
    ("sagemaker:CreateTrainingJob", OF_JOBS.jobs, JOB, {"train"}),
    ("sagemaker:CreateTrainingJob", OF_JOBS.jobs, JOB | {"sagemaker:NetworkIsolation": "false"}, set()),
    ("sagemaker:CreateTrainingJob", OF_JOBS.jobs, JOB | {"sagemaker:MaxRuntimeInSeconds": "3601"}, set()),
    ("sagemaker:CreateTrainingJob", OF_JOBS.jobs, JOB | {"sagemaker:InstanceTypes": ["ml.p5.48xlarge"]}, set()),
    ("sagemaker:StopTrainingJob", OF_JOBS.jobs, {}, {"train"}),
    ("s3:PutObject", OF_JOBS.inputs, ONCE, {"train"}),
    ("s3:PutObject", OF_JOBS.inputs, {}, set()),
    ("s3:PutObject", OF_JOBS.results, {}, {"execution"}),
    ("s3:GetObject", OF_JOBS.results, {}, {"train"}),
    *(
        ("iam:PassRole", role_arn(role), TO_SAGEMAKER, {"deploy", "train"} if role == "execution" else set())
        for role in ROLES
    ),
    ("iam:PassRole", role_arn("execution"), {"iam:PassedToService": "lambda.amazonaws.com"}, set()),
]
"""Action, resource, context, and the roles whose work it is."""

NOBODYS: list[tuple[str, str]] = [
    *(("sts:AssumeRole", role_arn(role)) for role in ROLES),
    *((f"iam:{verb}", role_arn(role)) for role in ROLES for verb in ("AttachRolePolicy", "UpdateAssumeRolePolicy")),
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/anybody"),
    ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/anybody"),
    ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/{NAMES.train_role}-access"),
    *((f"kms:{verb}", KEY) for verb in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "CreateGrant", "Encrypt")),
    *((f"s3:{verb}", BUCKET) for verb in ("PutBucketPolicy", "DeleteBucket", "PutBucketAcl", "PutBucketVersioning")),
    *((f"s3:{verb}", MODEL_OBJECT) for verb in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl")),
    *((f"s3:{verb}", REPORT) for verb in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl")),
    *((f"s3:{verb}", RECORD) for verb in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl")),
    *((f"s3:{verb}", LEDGER_ENTRY) for verb in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl")),
    ("s3:GetObject", "arn:aws:s3:::somebody-elses-bucket/rows.csv"),
    ("sagemaker:DeleteModelPackageGroup", ARNS.model_package_groups[0]),
    ("sagemaker:PutModelPackageGroupPolicy", ARNS.model_package_groups[0]),
    ("sagemaker:CreatePresignedNotebookInstanceUrl", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:notebook-instance/any"),
    ("sagemaker:CreateProcessingJob", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/any"),
    *((f"codepipeline:{verb}", ARNS.pipeline) for verb in ("UpdatePipeline", "DeletePipeline", "RetryStageExecution")),
    *((f"codebuild:{verb}", ARNS.deploy_project) for verb in ("UpdateProject", "DeleteProject", "StopBuild")),
    *((f"lambda:{v}", ARNS.approval_function) for v in ("UpdateFunctionCode", "AddPermission", "DeleteFunction")),
    *((f"lambda:{v}", ARNS.bridge_function) for v in ("UpdateFunctionCode", "AddPermission", "DeleteFunction")),
    *(
        (f"events:{verb}", rule)
        for verb in ("PutRule", "PutTargets", "RemoveTargets", "DisableRule")
        for rule in (ARNS.registry_rule, ARNS.decision_rule, ARNS.waiting_rule, ARNS.age_rule)
    ),
    *((f"codecommit:{verb}", ARNS.repository) for verb in ("GitPush", "DeleteRepository", "MergePullRequestBySquash")),
    *((f"sns:{verb}", ARNS.approvals_topic) for verb in ("SetTopicAttributes", "Subscribe", "DeleteTopic")),
    *(
        (f"sqs:{verb}", queue)
        for verb in ("PurgeQueue", "ReceiveMessage", "SetQueueAttributes")
        for queue in (ARNS.dead_letter_queue, ARNS.bridge_dead_letter_queue)
    ),
    *((f"logs:{v}", ARNS.log_streams(NAMES.train_log_group)) for v in ("DeleteLogGroup", "CreateLogGroup")),
    *((f"cloudwatch:{v}", ARNS.alarm(NAMES.endpoint_errors_alarm)) for v in ("DeleteAlarms", "PutMetricAlarm")),
    *((f"cloudtrail:{verb}", ARNS.trail) for verb in ("StopLogging", "DeleteTrail")),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:any"),
    ("ec2:RunInstances", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/any"),
]
"""Action and resource that no role of the road may have."""


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(OTHERS) * len(ROLES) - sum(len(owners) for *_, owners in OTHERS) + len(NOBODYS) * len(ROLES) >= 500


@pytest.mark.parametrize("role", ROLES)
def test_a_sensitive_action_is_allowed_to_its_owner_alone(role: str) -> None:
    held = policies(role)
    for action, resource, context, owners in OTHERS:
        decision = evaluate(held, Check(action=action, resource=resource, context=context))
        assert decision.allowed == (role in owners), f"{role}: {action} on {resource} with {context}: {decision.reason}"


@pytest.mark.parametrize("role", ROLES)
def test_what_is_nobodys_work_is_denied(role: str) -> None:
    held = policies(role)
    allowed = [(a, r) for a, r in NOBODYS if evaluate(held, Check(action=a, resource=r, context={})).allowed]
    assert allowed == []


def test_the_approval_function_rejects_but_does_not_approve_where_a_person_has_the_last_word() -> None:
    rejected = {"sagemaker:ModelApprovalStatus": contract.REJECTED}
    by_status = {
        status["sagemaker:ModelApprovalStatus"]: evaluate(
            policies("approval"), Check(action="sagemaker:UpdateModelPackage", resource=PACKAGE, context=status)
        ).allowed
        for status in (APPROVED, rejected, PENDING)
    }
    assert by_status == {contract.APPROVED: False, contract.REJECTED: True, contract.PENDING: False}


# --- stacks of one account -------------------------------------------------------------------------------------------

SHARED = {
    ARNS.serving_image,
    ARNS.scaling_role,
    ARNS.log_streams(contract.TRAINING_LOG_GROUP),
    "arn:aws:s3:::rows",
    "arn:aws:s3:::rows/customers.csv",
}
"""Not a stack's own: AWS's image, the account's service-linked role and log group of training jobs, and the training
data that a setting names."""


def grants(role: str, suffix: str) -> Iterator[Check]:
    """Yield what a role of one stack may do there, each under a context in which it may."""
    for policy in policies(role, suffix):
        for statement in as_list(policy.document["Statement"]):
            resources = [r for r in as_list(statement["Resource"]) if r not in SHARED and r != "*"]
            if statement["Effect"] == "Allow":
                context = _context(statement.get("Condition", {}))
                for action, resource in itertools.product(as_list(statement["Action"]), resources):
                    yield Check(action=action, resource=resource.replace("*", "v1-0123abcd"), context=context)


def _context(conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    present = {key: "*" for key, absent in conditions.get("Null", {}).items() if absent == "false"}
    return present | {
        key: (values if operator.startswith("ForA") else as_list(values)[0])
        for operator, keys in conditions.items()
        if operator != "Null"
        for key, values in keys.items()
    }


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.permutations(SUFFIXES, 2)))
def test_no_role_can_do_anything_to_another_stack(mine: str, theirs: str) -> None:
    foreign = [check for role in ROLES for check in grants(role, theirs)]
    assert len(foreign) > 60
    reached = [
        (role, check.action, check.resource)
        for role in ROLES
        for check in foreign
        if evaluate(policies_of(role, mine), check).allowed
    ]
    assert reached == []


def test_the_same_questions_are_answered_yes_at_home() -> None:
    for suffix in SUFFIXES:
        refused = [
            (role, check.action, check.resource)
            for role in ROLES
            for check in grants(role, suffix)
            if not evaluate(policies_of(role, suffix), check).allowed
        ]
        assert refused == []


_HELD: dict[tuple[str, str], list[Policy]] = {}


def policies_of(role: str, suffix: str) -> list[Policy]:
    """As `policies`, made once."""
    if (role, suffix) not in _HELD:
        _HELD[role, suffix] = policies(role, suffix)
    return _HELD[role, suffix]
