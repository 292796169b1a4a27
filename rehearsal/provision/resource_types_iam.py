"""IAM roles and policies, KMS keys and aliases."""

from collections.abc import Mapping

from rehearsal.provision.experiment import copy_arn
from rehearsal.provision.resource_types import (
    Existing,
    Inputs,
    Made,
    ResourceType,
    Workbench,
    absent_is_fine,
    automatic_name,
    tag_list,
)

_ABSENT = "NoSuchEntity"
_MOST_VERSIONS = 5
"""Of one policy; a further one takes the oldest one's place (IAM quotas)."""


def _role(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    role = bench.cloud.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=inputs.need("assumeRolePolicy"),
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"description": "Description", "maxSessionDuration": "MaxSessionDuration", "path": "Path"}),
    )["Role"]
    return Made(id=name, outputs={"name": name, "arn": role["Arn"], "uniqueId": role["RoleId"]})


def _delete_role(bench: Workbench, role: Existing) -> None:
    with absent_is_fine(_ABSENT):
        bench.cloud.client("iam").delete_role(RoleName=role.id)


def _policy(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    policy = bench.cloud.client("iam").create_policy(
        PolicyName=name,
        PolicyDocument=inputs.need("policy"),
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"description": "Description", "path": "Path"}),
    )["Policy"]
    return Made(id=policy["Arn"], outputs={"name": name, "arn": policy["Arn"], "policyId": policy["PolicyId"]})


def _new_version(bench: Workbench, inputs: Inputs, policy: Existing) -> Made:
    """Make the document the policy's default version, in place of the oldest one when there are too many."""
    iam = bench.cloud.client("iam")
    versions = iam.list_policy_versions(PolicyArn=policy.id)["Versions"]
    if len(versions) >= _MOST_VERSIONS:
        oldest = min((each for each in versions if not each["IsDefaultVersion"]), key=lambda each: each["CreateDate"])
        iam.delete_policy_version(PolicyArn=policy.id, VersionId=oldest["VersionId"])
    iam.create_policy_version(PolicyArn=policy.id, PolicyDocument=inputs.need("policy"), SetAsDefault=True)
    return Made(id=policy.id, outputs=policy.outputs)


def _delete_policy(bench: Workbench, policy: Existing) -> None:
    iam = bench.cloud.client("iam")
    with absent_is_fine(_ABSENT):
        for version in iam.list_policy_versions(PolicyArn=policy.id)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=policy.id, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=policy.id)


def _role_policy_attachment(bench: Workbench, inputs: Inputs) -> Made:
    role, policy_arn = inputs.need("role"), inputs.need("policyArn")
    bench.cloud.client("iam").attach_role_policy(RoleName=role, PolicyArn=policy_arn)
    return Made(id=f"{role}/{policy_arn}")


def _detach(bench: Workbench, attachment: Existing) -> None:
    """Detach the policy, or the copy of it that an experiment attached in its place."""
    iam, role, policy_arn = bench.cloud.client("iam"), attachment.inputs["role"], attachment.inputs["policyArn"]
    with absent_is_fine(_ABSENT):
        iam.detach_role_policy(RoleName=role, PolicyArn=policy_arn)
        return
    copy = copy_arn(policy_arn)
    with absent_is_fine(_ABSENT):
        iam.detach_role_policy(RoleName=role, PolicyArn=copy)
        iam.delete_policy(PolicyArn=copy)


def _key(bench: Workbench, inputs: Inputs) -> Made:
    kms = bench.cloud.client("kms")
    key = kms.create_key(
        Tags=tag_list(inputs.take("tags"), key="TagKey", value="TagValue"),
        **inputs.renamed({"description": "Description", "policy": "Policy"}),
    )["KeyMetadata"]
    period = inputs.renamed({"rotationPeriodInDays": "RotationPeriodInDays"})
    if inputs.take("enableKeyRotation"):
        kms.enable_key_rotation(KeyId=key["KeyId"], **period)
    policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    return Made(id=key["KeyId"], outputs={"keyId": key["KeyId"], "arn": key["Arn"], "policy": policy})


def _new_key_policy(bench: Workbench, inputs: Inputs, key: Existing) -> Made:
    policy = inputs.need("policy")
    bench.cloud.client("kms").put_key_policy(KeyId=key.id, PolicyName="default", Policy=policy)
    return Made(id=key.id, outputs={**key.outputs, "policy": policy})


def _delete_key(bench: Workbench, key: Existing) -> None:
    """A key waits for its deletion, so that what it encrypted is not lost by mistake."""
    window = {"PendingWindowInDays": days} if (days := key.inputs.get("deletionWindowInDays")) else {}
    with absent_is_fine("NotFoundException", "KMSInvalidStateException"):
        bench.cloud.client("kms").schedule_key_deletion(KeyId=key.id, **window)


def _alias(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.take("name") or f"alias/{automatic_name(inputs.logical_name)}"
    key_id = inputs.need("targetKeyId")
    kms = bench.cloud.client("kms")
    kms.create_alias(AliasName=name, TargetKeyId=key_id)
    key_arn = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    return Made(id=name, outputs={"name": name, "arn": bench.arn("kms", name), "targetKeyArn": key_arn})


def _delete_alias(bench: Workbench, alias: Existing) -> None:
    with absent_is_fine("NotFoundException"):
        bench.cloud.client("kms").delete_alias(AliasName=alias.id)


TYPES: Mapping[str, ResourceType] = {
    "aws:iam/role:Role": ResourceType(create=_role, delete=_delete_role, taggable=True),
    "aws:iam/policy:Policy": ResourceType(
        create=_policy, delete=_delete_policy, update=_new_version, updatable=frozenset({"policy"}), taggable=True
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceType(create=_role_policy_attachment, delete=_detach),
    "aws:kms/key:Key": ResourceType(
        create=_key,
        delete=_delete_key,
        update=_new_key_policy,
        updatable=frozenset({"policy"}),
        taggable=True,
        aws_only={"deletionWindowInDays": "matters when the key is destroyed, and is read then"},
    ),
    "aws:kms/alias:Alias": ResourceType(create=_alias, delete=_delete_alias),
}
