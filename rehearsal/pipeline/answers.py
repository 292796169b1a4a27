"""Questions that a pipeline action leaves with somebody else: a person's approval, a function's job result."""

import threading
import uuid
from collections.abc import Mapping
from typing import Any


class UnknownQuestionError(Exception):
    """Nobody asked under this id."""


class AnsweredError(Exception):
    """The question was answered before, or nobody waits for the answer any more."""


class AnswerDesk:
    """Open questions by id. Asked and awaited by actions, answered by API calls, from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[str] = set()
        self._answers: dict[str, Mapping[str, Any] | None] = {}

    def ask(self) -> str:
        """Open a question and return its id."""
        question = str(uuid.uuid4())
        with self._changed:
            self._open.add(question)
        return question

    def answer(self, question: str, answer: Mapping[str, Any]) -> None:
        """Answer once. Raises UnknownQuestionError or AnsweredError."""
        with self._changed:
            self._refuse_closed(question)
            self._close(question, answer)

    def expire(self, question: str) -> None:
        """Let the time for an answer be over. Raises UnknownQuestionError or AnsweredError."""
        with self._changed:
            self._refuse_closed(question)
            self._close(question, None)

    def wait(self, question: str, timeout_seconds: float) -> Mapping[str, Any] | None:
        """Return the answer, or None when none came in time; later ones are then refused."""
        with self._changed:
            self._changed.wait_for(lambda: question in self._answers, timeout_seconds)
            if question not in self._answers:
                self._close(question, None)
            return self._answers[question]

    def _refuse_closed(self, question: str) -> None:
        if question in self._answers:
            raise AnsweredError(question)
        if question not in self._open:
            raise UnknownQuestionError(question)

    def _close(self, question: str, answer: Mapping[str, Any] | None) -> None:
        self._open.discard(question)
        self._answers[question] = answer
        self._changed.notify_all()
