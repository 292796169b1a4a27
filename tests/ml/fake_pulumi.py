"""A Pulumi CLI that answers as it is told, for PATH."""

import shlex
from pathlib import Path


class FakePulumi:
    """A folder with an executable `pulumi` in it, which also writes down its arguments and where it was run."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "only-pulumi"
        self.folder.mkdir()
        self._log = work / "asked"

    def answer(self, script: str) -> None:
        """Answer every call by running `script` in a shell, which has its own commands only."""
        program = self.folder / "pulumi"
        log = shlex.quote(str(self._log))
        program.write_text(f'#!/bin/sh\necho "$PWD: $*" >> {log}\n{script}\n')
        program.chmod(0o755)

    def remove(self) -> None:
        """Have no such command."""
        (self.folder / "pulumi").unlink()

    @property
    def asked(self) -> list[str]:
        """Folder and arguments of each call."""
        return self._log.read_text().splitlines() if self._log.exists() else []
