"""Every rule. Imports within are relative: to the engine this folder is `rules`, to the tests `policy.rules`."""

from . import data, identity, least_privilege, release, separation, watching
from .graph import Graph, Resource
from .rule import Check, Rule, policy_of

RULES = (
    *separation.RULES,
    *least_privilege.RULES,
    *release.RULES,
    *watching.RULES,
    *data.RULES,
    *identity.RULES,
)
POLICIES = tuple(policy_of(rule) for rule in RULES)

__all__ = ["POLICIES", "RULES", "Check", "Graph", "Resource", "Rule"]
