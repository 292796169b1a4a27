"""ModelRegistry: the group that every version of the model is registered in."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import Names


@dataclass(frozen=True, kw_only=True)
class ModelRegistryArgs:
    """`protect` forbids deleting the group: it is the record of what was approved, and when."""

    names: Names
    protect: bool


class ModelRegistry(pulumi.ComponentResource):
    """A model package group. Its versions come from the train build, their approval from the approver."""

    group_name: pulumi.Output[str]

    def __init__(self, name: str, args: ModelRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:ModelRegistry", name, None, opts)
        group = aws.sagemaker.ModelPackageGroup(
            f"{name}-group",
            model_package_group_name=args.names.model_package_group,
            # The same whatever the stack trains: a group with another description is another group, of the same name.
            model_package_group_description=f"What {args.names.pipeline} trains",
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.group_name = group.model_package_group_name
        self.register_outputs({"group_name": self.group_name})
