"""Our interpreter for code that stands for something on AWS: isolated from the caller's environment and modules."""

import sys
from pathlib import Path


def isolated(work: Path, *flags: str) -> list[str]:
    """Return the start of a command line: no variables, working directory or script directory reach sys.path.

    Bytecode goes where the caller's own goes, or below `work` when the caller wants none beside the packages.
    """
    bytecode = ["-X", f"pycache_prefix={work / 'bytecode'}"] if sys.dont_write_bytecode else []
    return [sys.executable, "-I", "-u", *bytecode, *flags]
