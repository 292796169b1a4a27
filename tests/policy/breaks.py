"""Programs that break a rule: how each is made from a recorded one, and what must be said about it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.harness import ACCOUNT, REGION, Recorded
from tests.policy.engine import changed, with_fields, without

Break = Callable[[Recorded], Recorded]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A recorded program of `stack`, broken by `break_it`, about which `rule` says `words`."""

    rule: str
    stack: str
    break_it: Break
    words: str


def edit_statement(kind: str, part: str, sid: str, change: Callable[[dict[str, Any]], None]) -> Break:
    """Return the break that changes one statement of a policy document."""

    def break_it(run: Recorded) -> Recorded:
        def edit(inputs: dict[str, Any]) -> None:
            prop = "assumeRolePolicy" if "assumeRolePolicy" in inputs else "policy"
            document = json.loads(inputs[prop])
            [statement] = [one for one in document["Statement"] if one["Sid"] == sid]
            change(statement)
            inputs[prop] = json.dumps(document)

        return changed(run, kind, part, edit)

    return break_it


def grant(role: str, actions: list[str], resource: str, **rest: Any) -> Break:
    """Return the break that adds a statement to a role's policy."""
    return add_statement("iam/policy:Policy", f"roles-{role}-access", Action=actions, Resource=[resource], **rest)


def add_statement(kind: str, part: str, **statement: Any) -> Break:
    """Return the break that adds a statement to a policy document."""

    def break_it(run: Recorded) -> Recorded:
        def edit(inputs: dict[str, Any]) -> None:
            document = json.loads(inputs["policy"])
            document["Statement"].append({"Sid": "Added", "Effect": "Allow", **statement})
            inputs["policy"] = json.dumps(document)

        return changed(run, kind, part, edit)

    return break_it


def put(kind: str, part: str, prop: str, value: Any) -> Break:
    """Return the break that sets one input, or leaves it out where `value` is None."""

    def edit(inputs: dict[str, Any]) -> None:
        inputs.pop(prop, None)
        if value is not None:
            inputs[prop] = value

    return lambda run: changed(run, kind, part, edit)


def edit_action(name: str, change: Callable[[dict[str, Any]], None]) -> Break:
    """Return the break that changes one action of the pipeline."""

    def break_it(run: Recorded) -> Recorded:
        def edit(inputs: dict[str, Any]) -> None:
            [action] = [one for stage in inputs["stages"] for one in stage["actions"] if one["name"] == name]
            change(action)

        return changed(run, "Pipeline", "", edit)

    return break_it


def drop_stage(name: str) -> Break:
    """Return the break that takes a stage out of the pipeline."""

    def edit(inputs: dict[str, Any]) -> None:
        inputs["stages"] = [one for one in inputs["stages"] if one["name"] != name]

    return lambda run: changed(run, "Pipeline", "", edit)


def one_role_for_both_builds(run: Recorded) -> Recorded:
    train = run.one("Project", "train")
    return with_fields(run, "Project", "deploy", property_depends_on=train.property_depends_on)


def foreign_policy(run: Recorded) -> Recorded:
    attachment = run.one("RolePolicyAttachment", "execution-access")
    uses = {"role": attachment.property_depends_on["role"]}
    broken = with_fields(run, "RolePolicyAttachment", "execution-access", property_depends_on=uses)
    arn = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    return changed(broken, "RolePolicyAttachment", "execution-access", lambda inputs: inputs.update(policyArn=arn))


def other_tags(run: Recorded) -> Recorded:
    [provider] = [one for one in run.resources if (one.type, one.name) == ("pulumi:providers:aws", "aws")]
    tags = json.dumps({"tags": {"project": "mle-004"}})
    resources = tuple(
        one if one is not provider else type(one)(**{**vars(one), "inputs": {**one.inputs, "defaultTags": tags}})
        for one in run.resources
    )
    return type(run)(resources=resources, duplicates=run.duplicates, exports=run.exports)


PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/ChurnPredictionModels/*"
LOWER_PACKAGE = PACKAGE.replace("Churn", "churn").replace("PredictionModels", "predictionmodels")
STATUS = "sagemaker:ModelApprovalStatus"
OTHER_OBJECTS = f"arn:aws:s3:::mle-004-models-{ACCOUNT}-{REGION}/evaluations/*"

# Rule, stack, how it is broken, and words of the complaint.
_TABLE: list[tuple[str, str, Break, str]] = [
    (
        "trainer-registers-undecided",
        "dev",
        edit_statement("iam/policy:Policy", "train-access", "RegisterUndecidedVersions", lambda s: s.pop("Condition")),
        "RegisterUndecidedVersions allows sagemaker:CreateModelPackage",
    ),
    (
        "trainer-registers-undecided",
        "dev",
        lambda run: changed(
            grant("train", ["sagemaker:UpdateModelPackage"], PACKAGE)(run),
            "iam/policy:Policy",
            "train-access",
            lambda inputs: inputs.update(policy=inputs["policy"].replace('"Deny"', '"Allow"')),
        ),
        "must not approve what it has made",
    ),
    (
        "trainer-releases-nothing",
        "dev",
        grant("train", ["sagemaker:UpdateEndpoint"], f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/mle-004-churn"),
        "may sagemaker:UpdateEndpoint",
    ),
    (
        "only-functions-decide",
        "dev",
        grant("pipeline", ["sagemaker:UpdateModelPackage"], PACKAGE, Condition={"StringEquals": {STATUS: "Approved"}}),
        "belongs to no function",
    ),
    (
        "only-functions-decide",
        "dev",
        edit_statement(
            "iam/policy:Policy",
            "approval-access",
            "DecideAboutVersions",
            lambda s: s.update(Condition={"StringEquals": {STATUS: ["Approved", "PendingManualApproval"]}}),
        ),
        "something else than ['Approved', 'Rejected']",
    ),
    ("deciders-make-nothing", "dev", grant("approval", ["s3:PutObject"], OTHER_OBJECTS), "s3:PutObject"),
    ("deployer-reads-versions", "dev", grant("deploy", ["s3:PutObject"], OTHER_OBJECTS), "only reads what was decided"),
    (
        "passed-roles-are-named",
        "dev",
        edit_statement("iam/policy:Policy", "deploy-access", "PassExecutionRole", lambda s: s.pop("Condition")),
        "name one role and one iam:PassedToService",
    ),
    (
        "passed-roles-are-named",
        "dev",
        edit_statement(
            "iam/policy:Policy",
            "deploy-access",
            "PassExecutionRole",
            lambda s: s.update(Resource=[f"arn:aws:iam::{ACCOUNT}:role/*"]),
        ),
        "name one role and one iam:PassedToService",
    ),
    ("models-are-written-once", "dev", grant("train", ["s3:PutObject"], OTHER_OBJECTS), "Added may overwrite"),
    ("grants-are-exact", "dev", grant("train", ["sagemaker:*"], PACKAGE), "name each action"),
    ("grants-are-exact", "dev", grant("train", ["s3:GetObject"], "*"), "s3:getobject on every resource"),
    (
        "grants-are-exact",
        "prod",
        edit_statement("iam/policy:Policy", "deploy-access", "Scale", lambda s: s.pop("Condition")),
        "registerscalabletarget on every resource",
    ),
    (
        "resource-policies-are-bound",
        "dev",
        edit_statement("kms/key:Key", "", "LogsOfThisStack", lambda s: s.pop("Condition")),
        "act for any account",
    ),
    (
        "resource-policies-are-bound",
        "dev",
        add_statement("BucketPolicy", "models", Principal="*", Action="s3:GetObject", Resource=OTHER_OBJECTS),
        "Added allows everybody",
    ),
    (
        "resource-policies-are-bound",
        "dev",
        add_statement("QueuePolicy", "approval", Principal={"AWS": ACCOUNT}, Action="sqs:SendMessage", Resource="*"),
        "only a key's policy means itself",
    ),
    ("callers-are-known", "dev", put("lambda/permission:Permission", "", "sourceArn", None), "any account's resource"),
    (
        "roles-trust-one-service",
        "dev",
        edit_statement("iam/role:Role", "train", "ServiceMayAssume", lambda s: s.pop("Condition")),
        "on behalf of another account",
    ),
    (
        "roles-trust-one-service",
        "dev",
        edit_statement("iam/role:Role", "train", "ServiceMayAssume", lambda s: s.update(Principal={"AWS": "*"})),
        "one service is enough",
    ),
    ("no-foreign-policies", "dev", foreign_policy, "AmazonSageMakerFullAccess"),
    (
        "arns-are-whole",
        "dev",
        grant("train", ["sagemaker:DescribeEndpoint"], f"arn:aws:sagemaker:*:{ACCOUNT}:endpoint/mle-004-churn"),
        "write the region and the account out",
    ),
    (
        "arns-are-whole",
        "dev",
        grant("train", ["sagemaker:DescribeEndpoint"], f"arn:aws:sagemaker:{REGION}:*:endpoint/mle-004-churn"),
        "write the region and the account out",
    ),
    (
        "groups-in-both-spellings",
        "dev",
        grant("execution", ["sagemaker:DescribeModelPackage"], PACKAGE),
        f"but not {LOWER_PACKAGE}",
    ),
    (
        "log-groups-come-first",
        "dev",
        grant("train", ["logs:CreateLogGroup"], f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x"),
        "declare the group",
    ),
    ("decision-stands-between", "dev", drop_stage("AutoApproval"), "has no decision"),
    ("decision-stands-between", "prod", drop_stage("Approval"), "has no decision"),
    ("decision-stands-between", "dev", one_role_for_both_builds, "under one role"),
    ("newest-commit-wins", "dev", put("Pipeline", "", "executionMode", "QUEUED"), "it must be V2 and SUPERSEDED"),
    ("newest-commit-wins", "dev", put("Pipeline", "", "pipelineType", None), "it must be V2 and SUPERSEDED"),
    (
        "newest-commit-wins",
        "dev",
        edit_action("Source", lambda action: action["configuration"].pop("PollForSourceChanges")),
        "each push runs twice",
    ),
    (
        "deploy-takes-commit-and-version",
        "dev",
        edit_action("DeployModel", lambda action: action["inputArtifacts"].reverse()),
        "the commit first",
    ),
    (
        "deploy-takes-commit-and-version",
        "dev",
        edit_action("DeployModel", lambda action: action["configuration"].update(PrimarySource="BuildArtifact")),
        "the commit first",
    ),
    (
        "approvals-end",
        "prod",
        edit_action("ManualApproval", lambda action: action.pop("timeoutInMinutes")),
        "has no timeout",
    ),
    (
        "undelivered-events-are-kept",
        "dev",
        put("EventTarget", "approval", "deadLetterConfig", None),
        "has no dead-letter queue",
    ),
    ("undelivered-events-are-kept", "dev", put("Function", "", "deadLetterConfig", None), "has no dead-letter queue"),
    ("queues-are-watched", "dev", put("Queue", "approval", "name", "another"), "without an alarm"),
    ("alarms-act", "dev", put("MetricAlarm", "pipeline-failed", "alarmActions", []), "tells nobody"),
    ("alarms-act", "dev", put("MetricAlarm", "pipeline-failed", "actionsEnabled", False), "tells nobody"),
    ("logs-are-kept", "dev", put("LogGroup", "train", "kmsKeyId", None), "not encrypted"),
    ("logs-are-kept", "dev", put("LogGroup", "train", "retentionInDays", 0), "how long it is kept"),
    ("work-is-logged", "dev", put("Project", "train", "logsConfig", None), "no log group of this stack"),
    (
        "work-is-logged",
        "dev",
        put("Function", "", "loggingConfig", {"logFormat": "Text"}),
        "no log group of this stack",
    ),
    ("buckets-are-complete", "dev", lambda run: without(run, "BucketVersioning", "models"), "keeps no versions"),
    (
        "buckets-are-complete",
        "dev",
        put("BucketVersioning", "models", "versioningConfiguration", {"status": "Suspended"}),
        "keeps no versions",
    ),
    (
        "buckets-are-complete",
        "dev",
        put("BucketPublicAccessBlock", "models", "restrictPublicBuckets", False),
        "closed to the public",
    ),
    (
        "buckets-are-complete",
        "dev",
        lambda run: without(run, "BucketServerSideEncryptionConfiguration", "models"),
        "how its objects are encrypted",
    ),
    ("buckets-are-complete", "dev", lambda run: without(run, "BucketPolicy", "models"), "answers plain HTTP"),
    (
        "buckets-are-complete",
        "dev",
        put("BucketOwnershipControls", "models", "rule", {"objectOwnership": "ObjectWriter"}),
        "access lists",
    ),
    (
        "buckets-are-complete",
        "dev",
        lambda run: without(run, "BucketLifecycleConfiguration", "models"),
        "broken uploads",
    ),
    ("messages-are-encrypted", "dev", put("Queue", "approval", "sqsManagedSseEnabled", False), "in the clear"),
    ("messages-are-encrypted", "dev", put("sns/topic:Topic", "alarms", "kmsMasterKeyId", None), "in the clear"),
    ("keys-rotate", "dev", put("kms/key:Key", "", "enableKeyRotation", False), "does not rotate"),
    ("keys-rotate", "dev", put("kms/key:Key", "", "deletionWindowInDays", 7), "less than 30 days"),
    (
        "evidence-is-protected-together",
        "prod",
        lambda run: with_fields(run, "kms/key:Key", "", protect=False),
        "while other evidence of this stack is",
    ),
    (
        "builds-hold-no-privilege",
        "dev",
        lambda run: changed(
            run, "Project", "train", lambda inputs: inputs["environment"].update({"privilegedMode": True})
        ),
        "privileged mode",
    ),
    ("builds-hold-no-privilege", "dev", put("Project", "train", "encryptionKey", None), "no key for its results"),
    ("environments-are-encrypted", "dev", put("Function", "", "kmsKeyArn", None), "no key for its environment"),
    ("names-fit", "dev", put("iam/role:Role", "train", "name", "r" * 65), "no name that AWS accepts"),
    ("names-fit", "dev", put("s3/bucket:Bucket", "models", "bucket", "mle.004"), "no name that AWS accepts"),
    ("names-share-the-suffix", "prod", put("iam/role:Role", "train", "name", "CodeBuildTrainRole"), "suffix '-prod'"),
    ("everything-is-tagged", "dev", other_tags, "stack=dev"),
    (
        "everything-is-tagged",
        "dev",
        lambda run: with_fields(run, "s3/bucket:Bucket", "models", provider=""),
        "default tags",
    ),
    (
        "nothing-secret-is-written-down",
        "dev",
        put("Function", "", "environment", {"variables": {"DATABASE_PASSWORD": "hunter2"}}),
        "holds DATABASE_PASSWORD in the clear",
    ),
    (
        "nothing-secret-is-written-down",
        "dev",
        put("Project", "train", "description", "use AKIA" + "ABCDEFGHIJKLMNOP"),
        "looks like a secret at description",
    ),
    (
        "nothing-secret-is-written-down",
        "dev",
        put("Project", "train", "environment", {"environmentVariables": [{"name": "API_KEY", "value": "x"}]}),
        "holds API_KEY in the clear",
    ),
]

BROKEN = [Broken(rule=rule, stack=stack, break_it=break_it, words=words) for rule, stack, break_it, words in _TABLE]
