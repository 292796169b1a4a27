"""Least privilege: grants are exact, trust is bound to this account, and what cannot be exact has evidence."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .graph import Graph
from .iam import IDENTITY_POLICIES, RESOURCE_POLICIES, Statement, names_account, roles, statements_in
from .rule import Check, Checks, Rule, check

WITHOUT_RESOURCE = frozenset(
    {
        "cloudwatch:putmetricdata",
        "codepipeline:putjobfailureresult",
        "codepipeline:putjobsuccessresult",
        "ecr:getauthorizationtoken",
        "sagemaker:listendpointconfigs",
        "sagemaker:listmodels",
        "xray:puttelemetryrecords",
        "xray:puttracesegments",
    }
)
"""Actions without a resource type in the service authorization reference, in lower case: only `*` works for them."""

CONDITIONED: Mapping[str, str] = MappingProxyType(
    {
        "application-autoscaling:deregisterscalabletarget": "application-autoscaling:service-namespace",
        "application-autoscaling:putscalingpolicy": "application-autoscaling:service-namespace",
        "application-autoscaling:registerscalabletarget": "application-autoscaling:service-namespace",
    }
)
"""Actions on things whose ARN AWS makes up when they come to be -> the condition key that narrows `*` instead."""

JOBS_LOG = "/aws/sagemaker/TrainingJobs"

WITHOUT_REGION = frozenset({"iam", "s3"})
"""Services whose ARNs hold no region."""
WITHOUT_ACCOUNT = frozenset({"s3"})

WITHOUT_SOURCE = frozenset({"cloudtrail.amazonaws.com", "lambda.amazonaws.com"})
"""Services that do not say for whom they assume a role: CloudTrail's user guide says so of its log role, and no page of
Lambda's says that it sends aws:SourceAccount."""


def grants_are_exact(graph: Graph) -> Checks:
    """Check every identity policy: whole actions, and `*` as a resource only where the action knows no other."""
    for one in statements_in(graph, *IDENTITY_POLICIES):
        if not one.allows:
            continue
        loose = [action for action in one.actions if "*" in action or "?" in action]
        yield check(one.holder, not loose, f"{one.sid} allows {', '.join(loose)}; name each action")
        if "*" in one.resources:
            unproven = sorted(action for action in one.actions if not _needs_star(action, one))
            yield check(one.holder, not unproven, f"{one.sid} allows {', '.join(unproven)} on every resource")


def resource_policies_are_bound(graph: Graph) -> Checks:
    """Check every resource's own policy: no grant to everybody, and a service acts for this account only."""
    for one in statements_in(graph, *RESOURCE_POLICIES):
        if not one.allows:
            continue
        yield check(one.holder, not one.everybody, f"{one.sid} allows everybody")
        if one.services:
            problem = (
                f"{one.sid} lets {', '.join(one.services)} act for any account; condition it with aws:SourceAccount"
            )
            yield check(one.holder, _names_account(one), problem)
        if "*" in one.resources:
            of_itself = one.holder.type == "aws:kms/key:Key"
            yield check(
                one.holder, of_itself, f"{one.sid} names every resource; only a key's policy means itself by it"
            )


def functions_are_called_by_known_callers(graph: Graph) -> Checks:
    """Check every permission to call a function: it names the caller's ARN and account."""
    for one in graph.of("lambda/permission:Permission"):
        known = all(one.props.get(prop) for prop in ("sourceArn", "sourceAccount"))
        yield check(one, known, "names no sourceArn and sourceAccount, so any account's resource may call")


def roles_trust_one_service(graph: Graph) -> Checks:
    """Check who may assume each role: one service, and for this account where the service says for whom it acts."""
    for role in roles(graph):
        for one in role.trust:
            alone = len(one.services) == 1 and not one.everybody
            yield check(role.resource, alone, f"trusts {list(one.services) or 'somebody else'}; one service is enough")
            if not set(one.services) <= WITHOUT_SOURCE:
                problem = "may be assumed on behalf of another account; condition the trust with aws:SourceAccount"
                yield check(role.resource, _names_account(one), problem)


def no_foreign_policies(graph: Graph) -> Checks:
    """Check that every right of a role is written in this program."""
    for role in roles(graph):
        foreign = ", ".join(role.foreign_policies)
        yield check(role.resource, not foreign, f"gets rights from {foreign}, which AWS may widen any day")


def arns_are_whole(graph: Graph) -> Checks:
    """Check every resource that a grant names: account and region are written out."""
    for one in statements_in(graph, *IDENTITY_POLICIES):
        if one.allows:
            yield from _whole(one, (arn for arn in one.resources if arn != "*"))


def groups_in_both_spellings(graph: Graph) -> Checks:
    """Check every statement about versions of a group: SageMaker has been seen to lower-case the group in its ARNs."""
    for one in statements_in(graph, *IDENTITY_POLICIES):
        for arn in one.resources:
            head, found, rest = arn.partition(":model-package")
            if found:
                other = f"{head}{found}{rest.lower()}"
                yield check(one.holder, other in one.resources, f"{one.sid} names {arn} but not {other}")


def log_groups_come_first(graph: Graph) -> Checks:
    """Check that no role makes log groups: such a group is unencrypted, kept for ever and left behind.

    That of training jobs is the whole account's, under a name of SageMaker's: no stack can declare it.
    """
    for role in roles(graph):
        made = {arn for grant in role.grants("logs:CreateLogGroup") for arn in grant.resources}
        own = [arn for arn in made if not arn.endswith(f":log-group:{JOBS_LOG}:*")]
        yield check(role.resource, not own, "may logs:CreateLogGroup; declare the group")


def _needs_star(action: str, one: Statement) -> bool:
    if action in WITHOUT_RESOURCE:
        return True
    return action in CONDITIONED and bool(one.accepted("StringEquals", CONDITIONED[action]))


def _whole(one: Statement, arns: Iterable[str]) -> Iterable[Check]:
    for arn in arns:
        _, _, service, region, account, *_ = [*arn.split(":", 5), "", "", "", "", ""]
        placed = service in WITHOUT_REGION or region not in ("", "*")
        owned = service in WITHOUT_ACCOUNT or names_account(account)
        yield check(one.holder, placed and owned, f"{one.sid} names {arn}: write the region and the account out")


def _names_account(one: Statement) -> bool:
    values = (value for keys in one.condition.values() for value in keys.values())
    return any(names_account(str(value)) for value in values)


RULES = (
    Rule(
        name="grants-are-exact",
        says="A grant names whole actions, and every resource only for actions that know no resource.",
        checks=grants_are_exact,
    ),
    Rule(
        name="resource-policies-are-bound",
        says="A resource's policy allows nobody at large, and services for this account only.",
        checks=resource_policies_are_bound,
    ),
    Rule(
        name="callers-are-known",
        says="Whoever may call a function is named by ARN and account.",
        checks=functions_are_called_by_known_callers,
    ),
    Rule(
        name="roles-trust-one-service",
        says="A role trusts one service, acting for this account.",
        checks=roles_trust_one_service,
    ),
    Rule(
        name="no-foreign-policies",
        says="Roles have no rights that are written outside this program.",
        checks=no_foreign_policies,
    ),
    Rule(
        name="arns-are-whole",
        says="A grant's resources name their region and account.",
        checks=arns_are_whole,
    ),
    Rule(
        name="groups-in-both-spellings",
        says="A statement about a model package group names it as written and in lower case.",
        checks=groups_in_both_spellings,
    ),
    Rule(
        name="log-groups-come-first",
        says="No role may create log groups.",
        checks=log_groups_come_first,
    ),
)
