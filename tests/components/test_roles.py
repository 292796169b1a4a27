"""Roles: what each may do, action by action, and that nothing in them is made up or wider than it must be."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from components.arns import Arns
from components.names import Names
from components.roles import ROLES
from components.settings import Settings
from components.wildcards import WILDCARDS
from ml import contract
from tests.harness import ACCOUNT, REGION, Recorded

POLICY_CHARACTERS = 6144
PACKAGES = [
    f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/ChurnPredictionModels/*",
    f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/churnpredictionmodels/*",
]
GROUPS = [pattern.removesuffix("/*").replace("model-package", "model-package-group") for pattern in PACKAGES]
STATUS = "sagemaker:ModelApprovalStatus"

Record = Callable[..., Recorded]


CONNECTED = {
    "provider": "codeconnections",
    "connectionArn": "arn:aws:codeconnections:us-east-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef",
    "repository": "team/models",
}


def names(stack: str = "dev") -> Names:
    suffix = {"nameSuffix": ""} if stack == "dev" else {}
    settings = Settings.parse(suffix, stack=stack, project="mle-004")
    return Names.of(settings, account=ACCOUNT, region=REGION)


def physical(role: str) -> str:
    return ROLES[role].role_name(names())


def allowed(run: Recorded, role: str) -> set[str]:
    statements = run.statements(physical(role))
    return {action for one in statements if one["Effect"] == "Allow" for action in one["Action"]}


def statement(run: Recorded, role: str, sid: str) -> dict[str, Any]:
    found = [one for one in run.statements(physical(role)) if one["Sid"] == sid]
    assert len(found) == 1
    return found[0]


ACTIONS = {
    "pipeline": {
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:PutObject",
        "codecommit:GetBranch",
        "codecommit:GetCommit",
        "codecommit:UploadArchive",
        "codecommit:GetUploadArchiveStatus",
        "codecommit:CancelUploadArchive",
        "codebuild:StartBuild",
        "codebuild:BatchGetBuilds",
        "lambda:InvokeFunction",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    },
    "train": {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:CreateModelPackage",
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModel",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    },
    "deploy": {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:DescribeModelPackage",
        "sagemaker:CreateModel",
        "sagemaker:DescribeModel",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateEndpoint",
        "sagemaker:UpdateEndpoint",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:InvokeEndpoint",
        "sagemaker:ListModels",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:DeleteModel",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteEndpoint",
        "application-autoscaling:DeregisterScalableTarget",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DeleteAlarms",
        "sagemaker:AddTags",
        "iam:PassRole",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    },
    "execution": {
        "s3:GetObject",
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogStreams",
        "cloudwatch:PutMetricData",
        "cloudwatch:DescribeAlarms",
        "kms:Decrypt",
    },
    "approval": {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:DescribeModelPackage",
        "sagemaker:UpdateModelPackage",
        "s3:GetObject",
        "codepipeline:PutJobSuccessResult",
        "codepipeline:PutJobFailureResult",
        "sqs:SendMessage",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "kms:Decrypt",
    },
    "trigger": {"codepipeline:StartPipelineExecution"},
}

EVERYTHING = {
    "approval": {"mode": "both"},
    "endpoint": {"instanceCount": 2, "maxInstanceCount": 4},
    "audit": {"trail": True},
}
"""Settings under which every role of the table exists."""


@pytest.mark.parametrize("role", ACTIONS)
def test_a_role_is_allowed_exactly_its_actions(role: str, recorded: Record) -> None:
    assert allowed(recorded(), role) == ACTIONS[role]


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({}, {"bridge", "trail"}),
        ({"approval": {"mode": "manual"}}, {"approval", "trail"}),
        ({"approval": {"mode": "both"}, "audit": {"trail": True}}, set()),
        ({"source": CONNECTED}, {"bridge", "trail", "trigger"}),
    ],
    ids=["automated", "manual", "both-and-trail", "connection"],
)
def test_a_role_exists_where_the_settings_need_it(changes: dict[str, Any], absent: set[str], recorded: Record) -> None:
    found = {one.inputs["name"] for one in recorded("dev", changes).of("Role")}
    assert found == {physical(role) for role in ROLES if role not in absent}


@pytest.mark.parametrize(
    ("mode", "deciders"),
    [("automated", {"approval"}), ("manual", {"bridge"}), ("both", {"approval", "bridge"})],
)
def test_only_the_functions_that_a_mode_has_may_decide(mode: str, deciders: set[str], recorded: Record) -> None:
    run = recorded("dev", {"approval": {"mode": mode}})
    there = {one.inputs["name"] for one in run.of("Role")}
    holders = {
        role for role in ROLES if physical(role) in there and "sagemaker:UpdateModelPackage" in allowed(run, role)
    }
    assert holders == deciders


def test_train_registers_undecided_versions_only(recorded: Record) -> None:
    run = recorded()
    register = statement(run, "train", "RegisterUndecidedVersions")
    assert register["Condition"] == {"StringEquals": {STATUS: contract.PENDING}}
    assert register["Resource"] == GROUPS + PACKAGES


@pytest.mark.parametrize("role", ["train", "deploy"])
def test_the_builds_are_forbidden_to_decide_whatever_else_they_get(role: str, recorded: Record) -> None:
    forbidden = statement(recorded(), role, "NeverDecideAboutVersions")
    assert (forbidden["Effect"], forbidden["Action"]) == ("Deny", ["sagemaker:UpdateModelPackage"])
    assert forbidden["Resource"] == ["*"]
    assert "Condition" not in forbidden


def test_train_sees_what_serves_of_its_own_endpoint_only(recorded: Record) -> None:
    run, prefix = recorded(), f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
    seen = {sid: statement(run, "train", sid)["Resource"] for sid in ("SeeWhatServes", "SeeItsConfig", "SeeItsModel")}
    assert seen == {
        "SeeWhatServes": [f"{prefix}endpoint/mle-004-churn"],
        "SeeItsConfig": [f"{prefix}endpoint-config/mle-004-churn--*"],
        "SeeItsModel": [f"{prefix}model/mle-004-churn--*"],
    }


def test_train_is_forbidden_to_register_decided_versions(recorded: Record) -> None:
    forbidden = statement(recorded(), "train", "NeverRegisterDecidedVersions")
    assert forbidden["Effect"] == "Deny"
    assert forbidden["Condition"] == {"StringEquals": {STATUS: [contract.APPROVED, contract.REJECTED]}}


def test_the_approver_can_only_approve_or_reject(recorded: Record) -> None:
    decide = statement(recorded(), "approval", "DecideAboutVersions")
    assert decide["Condition"] == {"StringEquals": {STATUS: [contract.APPROVED, contract.REJECTED]}}
    assert decide["Resource"] == PACKAGES


def test_every_statement_about_versions_names_both_spellings(recorded: Record) -> None:
    resources = [
        one["Resource"]
        for role in ROLES
        for one in recorded().statements(physical(role))
        if one["Effect"] == "Allow" and any("model-package/" in resource for resource in one["Resource"])
    ]
    assert len(resources) == 5
    assert all(set(PACKAGES) <= set(listed) for listed in resources)


def test_only_deploy_passes_a_role_and_only_the_execution_role_to_sagemaker(recorded: Record) -> None:
    assert [role for role in ROLES if "iam:PassRole" in allowed(recorded(), role)] == ["deploy"]
    passing = statement(recorded(), "deploy", "PassExecutionRole")
    assert passing["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/SageMaker-MLE-004-Role"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_deploy_makes_configurations_of_the_chosen_instance_type_only(recorded: Record) -> None:
    run = recorded("dev", {"endpoint": {"instanceType": "ml.c5.large"}})
    assert statement(run, "deploy", "MakeEndpointConfigs")["Condition"] == {
        "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.c5.large"]},
        "Null": {"sagemaker:InstanceTypes": "false"},
    }


def test_deploy_tags_only_while_it_creates(recorded: Record) -> None:
    assert statement(recorded(), "deploy", "TagWhatItMakes")["Condition"] == {
        "StringEquals": {"sagemaker:TaggingAction": ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]}
    }


def test_train_cannot_touch_the_commit_that_deploy_will_run(recorded: Record) -> None:
    writes = [one["Resource"] for one in recorded().statements(physical("train")) if "s3:PutObject" in one["Action"]]
    source = Arns(names=names()).source_artifacts
    assert all(source not in listed for listed in writes)


@pytest.mark.parametrize(("changes", "acl"), [({}, []), ({"source": CONNECTED}, ["s3:PutObjectAcl"])])
def test_the_pipeline_sets_an_acl_on_what_a_connection_uploads_and_on_nothing_else(
    changes: dict[str, Any], acl: list[str], recorded: Record
) -> None:
    run = recorded("dev", changes)
    assert statement(run, "pipeline", "StoreCommit")["Action"] == ["s3:PutObject", *acl]
    assert statement(run, "pipeline", "StoreCommit")["Resource"] == [Arns(names=names()).source_artifacts]
    assert ("s3:PutObjectAcl" in allowed(run, "pipeline")) == bool(acl)


def test_train_reads_the_training_data_and_nothing_beside_it(recorded: Record) -> None:
    run = recorded("dev", {"training": {"dataUri": "s3://rows/2026/churn.parquet"}})
    read = statement(run, "train", "ReadTrainingData")
    assert read["Resource"] == ["arn:aws:s3:::rows/2026/churn.parquet"]
    assert not any(one["Sid"] == "ReadTrainingData" for one in recorded().statements(physical("train")))


# --- training jobs

IN_JOBS = {"training": {"engine": "sagemaker", "dataUri": "s3://rows/2026/churn.csv"}}
OF_JOBS = {
    "train": {
        "StartTrainingJobs", "FollowAndStopTrainingJobs", "TagTrainingJobs", "PassExecutionRole", "FindTrainingLog",
        "ReadTrainingLog", "StoreTrainingInputsOnce", "CompareTrainingInputs", "ReadTrainingResult",
    },
    "execution": {
        "ReadTrainingInputs", "FindTrainingInputs", "StoreTrainingResult", "MakeTrainingLog", "WriteTrainingLog",
        "ReadTrainingData", "FindTrainingData", "LetDisksUseKey",
    },
}  # fmt: skip


@pytest.mark.parametrize("role", OF_JOBS)
def test_what_training_jobs_need_is_granted_only_where_there_are_some(role: str, recorded: Record) -> None:
    with_jobs, without = (
        {one["Sid"] for one in run.statements(physical(role))} for run in (recorded("dev", IN_JOBS), recorded())
    )

    assert with_jobs - without == OF_JOBS[role]
    assert without <= with_jobs


def test_a_build_that_starts_jobs_does_not_read_the_data_itself(recorded: Record) -> None:
    run = recorded("dev", IN_JOBS)

    assert "ReadTrainingData" not in {one["Sid"] for one in run.statements(physical("train"))}
    assert statement(run, "execution", "ReadTrainingData")["Resource"] == ["arn:aws:s3:::rows/2026/churn.csv"]
    found = statement(run, "execution", "FindTrainingData")
    assert found["Resource"] == ["arn:aws:s3:::rows"]
    assert found["Condition"] == {"StringEquals": {"s3:prefix": "2026/churn.csv"}}


def test_a_job_is_of_the_stacks_name_machine_and_limit_and_has_no_network(recorded: Record) -> None:
    start = statement(recorded("dev", IN_JOBS), "train", "StartTrainingJobs")

    assert start["Resource"] == [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/mle-004-churn--*"]
    assert start["Condition"] == {
        "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": ["ml.m5.xlarge"]},
        "Null": {"sagemaker:InstanceTypes": "false"},
        "Bool": {"sagemaker:NetworkIsolation": "true"},
        "NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": "3600"},
    }


def test_a_jobs_role_encrypts_its_result_and_grants_the_key_to_disks_alone(recorded: Record) -> None:
    name = ROLES["execution"].role_name(names("dev"))
    through_s3, disks = recorded("dev", IN_JOBS).policies(name)[f"{name}-key"]["Statement"]

    assert set(through_s3["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"}
    assert through_s3["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    assert disks["Action"] == ["kms:CreateGrant"]
    assert disks["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_the_serving_image_is_the_one_repository_of_the_region(recorded: Record) -> None:
    pull = statement(recorded(), "execution", "PullServingImage")
    assert pull["Resource"] == [f"arn:aws:ecr:{REGION}:683313688378:repository/sagemaker-scikit-learn"]


@pytest.mark.parametrize("role", ["pipeline", "train", "deploy", "execution", "approval"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_key_is_used_through_s3_and_for_the_mail_that_asks_through_sns(
    stack: str, role: str, recorded: Record
) -> None:
    run = recorded(stack)
    name = ROLES[role].role_name(names(stack))
    key = run.policies(name)[f"{name}-key"]["Statement"]
    through = {one["Condition"]["StringEquals"]["kms:ViaService"]: set(one["Action"]) for one in key}
    runs = {f"lambda.{REGION}.amazonaws.com": {"kms:Decrypt"}}
    stores = {"kms:GenerateDataKey"} if role in ("pipeline", "train", "deploy") else set()
    mails = {f"sns.{REGION}.amazonaws.com": {"kms:Decrypt", "kms:GenerateDataKey"}}
    assert through == {
        f"s3.{REGION}.amazonaws.com": {"kms:Decrypt"} | stores,
        **(mails if (stack, role) == ("prod", "pipeline") else {}),
        **(runs if role == "approval" else {}),
    }
    assert all(one["Resource"] == [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-key"] for one in key)


@pytest.mark.parametrize("role", ["trigger", "trail"])
def test_who_reads_and_writes_no_object_has_no_use_of_the_key(role: str, recorded: Record) -> None:
    name = ROLES[role].role_name(names("prod"))
    assert list(recorded("prod").policies(name)) == [f"{name}-access"]


@pytest.mark.parametrize(
    ("role", "service", "source"),
    [
        ("pipeline", "codepipeline", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:mle-004-model-registry-pipeline"),
        ("train", "codebuild", f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/train-model"),
        ("deploy", "codebuild", f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/deploy-model"),
        ("execution", "sagemaker", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:*"),
        ("trigger", "events", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/mle-004-source-push-rule"),
    ],
)
def test_a_service_assumes_its_role_for_our_resource_only(
    role: str, service: str, source: str, recorded: Record
) -> None:
    trust = json.loads(recorded().one("Role", f"roles-{role}").inputs["assumeRolePolicy"])["Statement"]
    assert len(trust) == 1
    assert trust[0]["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert trust[0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": source},
    }


def test_lambda_assumes_the_approval_role(recorded: Record) -> None:
    trust = json.loads(recorded().one("Role", "roles-approval").inputs["assumeRolePolicy"])["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "lambda.amazonaws.com"}]


def test_every_bare_star_is_on_the_list_and_the_list_holds_no_other(recorded: Record) -> None:
    run = recorded("dev", EVERYTHING)
    held = [(role, one) for role in ROLES for one in run.statements(physical(role))]
    held += [("key", one) for one in json.loads(run.one("kms/key:Key").inputs["policy"])["Statement"]]
    stars = {(holder, one["Sid"]) for holder, one in held if "*" in one["Resource"]}
    assert stars == {(one.holder, one.sid) for one in WILDCARDS}
    assert all(one.reason for one in WILDCARDS)


def test_no_role_is_granted_a_pattern_of_actions(recorded: Record) -> None:
    run = recorded("dev", EVERYTHING)
    assert not [action for role in ROLES for action in allowed(run, role) if "*" in action]


def test_every_arn_is_of_this_account_and_region_or_of_s3_iam_and_the_image(recorded: Record) -> None:
    ours = re.compile(rf"arn:aws:(\w+:{REGION}:{ACCOUNT}:|s3:::|iam::{ACCOUNT}:|ecr:{REGION}:683313688378:)")
    for role in ROLES:
        for one in recorded().statements(physical(role)):
            assert all(resource == "*" or ours.match(resource) for resource in one["Resource"]), one["Sid"]


def test_sids_are_unique_in_a_role_and_legal(recorded: Record) -> None:
    for role in ROLES:
        sids = [one["Sid"] for one in recorded().statements(physical(role))]
        assert len(sids) == len(set(sids))
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)


def _fits(resource: str, arn_format: str) -> bool:
    if "*" in (resource, arn_format):
        return resource == arn_format
    readings = [resource]
    if ":log-group:" in resource:
        # `<group>:*` stands for the group as well as for its streams.
        group = resource.removesuffix(":*")
        readings = [group, f"{group}:log-stream:*"]
    parts = re.split(r"\$\{[^}]+\}", arn_format)
    return any(re.fullmatch(".*".join(map(re.escape, parts)), reading) for reading in readings)


# AWS's cross-account example for the registry (SageMaker developer guide) grants this; the reference omits it.
BEYOND_THE_REFERENCE = {("UseVersions", "sagemaker:CreateModel")}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_action_exists_on_its_resources_with_its_condition_keys(stack: str, recorded: Record) -> None:
    run = recorded(stack)
    for role in run.of("Role"):
        for one in run.statements(role.inputs["name"]):
            for action in one["Action"]:
                service, name = action.split(":")
                rows = get_action_data(service, name).get(service, [])
                assert rows, f"{action} is no action"
                formats = {row["resource_arn_format"] for row in rows}
                if one["Effect"] == "Allow" and (one["Sid"], action) not in BEYOND_THE_REFERENCE:
                    unknown = [r for r in one["Resource"] if not any(_fits(r, each) for each in formats)]
                    assert unknown == [], f"{action} has no resource type like {unknown}"
                known = {key for row in rows for key in row["condition_keys"]}
                used = {key for keys in one.get("Condition", {}).values() for key in keys}
                assert used <= known, f"{action} knows no {used - known}"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_policies_fit_into_what_iam_stores(stack: str, recorded: Record) -> None:
    run = recorded(stack)
    documents = [document for role in run.of("Role") for document in run.policies(role.inputs["name"]).values()]
    assert len(documents) == (11 if stack == "dev" else 14)
    assert all(len(json.dumps(document, separators=(",", ":"))) < POLICY_CHARACTERS for document in documents)


def test_policies_are_known_before_anything_exists(recorded: Record) -> None:
    previewed = {one.name: one.inputs.get("policy") for one in recorded(preview=True).of("iam/policy:Policy")}
    applied = {one.name: one.inputs["policy"] for one in recorded().of("iam/policy:Policy")}
    access = {name for name in applied if "-access-" in name}
    assert len(access) == 6
    assert all(previewed[name] == applied[name] for name in access)


def test_no_policy_is_inline(recorded: Record) -> None:
    run = recorded()
    assert run.of("RolePolicy") == []
    assert all("inlinePolicies" not in role.inputs for role in run.of("Role"))
