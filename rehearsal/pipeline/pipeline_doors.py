"""Who is inside each stage of each pipeline, and who waits before it."""

from rehearsal.pipeline.pipeline_records import Execution


class Doors:
    """The doors of all stages: at most one execution is inside, and at most one waits.

    Source: CodePipeline user guide, "How pipeline executions work", SUPERSEDED mode: a newer execution takes the
    place of the one that waits, never of the one inside.
    """

    def __init__(self) -> None:
        self._inside: dict[tuple[str, str], Execution] = {}
        self._waiting: dict[tuple[str, str], Execution] = {}

    def approach(self, execution: Execution, stage: str) -> Execution | None:
        """Go in if nobody is inside, else wait at the door; return whom that supersedes."""
        door = execution.pipeline, stage
        if door not in self._inside:
            self._inside[door] = execution
            return None
        superseded = self._waiting.get(door)
        self._waiting[door] = execution
        return superseded

    def leave(self, execution: Execution, stage: str) -> None:
        """Go out and let in who waits."""
        door = execution.pipeline, stage
        del self._inside[door]
        if (waiting := self._waiting.pop(door, None)) is not None:
            self._inside[door] = waiting

    def is_inside(self, execution: Execution, stage: str) -> bool:
        """Whether this execution holds the stage."""
        return self._inside.get((execution.pipeline, stage)) is execution
