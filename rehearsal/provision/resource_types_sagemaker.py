"""The model package group: the one SageMaker resource that exists before the first model."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from rehearsal.provision.resource_types import Existing, Inputs, Made, ResourceType, Workbench, tag_list


def _model_package_group(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.need("modelPackageGroupName")
    arn = bench.cloud.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=name,
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"modelPackageGroupDescription": "ModelPackageGroupDescription"}),
    )["ModelPackageGroupArn"]
    return Made(id=name, outputs={"arn": arn})


def _delete_model_package_group(bench: Workbench, group: Existing) -> None:
    try:
        bench.cloud.client("sagemaker").delete_model_package_group(ModelPackageGroupName=group.id)
    except ClientError as error:
        # SageMaker has no code of its own for an absent group.
        if "does not exist" not in error.response["Error"]["Message"]:
            raise


TYPES: Mapping[str, ResourceType] = {
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": ResourceType(
        create=_model_package_group, delete=_delete_model_package_group, taggable=True
    ),
}
