"""The model package group: the one SageMaker resource that exists before the first model."""

from collections.abc import Mapping

from rehearsal.provision.resource_types import Inputs, Made, ResourceType, Workbench, tag_list


def _model_package_group(bench: Workbench, inputs: Inputs) -> Made:
    name = inputs.need("modelPackageGroupName")
    arn = bench.cloud.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=name,
        Tags=tag_list(inputs.take("tags")),
        **inputs.renamed({"modelPackageGroupDescription": "ModelPackageGroupDescription"}),
    )["ModelPackageGroupArn"]
    return Made(id=name, outputs={"arn": arn})


TYPES: Mapping[str, ResourceType] = {
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": ResourceType(create=_model_package_group),
}
