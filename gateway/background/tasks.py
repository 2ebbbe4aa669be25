"""`Background`: runs named coroutines again and again until shutdown. Used by the app and by tasks of its own."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from gateway.errors import GatewayError

log = logging.getLogger("gateway.background")

JITTER = 0.1
"""Share of the interval by which a run may come earlier or later, so that many gateways do not ask in step."""


@dataclass(frozen=True, slots=True)
class Periodic:
    """`run` every `every` seconds, counted from the end of the run before; first at once, or after a random part of the
    first interval where not `at_once`."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    at_once: bool = True


@dataclass(slots=True)
class TaskStatus:
    """What became of a task so far. `last_run` is `time.time()` at the end of the latest run, None before the first."""

    name: str
    every: float
    runs: int = 0
    failures: int = 0
    last_run: float | None = None
    last_error: str = ""
    """Of the latest run; empty where it went well."""


class Background:
    """A task that raises is logged and runs again at its time; one that fails the same way again is not logged again.
    For use on one event loop."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311
        self._running: dict[str, asyncio.Task[None]] = {}
        self._statuses: dict[str, TaskStatus] = {}

    def keep(self, task: Periodic) -> None:
        """Starts it, in place of one of the same name."""
        self.drop(task.name)
        status = self._statuses[task.name] = TaskStatus(task.name, task.every)
        self._running[task.name] = asyncio.create_task(self._repeat(task, status), name=task.name)

    def drop(self, name: str) -> None:
        """Stops it at its next await. Nothing happens where there is none."""
        self._statuses.pop(name, None)
        if running := self._running.pop(name, None):
            running.cancel()

    async def stop(self) -> None:
        """Returns when none runs any more."""
        left = list(self._running.values())
        for name in list(self._running):
            self.drop(name)
        if left:
            await asyncio.wait(left)

    def statuses(self) -> list[TaskStatus]:
        return list(self._statuses.values())

    async def _repeat(self, task: Periodic, status: TaskStatus) -> None:
        if not task.at_once:
            await asyncio.sleep(task.every * self._random.random())
        while True:
            await self._once(task, status)
            await asyncio.sleep(task.every * (1 + JITTER * (2 * self._random.random() - 1)))

    async def _once(self, task: Periodic, status: TaskStatus) -> None:
        error = ""
        try:
            await task.run()
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            status.failures += 1
            if error != status.last_error:
                log.warning("%s failed: %s", task.name, error, exc_info=_unexpected(raised))
        status.runs += 1
        status.last_error, status.last_run = error, time.time()


def _unexpected(raised: Exception) -> bool:
    """Whether the log needs to say where it happened."""
    return not isinstance(raised, (GatewayError, OSError))
