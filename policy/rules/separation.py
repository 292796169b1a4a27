"""Separation of duties: who makes a model, who decides about it and who releases it are three."""

from .graph import Graph
from .iam import Role, Statement, roles
from .rule import Check, Checks, Rule, check
from .wiring import PIPELINE, deployers, function_roles, trainers

CREATE = "sagemaker:CreateModelPackage"
DECIDE = "sagemaker:UpdateModelPackage"
STATUS = "sagemaker:ModelApprovalStatus"
PENDING = "PendingManualApproval"
DECISIONS = frozenset({"Approved", "Rejected"})
RELEASING = (
    "sagemaker:CreateModel",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:CreateEndpoint",
    "sagemaker:UpdateEndpoint",
    "sagemaker:DeleteEndpoint",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
)
ONCE = "s3:if-none-match"
LEDGER = "/ledger/"
JOB_RESULTS = "/training/jobs/"
"""Written by SageMaker, without a condition; what the build takes from there it compares with the digests in it."""


def trainer_registers_undecided(graph: Graph) -> Checks:
    """Check the roles of the builds before the decision: they register versions, and only undecided ones."""
    for role in trainers(graph):
        yield check(role.resource, not role.may(DECIDE), f"may {DECIDE}; a build must not approve what it has made")
        for grant in role.grants(CREATE):
            only_pending = grant.accepted("StringEquals", STATUS) == (PENDING,)
            yield check(role.resource, only_pending, f"{grant.sid} allows {CREATE} with a status beside {PENDING}")


def trainer_releases_nothing(graph: Graph) -> Checks:
    """Check that the builds before the decision cannot put anything behind an endpoint."""
    for role in trainers(graph):
        released = [action for action in RELEASING if role.may(action)]
        yield check(role.resource, not released, f"may {', '.join(released)}; only the build after the decision may")


def only_functions_decide(graph: Graph) -> Checks:
    """Check every role: a decision comes from a function's role, and is Approved or Rejected, never a way back."""
    deciders = {role.resource.urn for role in function_roles(graph)}
    for role in roles(graph):
        if not role.may(DECIDE):
            yield check(role.resource, True, "")
            continue
        yield check(role.resource, role.resource.urn in deciders, f"may {DECIDE} and belongs to no function")
        for grant in role.grants(DECIDE):
            decided = set(grant.accepted("StringEquals", STATUS))
            holds = bool(decided) and decided <= DECISIONS
            yield check(role.resource, holds, f"{grant.sid} allows {DECIDE} to something else than {sorted(DECISIONS)}")


def deciders_make_nothing(graph: Graph) -> Checks:
    """Check that whoever decides can neither register versions nor write objects: not even their own evidence."""
    for role in roles(graph):
        if role.may(DECIDE):
            made = [action for action in (CREATE, "s3:PutObject") if role.may(action)]
            yield check(role.resource, not made, f"may {DECIDE} and {', '.join(made)}")


def deployer_reads_versions(graph: Graph) -> Checks:
    """Check that the builds after the decision cannot change what was decided."""
    changing = (CREATE, DECIDE, "sagemaker:DeleteModelPackage")
    for role in deployers(graph):
        may = [action for action in changing if role.may(action)]
        written = [one for grant in role.grants("s3:PutObject") for one in grant.resources]
        # Its own record of what served when is no evidence about a model.
        may += [f"s3:PutObject {one}" for one in written if LEDGER not in one]
        yield check(role.resource, not may, f"may {', '.join(may)}; the deploy build only reads what was decided")


def passed_roles_are_named(graph: Graph) -> Checks:
    """Check every right to pass a role: one role by its ARN, to one service."""
    for role in roles(graph):
        for grant in role.grants("iam:PassRole"):
            yield _passes_one(role, grant)


def _passes_one(role: Role, grant: Statement) -> Check:
    one = len(grant.resources) == 1 and "*" not in grant.resources[0]
    service = grant.accepted("StringEquals", "iam:PassedToService")
    problem = (
        f"{grant.sid} passes {list(grant.resources)} to {list(service)}; name one role and one iam:PassedToService"
    )
    return check(role.resource, one and len(service) == 1, problem)


def models_are_written_once(graph: Graph) -> Checks:
    """Check every right to write objects outside the pipeline's own bucket: only where no object lies yet."""
    stores = {
        f"arn:aws:s3:::{store.get('location')}/"
        for pipeline in graph.of(PIPELINE)
        for store in pipeline.props.get("artifactStores") or []
    }
    for role in roles(graph):
        for grant in role.grants("s3:PutObject"):
            elsewhere = [one for one in grant.resources if not any(one.startswith(store) for store in stores)]
            evidence = [one for one in elsewhere if JOB_RESULTS not in one]
            if evidence:
                once = grant.accepted("Null", ONCE) == ("false",)
                problem = (
                    f'{grant.sid} may overwrite {evidence[0]}; condition it with {{"Null": {{"{ONCE}": "false"}}}}'
                )
                yield check(role.resource, once, problem)


RULES = (
    Rule(
        name="trainer-registers-undecided",
        says="The train build registers versions as PendingManualApproval only, and never changes one.",
        checks=trainer_registers_undecided,
    ),
    Rule(
        name="trainer-releases-nothing",
        says="The train build cannot touch models, endpoint configurations or endpoints.",
        checks=trainer_releases_nothing,
    ),
    Rule(
        name="only-functions-decide",
        says="Only a function's role may decide about a version, and only with Approved or Rejected.",
        checks=only_functions_decide,
    ),
    Rule(
        name="deciders-make-nothing",
        says="No role may both decide about versions and make or store what is decided about.",
        checks=deciders_make_nothing,
    ),
    Rule(
        name="deployer-reads-versions",
        says="The deploy build reads versions and models, and changes neither.",
        checks=deployer_reads_versions,
    ),
    Rule(
        name="passed-roles-are-named",
        says="iam:PassRole names one role and the one service that it is passed to.",
        checks=passed_roles_are_named,
    ),
    Rule(
        name="models-are-written-once",
        says="A stored model or evaluation cannot be overwritten.",
        checks=models_are_written_once,
    ),
)
