"""Everything that is in the account, asked of AWS's own lists: what a stack that was taken down has left behind."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rehearsal.account.cloud import Cloud

_AWS_OWN_ALIAS = "alias/aws/"
_PENDING = "PendingDeletion"


def inventory(cloud: Cloud) -> frozenset[str]:
    """Return one line, "kind name", for each thing in the account; a key that waits for its deletion is none."""
    found: set[str] = set()
    for kind, (service, names) in _KINDS.items():
        found |= {f"{kind} {name}" for name in names(cloud.client(service))}
    return frozenset(found)


def _listed(operation: str, key: str, name: str = "") -> Callable[[Any], Iterator[str]]:
    """Return how to list one kind of thing: every page's `key`, and of each entry its `name`, or the entry itself."""

    def _names(client: Any) -> Iterator[str]:
        pages = [getattr(client, operation)()]
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate()
        for page in pages:
            yield from (each[name] if name else each for each in page.get(key, []))

    return _names


def _keys(kms: Any) -> Iterator[str]:
    for key in _listed("list_keys", "Keys", "KeyId")(kms):
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != _PENDING:
            yield key


def _aliases(kms: Any) -> Iterator[str]:
    return (name for name in _listed("list_aliases", "Aliases", "AliasName")(kms) if _AWS_OWN_ALIAS not in name)


def _policies(iam: Any) -> Iterator[str]:
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        yield from (policy["PolicyName"] for policy in page["Policies"])


def _targets(events: Any) -> Iterator[str]:
    for rule in _listed("list_rules", "Rules", "Name")(events):
        yield from (f"{rule}/{target['Id']}" for target in events.list_targets_by_rule(Rule=rule)["Targets"])


_groups = _listed("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName")


def _versions(sagemaker: Any) -> Iterator[str]:
    for group in _listed("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName")(
        sagemaker
    ):
        for page in sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group):
            yield from (each["ModelPackageArn"] for each in page["ModelPackageSummaryList"])


def _scalable_targets(autoscaling: Any) -> Iterator[str]:
    for page in autoscaling.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="sagemaker"):
        yield from (target["ResourceId"] for target in page["ScalableTargets"])


_KINDS: Mapping[str, tuple[str, Callable[[Any], Iterator[str]]]] = {
    "alarm": ("cloudwatch", _listed("describe_alarms", "MetricAlarms", "AlarmName")),
    "alias": ("kms", _aliases),
    "approval rule template": ("codecommit", _listed("list_approval_rule_templates", "approvalRuleTemplateNames")),
    "bucket": ("s3", _listed("list_buckets", "Buckets", "Name")),
    "dashboard": ("cloudwatch", _listed("list_dashboards", "DashboardEntries", "DashboardName")),
    "endpoint": ("sagemaker", _listed("list_endpoints", "Endpoints", "EndpointName")),
    "endpoint configuration": (
        "sagemaker",
        _listed("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    ),
    "function": ("lambda", _listed("list_functions", "Functions", "FunctionName")),
    "key": ("kms", _keys),
    "log group": ("logs", _listed("describe_log_groups", "logGroups", "logGroupName")),
    "metric filter": ("logs", _listed("describe_metric_filters", "metricFilters", "filterName")),
    "model": ("sagemaker", _listed("list_models", "Models", "ModelName")),
    "model package": ("sagemaker", _versions),
    "model package group": ("sagemaker", _groups),
    "pipeline": ("codepipeline", _listed("list_pipelines", "pipelines", "name")),
    "policy": ("iam", _policies),
    "project": ("codebuild", _listed("list_projects", "projects")),
    "queue": ("sqs", _listed("list_queues", "QueueUrls")),
    "repository": ("codecommit", _listed("list_repositories", "repositories", "repositoryName")),
    "role": ("iam", _listed("list_roles", "Roles", "RoleName")),
    "rule": ("events", _listed("list_rules", "Rules", "Name")),
    "rule target": ("events", _targets),
    "scalable target": ("application-autoscaling", _scalable_targets),
    "subscription": ("sns", _listed("list_subscriptions", "Subscriptions", "SubscriptionArn")),
    "topic": ("sns", _listed("list_topics", "Topics", "TopicArn")),
    "trail": ("cloudtrail", _listed("list_trails", "Trails", "Name")),
}
