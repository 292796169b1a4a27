"""Project file and stack files: every key that the settings read is declared, described, spelt out where it may be."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
import pytest
import yaml

from components.settings import Settings
from components.settings.section import Section
from tests.harness import ROOT

STACKS = sorted(path.stem.removeprefix("Pulumi.") for path in ROOT.glob("Pulumi.*.yaml"))
PROJECT_TEXT = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8")
PROJECT = yaml.safe_load(PROJECT_TEXT)
DECLARED: Mapping[str, Mapping[str, Any]] = PROJECT["config"]

TYPES = {"useCase": "string", "modelPackageGroup": "string"}
"""Declared keys that are no maps."""

OTHER_NAMESPACE = {"aws:region", "aws:profile"}
"""Pulumi takes a value for another namespace's key in a project file, but neither a type nor a default."""

BY_STACK = {"nameSuffix", "protectData"}
"""Keys whose default is the stack's: declared, they would need a default for all stacks, or a value in every one."""


def parse(values: Mapping[str, Any], stack: str = "dev") -> Settings:
    return Settings.parse(values, stack=stack, project=PROJECT["name"])


def keys_read(values: Mapping[str, Any], stack: str = "dev") -> dict[str, Any]:
    """Return the path of every key that Settings looks for, with its default beside these values.

    A map of somebody's own keys (thresholds, tags) stands for itself, as the empty map.
    """
    leaves: dict[str, Any] = {}
    maps: list[str] = []
    read, section = Section.read, Section.section

    def read_noted(self: Section, key: str, rule: Any, default: Any, *, example: object = None) -> Any:
        leaves[self.path(key)] = default
        return read(self, key, rule, default, example=example)

    def section_noted(self: Section, key: str) -> Section:
        maps.append(self.path(key))
        return section(self, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "read", read_noted)
        patch.setattr(Section, "section", section_noted)
        parse({key: value for key, value in values.items() if key not in ("thresholds", "tags")}, stack)
    return leaves | {path: {} for path in maps if not any(leaf.startswith(f"{path}.") for leaf in leaves)}


def heads(paths: Iterable[str]) -> set[str]:
    return {path.split(".")[0] for path in paths}


def stack_file(stack: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    return config


def spelt_out(config: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return `config` with the key at `path` set to `value`."""
    changed = copy.deepcopy(dict(config))
    *outer, last = path.split(".")
    node = changed
    for step in outer:
        node = node.setdefault(step, {})
    node[last] = value
    return changed


def holds(config: Mapping[str, Any], path: str) -> bool:
    node: Any = config
    for step in path.split("."):
        if step not in node:
            return False
        node = node[step]
    return True


def accepted(config: Mapping[str, Any], stack: str) -> bool:
    try:
        parse(config, stack)
    except pulumi.RunError:
        return False
    return True


def test_the_settings_read_what_these_tests_believe_they_do() -> None:
    keys = keys_read({})
    assert {"useCase", "thresholds", "tags", "gate.championMargin", "training.search.folds"} <= keys.keys()
    assert len(keys) > 35
    assert keys["thresholds"] == keys["tags"] == {}


# --- the project file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
def test_project_file_declares_every_key_with_the_default_that_the_program_has(stack: str) -> None:
    assert DECLARED.keys() == heads(keys_read({})) - OTHER_NAMESPACE - BY_STACK
    assert parse({key: value["default"] for key, value in DECLARED.items()}, stack) == parse({}, stack)


def test_a_declared_key_is_typed_and_described() -> None:
    for key, declared in DECLARED.items():
        assert declared.keys() == {"type", "description", "default"}, key
        assert declared["type"] == TYPES.get(key, "object"), key
        assert declared["description"].strip(), key


@pytest.mark.parametrize("key", [key for key in DECLARED if key not in TYPES])
def test_the_description_of_a_map_names_each_key_in_it(key: str) -> None:
    inner = {part for path in keys_read({}) for part in path.split(".")[1:] if path.startswith(f"{key}.")}
    said = DECLARED[key]["description"]
    assert [part for part in sorted(inner) if not re.search(rf"\b{part}\b", said)] == []


def test_a_key_that_is_not_declared_cannot_be_and_is_explained_in_a_comment() -> None:
    dev, prod = keys_read({}, "dev"), keys_read({}, "prod")
    assert {key for key in dev if dev[key] != prod[key]} == BY_STACK
    comments = "\n".join(line for line in PROJECT_TEXT.splitlines() if line.startswith("#"))
    assert [key for key in sorted(BY_STACK | OTHER_NAMESPACE) if not re.search(rf"\b{key}\b", comments)] == []


def test_the_template_introduces_itself_and_asks_for_known_keys_only() -> None:
    template = PROJECT["template"]
    assert template.keys() == {"displayName", "description", "quickstart", "config"}
    assert all(template[part].strip() for part in ("displayName", "description", "quickstart"))
    asked = template["config"]
    assert asked.keys() <= heads(keys_read({}))
    assert all(one["description"].strip() for one in asked.values())
    assert parse({key: one["default"] for key, one in asked.items()}) == parse({})


# --- the stack files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_spells_out_every_key_that_its_choices_allow(stack: str) -> None:
    config = stack_file(stack)
    assert accepted(config, stack)
    absent = {path: default for path, default in keys_read(config, stack).items() if not holds(config, path)}
    forgotten = [path for path, default in absent.items() if accepted(spelt_out(config, path, default), stack)]
    assert forgotten == []
    # What is refused beside a choice is there; a test that refuses everything would have nothing to say.
    assert "training.instanceType" in absent
    assert "endpoint.memoryMb" in absent


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_survives_another_project_name_and_the_first_config_set(stack: str) -> None:
    """`pulumi new` may rename the project: a key with the old name would be ignored without a word.

    `pulumi config set` writes each key anew, and the comment beside it is lost (Pulumi's own workspace loader).
    """
    assert {key for key in stack_file(stack) if ":" in key} <= OTHER_NAMESPACE
    lines = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()
    begins = lines.index("config:")
    assert all(line.startswith("#") for line in lines[:begins])
    assert [line for line in lines[begins:] if "#" in line] == []


def test_the_readmes_table_names_every_key() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("\n## Settings\n")[1].split("\n## ")[0]
    assert [key for key in keys_read({}) if f"`{key}`" not in table] == []
