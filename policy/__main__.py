"""Serve the rules to Pulumi's engine. Starting the pack never returns, so the rules themselves live in `rules`."""

from pulumi_policy import EnforcementLevel, PolicyPack

# The engine runs this file with its own folder, not the repository, as the first place to import from.
from rules import POLICIES  # type: ignore[import-not-found]

PolicyPack(name="mle-004", enforcement_level=EnforcementLevel.MANDATORY, policies=list(POLICIES))
