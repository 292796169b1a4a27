"""What stands before the command: which stack, whose credentials, for a person or for a program."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from ml.entry import run
from ml.operate.aws import Aws, check_profile
from ml.operate.show import Answer, show
from ml.operate.speech import Speech
from ml.operate.stack import Found, Stack, find


@dataclass(frozen=True, kw_only=True)
class Options:
    """What stands before the command. `stack` and `outputs` are those that count, as `chosen` returns them."""

    stack: str | None
    outputs: Path | None
    profile: str | None
    speech: Speech

    def answer(self, command: Callable[[Aws, Stack], Answer]) -> None:
        """Run a command about a stack, show its answer and end with its exit status."""

        def _of_stack() -> Answer:
            found = self.found()
            stack = found.known()
            if found.problem:
                self.speech.say(f"{found.problem}. What follows goes by {found.source}, as it is now")
            return command(Aws(stack.region, self.profile), stack)

        self.end(_of_stack)

    def found(self) -> Found:
        """Find the stack. Raises InputError for a profile that there is not, and for outputs of no use."""
        check_profile(self.profile)
        return find(self.stack, self.outputs, self.profile)

    def end(self, answered: Callable[[], Answer]) -> None:
        """Show an answer and end with its exit status."""
        ended = 0

        def _shown() -> None:
            nonlocal ended
            answer = answered()
            show(answer, as_json=self.speech.as_json)
            ended = answer.exit_status
            if answer.error:
                self.speech.fail(answer.error, ended)

        raise SystemExit(run(_shown, tell=self.speech.fail) or ended)


def chosen(context: click.Context, stack: str | None, outputs: Path | None) -> tuple[str | None, Path | None]:
    """Return the stack and the outputs that count: what was typed, before what the environment says."""
    typed = {name: context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("stack", "outputs")}
    if typed["stack"] and not typed["outputs"]:
        return stack, None
    # A file in place of the CLI; the stack's name is then held against it only where a person typed both.
    return (stack if typed["stack"] or outputs is None else None), outputs
