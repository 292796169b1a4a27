"""What no role may do: sensitive actions that belong to others or to nobody."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.arns import Arns
from components.roles import ROLES
from components.training_arns import TrainingArns
from ml import contract
from rehearsal.account.calls import Check
from tests.components.held import Held, key_of, names_of, role_arn, settings_of
from tests.harness import ACCOUNT, REGION, Recorded

NAMES, SETTINGS = names_of(""), settings_of("")
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
KEY = key_of("")
THROUGH_S3, THROUGH_SNS, THROUGH_LAMBDA = (
    {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"} for service in ("s3", "sns", "lambda")
)
ROLE_ARNS = {role: role_arn(role, NAMES) for role in ROLES}
FOR_DISKS = {"kms:GrantIsForAWSResource": "true"}

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
        ("iam:PassRole", ROLE_ARNS[role], TO_SAGEMAKER, {"deploy", "train"} if role == "execution" else set())
        for role in ROLES
    ),
    ("iam:PassRole", ROLE_ARNS["execution"], {"iam:PassedToService": "lambda.amazonaws.com"}, set()),
    ("kms:Decrypt", KEY, THROUGH_S3, {"pipeline", "train", "deploy", "execution", "approval"}),
    ("kms:Decrypt", KEY, THROUGH_SNS, {"pipeline"}),
    ("kms:Decrypt", KEY, THROUGH_LAMBDA, {"approval", "bridge"}),
    ("kms:GenerateDataKey", KEY, THROUGH_S3, {"pipeline", "train", "deploy", "execution"}),
    ("kms:GenerateDataKey", KEY, THROUGH_SNS, {"pipeline"}),
    ("kms:GenerateDataKey", KEY, THROUGH_LAMBDA, set()),
    ("kms:Encrypt", KEY, THROUGH_S3, {"execution"}),
    ("kms:CreateGrant", KEY, FOR_DISKS, {"execution"}),
    ("kms:CreateGrant", KEY, THROUGH_S3, set()),
    ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "false"}, set()),
]
"""Action, resource, context, and the roles whose work it is."""

NOBODYS: list[tuple[str, str]] = [
    *(("sts:AssumeRole", arn) for arn in ROLE_ARNS.values()),
    *((f"iam:{verb}", arn) for arn in ROLE_ARNS.values() for verb in ("AttachRolePolicy", "UpdateAssumeRolePolicy")),
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/anybody"),
    ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/anybody"),
    ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/{NAMES.train_role}-access"),
    *((f"kms:{verb}", KEY) for verb in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "RevokeGrant")),
    *((f"kms:{verb}", KEY) for verb in ("CreateGrant", "Encrypt", "Decrypt", "GenerateDataKey", "ReEncryptFrom")),
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


@pytest.fixture(scope="module")
def held(recorded: Callable[..., Recorded]) -> Held:
    return Held.by_stack(recorded, "")


@pytest.mark.parametrize("role", ROLES)
def test_a_sensitive_action_is_allowed_to_its_owner_alone(role: str, held: Held) -> None:
    for action, resource, context, owners in OTHERS:
        decision = held.answer(role, Check(action=action, resource=resource, context=context))
        assert decision.allowed == (role in owners), f"{role}: {action} on {resource} with {context}: {decision.reason}"


@pytest.mark.parametrize("role", ROLES)
def test_what_is_nobodys_work_is_denied(role: str, held: Held) -> None:
    allowed = [(a, r) for a, r in NOBODYS if held.answer(role, Check(action=a, resource=r, context={})).allowed]
    assert allowed == []


def test_the_approval_function_rejects_but_does_not_approve_where_a_person_has_the_last_word(held: Held) -> None:
    rejected = {"sagemaker:ModelApprovalStatus": contract.REJECTED}
    by_status = {
        status["sagemaker:ModelApprovalStatus"]: held.answer(
            "approval", Check(action="sagemaker:UpdateModelPackage", resource=PACKAGE, context=status)
        ).allowed
        for status in (APPROVED, rejected, PENDING)
    }
    assert by_status == {contract.APPROVED: False, contract.REJECTED: True, contract.PENDING: False}
