"""The findings that this project lives with: each with a reason, an owner and an end."""

import datetime
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.scan.finding import Finding

SHORTEST_REASON = 30
"""Characters. Less than that explains nothing."""
LONGEST_DAYS = 400
"""A waiver is looked at again every year."""


class WaiverError(Exception):
    """The list of waivers says something that it must not; one line for each problem."""


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One waiver. `resource` is a pattern of "<stack>/<address>", with * and ? as in file names."""

    tool: str
    id: str
    resource: str
    reason: str
    owner: str
    expires: datetime.date

    def covers(self, finding: Finding) -> bool:
        """Whether it waives this finding."""
        same = (self.tool, self.id) == (finding.tool, finding.id)
        return same and fnmatchcase(finding.resource, self.resource)


def load(path: Path, today: datetime.date) -> list[Waiver]:
    """Return the waivers of a TOML file. Raises WaiverError that names every incomplete, expired or endless one."""
    declared = tomllib.loads(path.read_text(encoding="utf-8")).get("waiver", [])
    problems = [problem for number, one in enumerate(declared, 1) for problem in _problems(number, one, today)]
    if problems:
        raise WaiverError("\n".join(problems))
    return [Waiver(**one) for one in declared]


def waived(findings: Iterable[Finding], waivers: Sequence[Waiver]) -> list[Finding]:
    """Return the findings that a waiver covers."""
    return [finding for finding in findings if any(waiver.covers(finding) for waiver in waivers)]


def unused(findings: Sequence[Finding], waivers: Sequence[Waiver]) -> list[Waiver]:
    """Return the waivers that cover none of the findings."""
    return [waiver for waiver in waivers if not any(waiver.covers(finding) for finding in findings)]


def _problems(number: int, one: dict[str, Any], today: datetime.date) -> list[str]:
    names = {field.name for field in fields(Waiver)}
    label = f"waiver {number} ({one.get('id', 'no id')})"
    wrong = [f"{label} has no {name}" for name in sorted(names - set(one))]
    wrong += [f"{label} says {name}, which means nothing" for name in sorted(set(one) - names)]
    wrong += [f"{label}: {name} is empty" for name in sorted(names & set(one)) if one[name] == ""]
    if len(str(one.get("reason", ""))) < SHORTEST_REASON:
        wrong.append(f"{label}: the reason is shorter than {SHORTEST_REASON} characters")
    expires = one.get("expires")
    if type(expires) is not datetime.date:
        wrong.append(f"{label}: expires is no date; write it as 2027-01-31, without quotes")
    elif expires < today:
        wrong.append(f"{label} expired on {expires}. Cure the finding, or decide anew and move the date")
    elif (expires - today).days > LONGEST_DAYS:
        wrong.append(f"{label} runs until {expires}: {LONGEST_DAYS} days are the most")
    return wrong
