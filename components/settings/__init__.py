"""The choices of one stack: read from its configuration, typed, checked, and every problem reported at once."""

from components.settings.choices import CODECOMMIT, CODECONNECTIONS, EndpointSettings
from components.settings.section import Commands, Problem, SettingsError
from components.settings.silences import silences
from components.settings.stack import Settings

__all__ = [
    "CODECOMMIT",
    "CODECONNECTIONS",
    "Commands",
    "EndpointSettings",
    "Problem",
    "Settings",
    "SettingsError",
    "silences",
]
