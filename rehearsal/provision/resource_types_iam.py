"""IAM roles and policies, KMS keys and aliases."""

from collections.abc import Mapping

from rehearsal.provision.resource_types import Inputs, Made, ResourceType, Workbench, automatic_name, tag_list


def _role(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    role = bench.cloud.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=inputs.need("assumeRolePolicy"),
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"description": "Description", "maxSessionDuration": "MaxSessionDuration", "path": "Path"}),
    )["Role"]
    return Made(id=name, outputs={"name": name, "arn": role["Arn"], "uniqueId": role["RoleId"]})


def _policy(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.name()
    policy = bench.cloud.client("iam").create_policy(
        PolicyName=name,
        PolicyDocument=inputs.need("policy"),
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"description": "Description", "path": "Path"}),
    )["Policy"]
    return Made(id=policy["Arn"], outputs={"name": name, "arn": policy["Arn"], "policyId": policy["PolicyId"]})


def _role_policy_attachment(bench: Workbench, inputs: Inputs) -> Made:
    role, policy_arn = inputs.need("role"), inputs.need("policyArn")
    bench.cloud.client("iam").attach_role_policy(RoleName=role, PolicyArn=policy_arn)
    return Made(id=f"{role}/{policy_arn}")


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


def _alias(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.take("name") or f"alias/{automatic_name(inputs.logical_name)}"
    key_id = inputs.need("targetKeyId")
    kms = bench.cloud.client("kms")
    kms.create_alias(AliasName=name, TargetKeyId=key_id)
    key_arn = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    return Made(id=name, outputs={"name": name, "arn": bench.arn("kms", name), "targetKeyArn": key_arn})


TYPES: Mapping[str, ResourceType] = {
    "aws:iam/role:Role": ResourceType(create=_role),
    "aws:iam/policy:Policy": ResourceType(create=_policy),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceType(create=_role_policy_attachment),
    "aws:kms/key:Key": ResourceType(
        create=_key, aws_only={"deletionWindowInDays": "matters when the key is destroyed"}
    ),
    "aws:kms/alias:Alias": ResourceType(create=_alias),
}
