"""What the endpoint serves now, and whether a release may take its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml import contract, endpoint, endpoint_config
from ml.endpoint_config import Release
from ml.errors import RoadError
from ml.registry import ModelPackageArn, parse_model_package_arn

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The configuration in service. `instances` is how many of them the endpoint is to have, 0 when serverless.

    `failure_reason` is what an update that failed has left behind, empty where none has.
    """

    config_name: str
    created: datetime
    config: Mapping[str, Any]
    model_package: ModelPackageArn | None
    instances: int
    failure_reason: str

    @property
    def variant(self) -> Mapping[str, Any]:
        """The configuration's first variant, as SageMaker describes it."""
        first: Mapping[str, Any] = self.config["ProductionVariants"][0]
        return first

    def equals(self, release: Release) -> bool:
        """Return whether the release would change nothing but the configuration's name."""
        return endpoint_config.same_variant(self.config, release)


def read(sagemaker: "SageMakerClient", found: Mapping[str, Any]) -> Serving:
    """Return what the endpoint that DescribeEndpoint has `found` serves.

    The package is None when its model was removed, or was made of something else.
    """
    name = found["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    # An endpoint that has just failed to scale may show no variant at all.
    running = (found.get("ProductionVariants") or [{}])[0]
    return Serving(
        config_name=name,
        created=config["CreationTime"],
        config=config,
        model_package=_package(sagemaker, str(config["ProductionVariants"][0]["ModelName"])),
        instances=running.get("DesiredInstanceCount", 0),
        failure_reason=found.get("FailureReason", ""),
    )


def _package(sagemaker: "SageMakerClient", model: str) -> ModelPackageArn | None:
    try:
        found: Mapping[str, Any] = sagemaker.describe_model(ModelName=model)
    except ClientError as error:
        if not endpoint.is_absent(error):
            raise
        return None
    container = (found.get("Containers") or [found.get("PrimaryContainer", {})])[0]
    arn = container.get("ModelPackageName")
    return parse_model_package_arn(arn) if arn else None


def check_may_replace(serving: Serving, release: Release) -> None:
    """Raise RoadError when `release` must not take the place of what serves; nothing has been changed by then."""
    plan = release.plan
    if ("ServerlessConfig" in serving.variant) != plan.serverless:
        # SageMaker turns no endpoint with instances into a serverless one, and one that was serverless cannot go back,
        # not even to take a bad model back (developer guide, "Deploy models with serverless inference").
        raise RoadError(
            f"endpoint {plan.name} cannot become {plan.kind} in place; nothing was deployed. Set endpoint.kind back, or"
            f" remove it: aws sagemaker delete-endpoint --endpoint-name {plan.name}, then retry the stage"
        )
    now, then = serving.model_package, release.model_package
    # Versions of another group say nothing about this one's age.
    if now and now.is_in_group(then.group) and now.version > then.version and not release.requested:
        raise RoadError(
            f"version {now.version} serves already and version {then.version} is older; nothing was deployed. To go"
            f" back to it on purpose, start the pipeline with {contract.PIPELINE_VARIABLE}={then.text}"
        )


def check_alarms(cloudwatch: "CloudWatchClient", release: Release) -> None:
    """Raise RoadError unless every alarm that guards the update exists and is silent.

    One that rings about what serves now would take back any update at once, a repair as well.
    """
    plan = release.plan
    if not plan.guarded:
        return
    found = cloudwatch.describe_alarms(AlarmNames=list(plan.alarms), AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if absent := sorted(set(plan.alarms) - {alarm["AlarmName"] for alarm in found}):
        raise RoadError(f"alarm {', '.join(absent)} does not exist; nothing was deployed. Run pulumi up")
    if ringing := sorted(alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"):
        raise RoadError(
            f"alarm {', '.join(ringing)} rings about what endpoint {plan.name} serves now; nothing was deployed."
            " Wait until it is silent and retry the stage, or, if this version is the repair, set"
            " endpoint.bakeSeconds to 0, which updates without alarms"
        )
