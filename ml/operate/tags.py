"""What carries the stack's own tags among the things that a release makes, as AWS's index of tags tells.

`sagemaker:ListTags` and `tag:GetResources` are needed for it. Without them names alone say whose a thing is.
"""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ml import endpoint
from ml.gate import one_line
from ml.operate.aws import Aws
from ml.operate.stack import Stack

OWN_TAGS = ("project", "stack")
"""Together they mean one stack: the program gives them to all that it makes and hands them to the deploy step."""

KINDS = {"endpoint": "endpoint", "endpoint-config": "endpoint configuration", "model": "model"}
"""The word in an ARN, which is also the API's word for the type -> ours."""


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """What has the stack's tags, as (kind, name). `unknown` says why nobody knows, and is empty where one does.

    AWS's index follows a change after a while: what was just made may be absent, and what just went still there.
    """

    things: frozenset[tuple[str, str]] = frozenset()
    unknown: str = ""

    def holds(self, kind: str, name: str) -> bool:
        """Return whether this thing has the tags, in whichever case its ARN spells its name."""
        return (kind, name.lower()) in {(each, spelt.lower()) for each, spelt in self.things}


def tagged(aws: Aws, stack: Stack) -> Tagged:
    """Return what carries the tags of this stack, which are those of its model package group."""
    try:
        own = _own_tags(aws, stack)
        if not all(own.get(key) for key in OWN_TAGS):
            return Tagged(unknown=f"{stack.model_package_group} has no tags {' and '.join(OWN_TAGS)}")
        filters = [{"Key": key, "Values": [own[key]]} for key in OWN_TAGS]
        pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
        found = pages.paginate(TagFilters=filters, ResourceTypeFilters=[f"sagemaker:{kind}" for kind in KINDS])
        arns = [each["ResourceARN"] for page in found for each in page["ResourceTagMappingList"]]
    except (ClientError, BotoCoreError) as error:
        return Tagged(unknown=one_line(str(error), 200))
    return Tagged(things=frozenset(_thing(arn) for arn in arns))


def exists(sagemaker: Any, kind: str, name: str) -> bool:
    """Return whether the thing is there: the index may still name what has gone."""
    asked = {
        "endpoint": lambda: sagemaker.describe_endpoint(EndpointName=name),
        "endpoint configuration": lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name),
        "model": lambda: sagemaker.describe_model(ModelName=name),
    }
    try:
        asked[kind]()
    except ClientError as error:
        if not endpoint.is_absent(error):
            raise
        return False
    return True


def _own_tags(aws: Aws, stack: Stack) -> dict[str, str]:
    sagemaker = aws.client("sagemaker")
    group = sagemaker.describe_model_package_group(ModelPackageGroupName=stack.model_package_group)
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=group["ModelPackageGroupArn"])
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _thing(arn: str) -> tuple[str, str]:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    return KINDS[kind], name
