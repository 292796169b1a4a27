"""Names, tags and secrets: each resource says whose it is, two stacks never meet, nothing secret is written down."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .graph import UNKNOWN, Graph, Resource, at
from .rule import Checks, Rule, check
from .wiring import PIPELINE


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """Where a type holds its physical name, and what AWS accepts as one."""

    prop: str
    pattern: str


_WORD = r"[A-Za-z0-9](-*[A-Za-z0-9])*"

NAMES: Mapping[str, NameRule] = MappingProxyType(
    {
        "cloudtrail/trail:Trail": NameRule(prop="name", pattern=r"[A-Za-z0-9][\w.-]{1,126}[A-Za-z0-9]"),
        "cloudwatch/dashboard:Dashboard": NameRule(prop="dashboardName", pattern=r"[\w-]{1,255}"),
        "cloudwatch/eventRule:EventRule": NameRule(prop="name", pattern=r"[\w.-]{1,64}"),
        "cloudwatch/logGroup:LogGroup": NameRule(prop="name", pattern=r"[\w./#-]{1,512}"),
        "cloudwatch/metricAlarm:MetricAlarm": NameRule(prop="name", pattern=r"[^\x00-\x1f]{1,255}"),
        "codebuild/project:Project": NameRule(prop="name", pattern=r"[A-Za-z0-9][\w-]{1,149}"),
        "codecommit/approvalRuleTemplate:ApprovalRuleTemplate": NameRule(prop="name", pattern=r"[^\x00-\x1f]{1,100}"),
        "codecommit/repository:Repository": NameRule(prop="repositoryName", pattern=r"[\w.-]{1,100}(?<!\.git)"),
        "codepipeline/pipeline:Pipeline": NameRule(prop="name", pattern=r"[\w.@-]{1,100}"),
        "iam/policy:Policy": NameRule(prop="name", pattern=r"[\w+=,.@-]{1,128}"),
        "iam/role:Role": NameRule(prop="name", pattern=r"[\w+=,.@-]{1,64}"),
        "kms/alias:Alias": NameRule(prop="name", pattern=r"alias/(?!aws/)[\w/-]{1,250}"),
        "lambda/function:Function": NameRule(prop="name", pattern=r"[\w-]{1,64}"),
        "s3/bucket:Bucket": NameRule(prop="bucket", pattern=r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        "sagemaker/modelPackageGroup:ModelPackageGroup": NameRule(
            prop="modelPackageGroupName", pattern=rf"(?=.{{1,63}}$){_WORD}"
        ),
        "sns/topic:Topic": NameRule(prop="name", pattern=r"[\w-]{1,256}"),
        "sqs/queue:Queue": NameRule(prop="name", pattern=r"[\w-]{1,80}"),
    }
)
"""Limits from the API models and user guides of the services. A bucket's name may hold dots, which break its TLS."""

PIPELINE_NAME = "mle-004-model-registry-pipeline"

SECRET_VALUES = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS access keys
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22,}"
    r"|xox[baprs]-[0-9A-Za-z-]{10,}"
    r"|://[^/\s:@]+:[^/\s:@]+@"  # a password in an address
)
SECRET_NAMES = re.compile(r"passw|secret|credential|api_?key|access_?key|private_?key|auth_?token", re.IGNORECASE)


def names_fit(graph: Graph) -> Checks:
    """Check every physical name against what AWS accepts."""
    for kind, rule in NAMES.items():
        for one in graph.of(kind):
            name = at(one.props, rule.prop)
            if name is not UNKNOWN:
                fits = isinstance(name, str) and re.fullmatch(rule.pattern, name, re.ASCII) is not None
                yield check(one, fits, f"{rule.prop} {name!r} is no name that AWS accepts for it")


def names_share_the_suffix(graph: Graph) -> Checks:
    """Check that every physical name holds the stack's suffix, which is what the pipeline's name ends in."""
    for pipeline in graph.of(PIPELINE):
        suffix = str(at(pipeline.props, "name")).removeprefix(PIPELINE_NAME)
        for kind, rule in NAMES.items():
            for one in graph.of(kind):
                name = at(one.props, rule.prop)
                if name is not UNKNOWN:
                    problem = f"{rule.prop} {name!r} is without the suffix {suffix!r}: another stack has the same"
                    yield check(one, suffix in str(name), problem)


def everything_is_tagged(graph: Graph) -> Checks:
    """Check that every resource is made by a provider that tags it with its project and its stack."""
    for one in graph.resources:
        if one.custom:
            tags = _default_tags(one)
            holds = tags.get("project") == one.project and tags.get("stack") == one.stack
            problem = f"is made by a provider whose default tags do not say project={one.project}, stack={one.stack}"
            yield check(one, holds, problem)


def _default_tags(one: Resource) -> Mapping[str, Any]:
    # A provider's own properties are texts on the wire, whatever they hold.
    declared = at(one.provider_props, "defaultTags")
    return at(json.loads(declared) if isinstance(declared, str) else declared, "tags") or {}


def nothing_secret_is_written_down(graph: Graph) -> Checks:
    """Check every text of every resource: it would lie in the state file, in plans and in consoles."""
    for one in graph.resources:
        if one.custom:
            found = sorted({path for path, text in _texts(one) if SECRET_VALUES.search(text)})
            yield check(one, not found, f"holds what looks like a secret at {', '.join(found)}")
            named = sorted({name for name, value in _variables(one) if value and SECRET_NAMES.search(name)})
            yield check(one, not named, f"holds {', '.join(named)} in the clear; refer to a secret store instead")


def _texts(one: Resource) -> Iterator[tuple[str, str]]:
    places: list[tuple[str, Any]] = list(one.props.items())
    while places:
        path, value = places.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, Mapping):
            places += [(f"{path}.{key}", item) for key, item in value.items()]
        elif isinstance(value, list):
            places += [(f"{path}[{index}]", item) for index, item in enumerate(value)]


def _variables(one: Resource) -> Iterator[tuple[str, Any]]:
    """Yield the environment variables of a build or a function that are written in the clear."""
    yield from (at(one.props, "environment", "variables") or {}).items()
    for variable in at(one.props, "environment", "environmentVariables") or []:
        if variable.get("type", "PLAINTEXT") == "PLAINTEXT":
            yield variable.get("name"), variable.get("value")


RULES = (
    Rule(
        name="names-fit",
        says="AWS accepts every physical name.",
        checks=names_fit,
    ),
    Rule(
        name="names-share-the-suffix",
        says="Every physical name holds the stack's suffix, so that two stacks share none.",
        checks=names_share_the_suffix,
    ),
    Rule(
        name="everything-is-tagged",
        says="Every resource carries the tags project and stack.",
        checks=everything_is_tagged,
    ),
    Rule(
        name="nothing-secret-is-written-down",
        says="No input of a resource is a secret in the clear.",
        checks=nothing_secret_is_written_down,
    ),
)
