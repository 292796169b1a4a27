"""EndpointLog: where the serving containers' output goes. It exists before the first endpoint does."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import Names


@dataclass(frozen=True, kw_only=True)
class EndpointLogArgs:
    """How long the output is kept, and the key that encrypts it."""

    names: Names
    retention_days: int
    key_arn: pulumi.Input[str]


class EndpointLog(pulumi.ComponentResource):
    """The endpoint's log group: left to SageMaker it would be unencrypted, kept for ever, and left behind."""

    def __init__(self, name: str, args: EndpointLogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mle004:components:EndpointLog", name, None, opts)
        aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.names.endpoint_log_group,
            retention_in_days=args.retention_days,
            kms_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
