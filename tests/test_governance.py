"""docs/governance.md names only what exists: resources of the recorded program, tests, rules of the policy pack."""

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from policy.rules import RULES
from tests.harness import ROOT, Recorded
from tests.policy.configurations import CONFIGURATIONS
from tests.scan.report import STACKS

PAGE = (ROOT / "docs/governance.md").read_text(encoding="utf-8")
DOMAINS = (
    "Change Management",
    "Access Control",
    "Asset Management",
    "Secure Configuration",
    "Audit & Accountability",
)
"""The brief's five rows (section 1.2)."""

STANDARDS = re.compile(
    r"NIST (?P<nist>[A-Z]{2}-\d+(?:\(\d+\))?(?:, [A-Z]{2}-\d+(?:\(\d+\))?)*)"
    r" · ISO (?P<iso>A\.\d+\.\d+(?:, A\.\d+\.\d+)*)"
    r" · SOC 2 (?P<soc>CC\d\.\d(?:, CC\d\.\d)*)"
)
SCANNERS = ("checkov", "parliament", "our own policies")
RESOURCE = re.compile(r"`((?:aws|pulumi):[\w/:]+)` `([^`]+)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
RULE = re.compile(r"rule `([\w-]+)`")

Record = Callable[..., Recorded]


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> Iterator[list[str]]:
    for line in sections()[section].splitlines():
        if line.startswith("| ") and not line.startswith("| what holds |"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def claims() -> list[tuple[str, list[str]]]:
    return [(domain, row) for domain in DOMAINS for row in rows(domain)]


def named_tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.fixture(scope="module")
def known(recorded: Record) -> set[tuple[str, str]]:
    """Return every resource of both stack files, by type and by each name that it goes under."""
    keys = ("name", "bucket", "repositoryName", "modelPackageGroupName")
    resources = [one for stack in ("dev", "prod") for one in recorded(stack).resources]
    return {(one.type, str(name)) for one in resources for name in (one.name, *map(one.inputs.get, keys)) if name}


def test_the_briefs_five_rows_are_there_in_its_order() -> None:
    assert tuple(sections())[: len(DOMAINS)] == DOMAINS
    assert "What is not proven" in sections()


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_row_names_controls_of_all_three_standards(domain: str) -> None:
    [line] = [line for line in sections()[domain].splitlines() if line.startswith("NIST ")]
    assert STANDARDS.fullmatch(line), line


@pytest.mark.parametrize(
    ("domain", "row"), claims(), ids=lambda value: value if isinstance(value, str) else value[0][:60]
)
def test_every_claim_has_a_resource_and_a_proof(domain: str, row: list[str], known: set[tuple[str, str]]) -> None:
    _, resources, proofs = row
    found = RESOURCE.findall(resources)
    assert found, "names no resource"
    assert [one for one in found if one not in known] == []
    assert RESOURCE.sub("", resources).strip(" ,") == ""
    assert TEST.findall(proofs) or RULE.findall(proofs), "names no proof"
    assert RULE.sub("", TEST.sub("", proofs)).strip(" ,") == ""


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall(PAGE)
    assert len(named) > 40
    gone = [f"{path}::{name}" for path, name in named if not (ROOT / path).is_file()]
    assert gone == []
    gone = [f"{path}::{name}" for path, name in named if name and name not in named_tests(path)]
    assert gone == []


def test_every_rule_of_the_pack_is_named_and_no_other() -> None:
    named = set(RULE.findall(PAGE))
    assert named == {rule.name for rule in RULES}


def test_the_scanners_run_on_what_the_page_says() -> None:
    checkov, _, ours = (re.findall(r"`([a-z]+)`", row[2]) for row in rows("Scanners") if row[0] in SCANNERS)
    assert checkov == list(STACKS)
    assert [*checkov, *ours] == list(CONFIGURATIONS)
