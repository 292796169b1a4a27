"""`python -m tests.snapshots`: write the snapshot of every stack file again."""

import sys

from tests.harness import ROOT, record
from tests.snapshots.snapshot import path_of, written


def main() -> None:
    """Write one file for each stack file, and say which have changed."""
    for stack in sorted(path.stem.removeprefix("Pulumi.") for path in ROOT.glob("Pulumi.*.yaml")):
        path, text = path_of(stack), written(record(stack))
        same = path.exists() and path.read_text(encoding="utf-8") == text
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {'as it was' if same else 'written'}\n")


if __name__ == "__main__":
    main()
