"""Completion of the commands by the shell. The project is no installed package, so the script brings a name to type."""

import shlex
import sys
from typing import Any

import click
from click.shell_completion import get_completion_class

from ml.stack_file import PROJECT

SHELLS = ("bash", "zsh", "fish")
NAME = "ml"
"""What a person types once the script is read: `ml status` for `python -m ml status`."""

VARIABLE = "_ML_COMPLETE"
"""Environment variable by which the script asks for completions."""


def script(commands: click.Command, shell: str) -> str:
    """Return what a shell must read: a function for the commands, and click's own completion of it."""
    # This Python and this project, wherever the person stands.
    run = f"PYTHONPATH={shlex.quote(str(PROJECT))} {shlex.quote(sys.executable)} -m ml"
    completion: Any = get_completion_class(shell)
    made = str(completion(commands, {}, NAME, VARIABLE).source_template) % {
        "complete_func": f"_{NAME}_completion",
        "complete_var": VARIABLE,
        "prog_name": NAME,
    }
    # click expects a program on PATH of that name.
    for called in (f"{VARIABLE}={shell}_complete $1", f"{VARIABLE}={shell}_complete {NAME}"):
        made = made.replace(called, f"{VARIABLE}={shell}_complete {run}")
    made = made.replace(f"(commandline -t) {NAME})", f"(commandline -t) {run})")
    made = made.replace(f"(( ! $+commands[{NAME}] )) && return 1\n", "\n")
    function = f"function {NAME}; env {run} $argv; end" if shell == "fish" else f'{NAME}() {{ env {run} "$@"; }}'
    return f"{function}\n{made}"
