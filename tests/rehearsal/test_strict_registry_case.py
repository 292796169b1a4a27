import pytest
from botocore.exceptions import ClientError

GROUP = "ChurnPredictionModels"
PACKAGE_ARN_CASE = "lower"


def test_where_aws_writes_groups_in_lower_case_only_the_package_arn_changes(cloud):
    client = cloud.client("sagemaker")
    group = client.create_model_package_group(ModelPackageGroupName=GROUP)["ModelPackageGroupArn"]
    arn = client.create_model_package(ModelPackageGroupName=GROUP)["ModelPackageArn"]
    assert arn.endswith(":model-package/churnpredictionmodels/1")
    assert group.endswith(f":model-package-group/{GROUP}")
    package = client.describe_model_package(ModelPackageName=arn)
    assert (package["ModelPackageArn"], package["ModelPackageGroupName"]) == (arn, GROUP)


def test_a_role_then_needs_the_lower_case_spelling(cloud, roles, allow):
    prefix = f"arn:aws:sagemaker:us-east-1:{cloud.account}:model-package"
    on_group = f"{prefix}-group/{GROUP}"
    lower = roles.enter(allow("sagemaker:CreateModelPackage", [f"{prefix}/{GROUP.lower()}/*", on_group]))
    cloud.client("sagemaker", lower).create_model_package(ModelPackageGroupName=GROUP)
    kept = roles.enter(allow("sagemaker:CreateModelPackage", [f"{prefix}/{GROUP}/*", on_group]))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        cloud.client("sagemaker", kept).create_model_package(ModelPackageGroupName=GROUP)
