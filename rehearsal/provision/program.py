"""Run the Pulumi program of a directory without an engine: whoever plays the cloud is handed in as Pulumi mocks."""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import settings
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor, Mocks, set_mocks
from pulumi.runtime.stack import Stack, run_pulumi_func

PROGRAM_FILE = "__main__.py"


def run_program(  # noqa: PLR0913 - one run is described by no fewer
    directory: Path,
    mocks: Mocks,
    *,
    project: str,
    stack: str,
    config: Mapping[str, str],
    preview: bool = False,
    monitor: MockMonitor | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run `directory`/__main__.py as one stack, and return what it exports; what is unknown in a preview is None.

    `config` has full keys ("project:key") and text values, as `ml.stack_file` returns them. `tell` gets what the
    program warns of; without it Python's root logger does. Whatever the program or the mocks raise comes through.
    Nothing of the run stays behind: the next one starts afresh.
    """

    async def _run() -> dict[str, Any]:
        # Not part of what set_mocks renews: the outputs that a run still waits for.
        settings.SETTINGS.outputs = set()
        logger = _Logger(tell) if tell else None
        set_mocks(mocks, project=project, stack=stack, preview=preview, logger=logger, monitor=monitor)
        set_all_config(dict(config))
        await run_pulumi_func(lambda: _execute(directory.resolve()))
        return await _exports()

    # The runtime's settings, configuration and root resource are context variables; a copy of the context is thrown
    # away with everything in it. The root resource binds itself to the loop that runs, hence one loop for each run.
    with _event_loop() as loop:
        return contextvars.copy_context().run(loop.run_until_complete, _run())


class _Logger(logging.Logger):
    """The engine's display of diagnostics: warnings and errors are told, whatever else a process logs and where."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__("program", logging.WARNING)
        self._tell = tell

    def handle(self, record: logging.LogRecord) -> None:
        """Tell it."""
        self._tell(record.getMessage())


def _execute(directory: Path) -> None:
    # A program finds the modules beside it, as under `python __main__.py`.
    sys.path.insert(0, str(directory))
    try:
        runpy.run_path(str(directory / PROGRAM_FILE), run_name="__main__")
    finally:
        sys.path.remove(str(directory))


async def _exports() -> dict[str, Any]:
    root = settings.get_root_resource()
    outputs = root.outputs if isinstance(root, Stack) else {}
    return {name: await pulumi.Output.from_input(value).future() for name, value in outputs.items()}


@contextlib.contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    # Pulumi asks for a loop in each worker thread too, makes one where there is none, and closes none of them.
    worker_loops: list[asyncio.AbstractEventLoop] = []

    def _start_worker() -> None:
        worker_loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(worker_loops[-1])

    workers = concurrent.futures.ThreadPoolExecutor(initializer=_start_worker)
    loop.set_default_executor(workers)
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        # After a failure other registrations are still under way, and each would log the failure that came through.
        loop.set_exception_handler(lambda *_: None)
        unfinished = asyncio.all_tasks(loop)
        for task in unfinished:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))
        workers.shutdown()
        asyncio.set_event_loop(None)
        for one in (*worker_loops, loop):
            one.close()
