"""Which process answers an invocation: an idle environment of the very same function, or a cold start."""

import threading
from http import HTTPStatus
from typing import Any

from rehearsal.account.cloud import AwsError, Cloud
from rehearsal.runtimes.execution_environment import ExecutionEnvironment, Function, FunctionResult
from rehearsal.runtimes.function_files import FunctionFiles

_MOST_IDLE = 2
"""Environments kept of a function. Lambda keeps as many as were ever busy at once, for some minutes."""


class ExecutionEnvironments:
    """Runs functions. Safe to use from any thread."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._files = FunctionFiles(cloud.work / "functions")
        self._lock = threading.Lock()
        self._busy: set[ExecutionEnvironment] = set()
        self._idle: dict[str, list[ExecutionEnvironment]] = {}
        self._closed = False

    def close(self) -> None:
        """Kill what runs or waits and start nothing more."""
        with self._lock:
            self._closed = True
            idle = [environment for known in self._idle.values() for environment in known]
            self._idle.clear()
            for environment in self._busy:
                environment.kill()
        _end(idle)

    def prepare(self, function: Function) -> None:
        """Start as many environments as are kept, before there is an event. Raises AwsError as `run` does.

        Lambda does so too, when it likes (developer guide, "Understanding the Lambda execution environment lifecycle":
        it "occasionally pre-initializes execution environments").
        """
        for _ in range(_MOST_IDLE):
            self._give_back(self._cold(function))

    def run(self, function: Function, event: Any) -> FunctionResult:
        """Invoke the function and wait. Raises AwsError when a cold start cannot assume the function's role."""
        environment = self._warm(function) or self._cold(function)
        try:
            return environment.invoke(event)
        finally:
            self._give_back(environment)

    def _warm(self, function: Function) -> ExecutionEnvironment | None:
        """Take the idle environment that was busy last. Those of the function as it was before are ended."""
        with self._lock:
            self._refuse_if_closed()
            known = self._idle.pop(function.name, [])
            fitting = [each for each in known if each.function == function and each.usable]
            others = [each for each in known if each not in fitting]
            taken = fitting.pop() if fitting else None
            self._idle[function.name] = fitting
            if taken:
                self._busy.add(taken)
        _end(others)
        return taken

    def _cold(self, function: Function) -> ExecutionEnvironment:
        environment = ExecutionEnvironment(self._cloud, function, self._files)
        with self._lock:
            self._refuse_if_closed()
            environment.start()
            self._busy.add(environment)
        return environment

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        with self._lock:
            self._busy.discard(environment)
            idle = self._idle.setdefault(environment.function.name, [])
            kept = environment.usable and not self._closed and len(idle) < _MOST_IDLE
            if kept:
                idle.append(environment)
        if not kept:
            environment.end()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise AwsError("ServiceException", "the account is closed", HTTPStatus.INTERNAL_SERVER_ERROR)


def _end(environments: list[ExecutionEnvironment]) -> None:
    for environment in environments:
        environment.end()
