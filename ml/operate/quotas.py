"""What a release and a training need of the account's quotas. What others use of them is not known.

Quotas are found by their names in the list of Service Quotas, because each instance type has a code of its own. The
names are those that AWS's own refusals use, and that others have published; no API model has them.
"""

from collections.abc import Iterator, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from ml import contract
from ml.operate.aws import Aws
from ml.operate.check import Check, open_question, wrong
from ml.operate.stack import Stack

SERVERLESS_QUOTA = "Maximum total concurrency that can be allocated across all serverless endpoints"
_BUILD_QUOTA = {
    "BUILD_GENERAL1_SMALL": "Concurrently running builds for Linux/Small environment",
    "BUILD_GENERAL1_MEDIUM": "Concurrently running builds for Linux/Medium environment",
    "BUILD_GENERAL1_LARGE": "Concurrently running builds for Linux/Large environment",
}


def quotas(aws: Aws, stack: Stack) -> Iterator[Check]:
    """Compare what the stack needs with what Service Quotas tells of each service."""
    for service, needs in needed(stack).items():
        listed = _listed(aws, service) if needs else {}
        for quota, count in needs.items():
            if isinstance(listed, str):
                yield _untold(quota, count, listed)
            else:
                yield _compared(service, quota, count, listed)


def needed(stack: Stack) -> Mapping[str, Mapping[str, int]]:
    """Return service -> quota -> how much of it the stack needs at once, at most."""
    sagemaker, codebuild = {}, {}
    if stack.endpoint["kind"] == contract.REALTIME:
        # A blue/green update runs the new fleet beside the old one.
        sagemaker[f"{stack.endpoint['instance_type']} for endpoint usage"] = 2 * stack.endpoint["max_instance_count"]
    else:
        # Whether an update counts the old and the new variant together is not known.
        sagemaker[SERVERLESS_QUOTA] = stack.endpoint["max_concurrency"]
    if stack.training["engine"] == contract.SAGEMAKER_ENGINE:
        search = stack.training["search"]
        jobs = search["parallel_jobs"] if search["trials"] else 1
        sagemaker[f"{stack.training['instance_type']} for training job usage"] = jobs
    builds = _BUILD_QUOTA.get(stack.training["compute_type"])
    if builds:
        codebuild[builds] = 1
    return {"sagemaker": sagemaker, "codebuild": codebuild}


def _listed(aws: Aws, service: str) -> Mapping[str, float] | str:
    """Return the value of each of a service's quotas, or why Service Quotas does not tell them."""
    try:
        pages = aws.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode=service)
        return {each["QuotaName"]: float(each["Value"]) for page in pages for each in page["Quotas"]}
    except ClientError as error:
        return f"Service Quotas says {error.response['Error'].get('Code')}"
    except BotoCoreError as error:
        return f"Service Quotas cannot be asked: {type(error).__name__}"


def _untold(quota: str, count: int, why: str) -> Check:
    return open_question(f"quota {quota}", why, f"compare it in the Service Quotas console: {count} are needed")


def _compared(service: str, quota: str, count: int, listed: Mapping[str, float]) -> Check:
    if quota not in listed:
        return _untold(quota, count, "not in the list of Service Quotas")
    if listed[quota] < count:
        repair = f"ask for {count} or more in the Service Quotas console ({service}: {quota})"
        return wrong(f"quota {quota}", f"{listed[quota]:g}, and {count} are needed", repair)
    found = f"{listed[quota]:g} for the account; {count} are needed, what others use is not known"
    return Check(name=f"quota {quota}", found=found)
