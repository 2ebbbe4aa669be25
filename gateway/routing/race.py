"""Two targets asked side by side: the first answer is taken, the other call stopped. Used by the dispatcher."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.errors import GatewayError
from gateway.openai_api.call import Reply

Runner = TypeVar("Runner")


class Race(Generic[Runner]):
    """`stop` must follow whatever happens."""

    def __init__(self, first: Runner, asking: Awaitable[Reply]) -> None:
        self._running = {asyncio.ensure_future(asking): first}

    async def join(self, rival: Callable[[], tuple[Runner, Awaitable[Reply]] | None], after: float | None) -> None:
        """Waits `after` seconds; a rival starts if the first runner is not in by then. None: no rival."""
        if after is None:
            return
        done, _ = await asyncio.wait(self._running, timeout=after)
        if not done and (starting := rival()) is not None:
            runner, asking = starting
            self._running[asyncio.ensure_future(asking)] = runner

    async def next_in(self) -> tuple[Runner, Reply | GatewayError] | None:
        """The next runner to come in, with its reply or its error; None when nobody runs any more."""
        if not self._running:
            return None
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        task = next(task for task in self._running if task in done)
        runner = self._running.pop(task)
        try:
            return runner, task.result()
        except GatewayError as error:
            return runner, error

    async def stop(self) -> list[Runner]:
        """Stops whoever still runs and gives back what came too late. Returns who was overtaken."""
        left = list(self._running)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        for task in left:
            late = None if task.cancelled() or task.exception() else task.result().body
            if late is not None and not isinstance(late, bytes):
                await late.aclose()
        return list(self._running.values())
