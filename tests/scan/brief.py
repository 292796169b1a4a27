"""The baseline: what somebody has who follows the brief's guide to the letter, with nothing added.

Roles and policies are the brief's, word for word (tests/fixtures/brief/roles.json). What the guide leaves to the
console or to a script (the two buckets, the group, the endpoint) is bare, as those make it.
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.harness import ACCOUNT, REGION, ROOT, Recorded, Registered
from tests.scan.graph import as_planned
from tests.scan.plan import Planned

ROLES = ROOT / "tests/fixtures/brief/roles.json"
REPOSITORY = "model-registry-pipeline-repo"
FUNCTION = "mle-004-auto-approve-model"
RULE = "mle-004-model-registry-rule"
PIPELINE_BUCKET = f"codepipeline-{REGION}-{ACCOUNT}"
SAGEMAKER_BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"

SHORT_NAMES = {
    "CodePipeline-MLE-004-Role": "pipeline",
    "CodeBuildTrainRole": "train",
    "CodeBuildDeployRole": "deploy",
    "SageMaker-MLE-004-Role": "execution",
    "Lambda-AutoApprove-Role": "approval",
}


def brief() -> Recorded:
    """Return the graph of the guide's five roles and of steps 1 to 5, option B."""
    resources = [*_roles(), *_buckets(), *_builds(), _pipeline(), *_approval()]
    return Recorded(resources=tuple(sorted(resources, key=lambda one: one.urn)), duplicates=())


def brief_deployment() -> tuple[Planned, ...]:
    """Return what the script in the guide's buildspec-deploy.yml creates (section 6.3)."""
    package = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/ChurnPredictionModels/1"
    role = f"arn:aws:iam::{ACCOUNT}:role/SageMaker-MLE-004-Role"
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return (
        as_planned(
            "create_model",
            {"ModelName": "m", "ExecutionRoleArn": role, "PrimaryContainer": {"ModelPackageName": package}},
        ),
        as_planned("create_endpoint_config", {"EndpointConfigName": "c", "ProductionVariants": [variant]}),
        as_planned("create_endpoint", {"EndpointName": "e", "EndpointConfigName": "c"}),
    )


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:brief::mle-004::aws:{kind}::{name}"


def _made(kind: str, name: str, inputs: Mapping[str, Any], **uses: str) -> Registered:
    return Registered(
        urn=_urn(kind, name),
        type=f"aws:{kind}",
        name=name,
        custom=True,
        inputs=dict(inputs),
        parent="",
        protect=False,
        depends_on=frozenset(uses.values()),
        property_depends_on={prop: (urn,) for prop, urn in uses.items()},
    )


def _role_urn(short: str) -> str:
    return _urn("iam/role:Role", short)


def _role_arn(short: str) -> str:
    [name] = [name for name, word in SHORT_NAMES.items() if word == short]
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def _roles() -> list[Registered]:
    made = []
    for name, documents in json.loads(ROLES.read_text(encoding="utf-8")).items():
        short = SHORT_NAMES[name]
        trust = json.dumps(documents["trust"])
        made.append(_made("iam/role:Role", short, {"name": name, "assumeRolePolicy": trust}))
        uses = {"role": _role_urn(short)}
        arn = FULL_ACCESS
        if "policy" in documents:
            policy = {"name": f"{name}-policy", "policy": json.dumps(documents["policy"])}
            made.append(_made("iam/policy:Policy", short, policy))
            uses["policyArn"] = made[-1].urn
            arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}-policy"
        attachment = {"role": name, "policyArn": arn}
        made.append(_made("iam/rolePolicyAttachment:RolePolicyAttachment", short, attachment, **uses))
    return made


def _buckets() -> list[Registered]:
    return [
        _made("s3/bucket:Bucket", "artifacts", {"bucket": PIPELINE_BUCKET}),
        _made("s3/bucket:Bucket", "models", {"bucket": SAGEMAKER_BUCKET}),
    ]


def _builds() -> list[Registered]:
    repository = _made("codecommit/repository:Repository", "source", {"repositoryName": REPOSITORY})
    return [
        repository,
        *(_project(name, short) for name, short in (("train-model", "train"), ("deploy-model", "deploy"))),
    ]


def _project(name: str, short: str) -> Registered:
    image = "aws/codebuild/standard:5.0"
    inputs = {
        "name": name,
        "serviceRole": _role_arn(short),
        "source": {"type": "CODEPIPELINE", "buildspec": f"buildspec-{short}.yml"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL", "image": image},
    }
    return _made("codebuild/project:Project", short, inputs, serviceRole=_role_urn(short))


def _pipeline() -> Registered:
    source = {"RepositoryName": REPOSITORY, "BranchName": "main"}
    both = ["SourceArtifact", "BuildArtifact"]
    stages = [
        _stage("Source", "Source", "CodeCommit", source, outputs=both[:1]),
        _stage("Build", "Build", "CodeBuild", {"ProjectName": "train-model"}, inputs=both[:1], outputs=both[1:]),
        _stage("AutoApproval", "Invoke", "Lambda", {"FunctionName": FUNCTION}),
        _stage("Deploy", "Build", "CodeBuild", {"ProjectName": "deploy-model", "PrimarySource": both[0]}, inputs=both),
    ]
    inputs = {
        "name": "mle-004-model-registry-pipeline",
        "roleArn": _role_arn("pipeline"),
        "pipelineType": "V2",
        "executionMode": "SUPERSEDED",
        "artifactStores": [{"type": "S3", "location": PIPELINE_BUCKET}],
        "stages": stages,
    }
    return _made("codepipeline/pipeline:Pipeline", "release", inputs, roleArn=_role_urn("pipeline"))


def _stage(
    name: str,
    category: str,
    provider: str,
    configuration: Mapping[str, str],
    *,
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
) -> dict[str, Any]:
    action = {
        "name": name,
        "category": category,
        "owner": "AWS",
        "provider": provider,
        "version": "1",
        "configuration": dict(configuration),
        "inputArtifacts": inputs or [],
        "outputArtifacts": outputs or [],
    }
    return {"name": name, "actions": [action]}


def _approval() -> list[Registered]:
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": ["ChurnPredictionModels"],
            "ModelApprovalStatus": ["PendingManualApproval"],
        },
    }
    function = {
        "name": FUNCTION,
        "role": _role_arn("approval"),
        "runtime": "python3.11",
        "handler": "lambda_auto_approve.lambda_handler",
    }
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
    # The console adds the permission with the rule's ARN when it sets the target.
    permission = {
        "action": "lambda:InvokeFunction",
        "function": FUNCTION,
        "principal": "events.amazonaws.com",
        "sourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{RULE}",
    }
    function_urn = _urn("lambda/function:Function", "approval")
    rule_urn = _urn("cloudwatch/eventRule:EventRule", "registered")
    return [
        _made("lambda/function:Function", "approval", function, role=_role_urn("approval")),
        _made("cloudwatch/eventRule:EventRule", "registered", {"name": RULE, "eventPattern": json.dumps(pattern)}),
        _made("cloudwatch/eventTarget:EventTarget", "registered", {"rule": RULE, "arn": arn}, rule=rule_urn),
        _made("lambda/permission:Permission", "registered", permission, function=function_urn, sourceArn=rule_urn),
        _made(
            "sagemaker/modelPackageGroup:ModelPackageGroup",
            "models",
            {"modelPackageGroupName": "ChurnPredictionModels"},
        ),
    ]
