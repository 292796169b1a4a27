"""The choices of one stack, typed. The only reader of pulumi.Config."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from components.settings import endpoint_section, rules, sections, training_section
from components.settings.choices import (
    AlarmSettings,
    ApprovalSettings,
    AuditSettings,
    EndpointSettings,
    GateSettings,
    SourceSettings,
    TrainingSettings,
)
from components.settings.section import Commands, Problem, Section, SettingsError
from ml import catalogue, contract

PROTECTED_STACK = "prod"
DEFAULT_REGION = "us-east-1"

PASSED_ON = ("region", "profile")
"""Keys of the aws namespace that reach the program's own provider; any other would silently be lost there."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every choice of one stack. `profile` is the credentials profile of `aws:profile`, None for the environment's."""

    project: str
    stack: str
    region: str
    profile: str | None
    name_suffix: str
    tags: Mapping[str, str]
    use_case: str
    model_package_group: str
    thresholds: Mapping[str, float]
    gate: GateSettings
    approval: ApprovalSettings
    source: SourceSettings
    training: TrainingSettings
    endpoint: EndpointSettings
    alarms: AlarmSettings
    audit: AuditSettings
    protect_data: bool

    @classmethod
    def from_config(cls) -> Self:
        """Read the running stack's configuration. Raises SettingsError."""
        project = pulumi.get_project()
        config = {name: pulumi.Config(name) for name in (project, "aws")}
        values: dict[str, Any] = {}
        # pulumi.Config answers questions about known keys only; misspelt ones show in these two maps.
        for key in {**get_config_env(), **CONFIG.get()}:
            namespace, _, name = key.partition(":")
            if namespace in config:
                values[name if namespace == project else key] = config[namespace].get(name)
        return cls.parse(values, stack=pulumi.get_stack(), project=project)

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, stack: str, project: str) -> Self:
        """Check `values` and return the choices. Raises SettingsError with every problem.

        Keys come without the project's name, those of the aws namespace with theirs; maps as such or as JSON text.
        """
        problems: list[Problem] = []
        root = Section(values, commands=Commands(stack=stack), problems=problems)
        use_case = root.read("useCase", rules.one_of(catalogue.USE_CASES), catalogue.DEFAULT_USE_CASE)
        known = catalogue.USE_CASES[use_case]
        settings = cls(
            project=project,
            stack=stack,
            region=root.read("aws:region", rules.text(r"[a-z]{2}(-[a-z]+)+-\d", "a region's name"), DEFAULT_REGION),
            profile=root.read("aws:profile", rules.text(r".+", "a profile's name"), None),
            name_suffix=sections.name_suffix(root, stack),
            tags=sections.tags(root.section("tags")),
            use_case=use_case,
            model_package_group=root.read("modelPackageGroup", sections.GROUP_NAME, "") or known.model_package_group,
            thresholds=sections.thresholds(root, use_case),
            gate=sections.gate(root.section("gate")),
            approval=sections.approval(root.section("approval")),
            source=sections.source(root.section("source")),
            training=training_section.training(root.section("training"), known.target_column),
            endpoint=endpoint_section.endpoint(root.section("endpoint")),
            alarms=sections.alarms(root.section("alarms")),
            audit=sections.audit(root.section("audit")),
            protect_data=root.read("protectData", rules.flag, stack == PROTECTED_STACK),
        )
        _refuse_bounds_that_nobody_knows(root, settings)
        _refuse_what_the_provider_loses(root)
        root.finish()
        if problems:
            raise SettingsError(problems, project=project, stack=stack)
        return settings

    @property
    def thresholds_text(self) -> str:
        """The thresholds as the processes that judge read them."""
        return json.dumps(dict(self.thresholds), sort_keys=True)

    @property
    def all_tags(self) -> Mapping[str, str]:
        """The tags of everything that the stack holds: the program's own, and those of the setting `tags`."""
        return {**self.tags, "project": self.project, "stack": self.stack, "use-case": self.use_case}


def _refuse_bounds_that_nobody_knows(root: Section, settings: Settings) -> None:
    """Report thresholds on metrics without an interval where intervals are judged: no model would ever pass."""
    if settings.gate.basis != contract.BOUND:
        return
    for name in sorted(settings.thresholds.keys() & catalogue.WITHOUT_INTERVAL):
        root.report(
            f"gate.basis = {contract.BOUND!r} judges intervals, and none is estimated for thresholds.{name}",
            root.commands.set("gate.basis", contract.POINT),
        )


def _refuse_what_the_provider_loses(root: Section) -> None:
    """Report keys of the aws namespace that only Pulumi's default provider reads; this program makes its own."""
    for key in root.unread("aws:"):
        better = "set tags instead" if key == "aws:defaultTags" else f"only {' and '.join(PASSED_ON)} do"
        root.report(f"{key} does not reach this program's provider; {better}", root.commands.rm(key, top_level=True))
