"""Lint policy documents with parliament, in the scanners' environment.

Reads [{"resource", "document", "trust"}] and answers [{"resource", "findings": [{"id", "what"}]}], both as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import parliament

OVERRIDES = Path(parliament.__file__).parent / "community_auditors" / "config_override.yaml"
"""What the community's auditors are called; parliament's own command line reads it too."""


def lint(document: str, *, trust: bool) -> list[dict[str, Any]]:
    """Return what parliament says about one document."""
    # The community's auditors ask what a role may do. A trust policy gives credentials out, and is there to do so.
    found = parliament.analyze_policy_string(document, include_community_auditors=not trust).findings
    return [{"id": one.issue, "what": f"{parliament.enhance_finding(one).title}: {_details(one)}"} for one in found]


def _details(finding: Any) -> str:
    location = {name: value for name, value in finding.location.items() if name == "actions"}
    return json.dumps(finding.detail or location)


def main() -> None:
    """Answer one list of documents."""
    parliament.override_config(str(OVERRIDES))
    asked = json.load(sys.stdin)
    answers = [{"resource": one["resource"], "findings": lint(one["document"], trust=one["trust"])} for one in asked]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
