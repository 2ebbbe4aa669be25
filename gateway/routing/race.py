"""Two targets asked side by side: the first answer is taken, the other call stopped. Used by the dispatcher."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from gateway.errors import GatewayError
from gateway.openai_api.call import Reply

Runner = TypeVar("Runner")


class Race(Generic[Runner]):
    """`stop` must follow whatever happens."""

    def __init__(self, first: Runner, asking: Awaitable[Reply]) -> None:
        self._running: dict[asyncio.Task[Reply], Runner] = {asyncio.ensure_future(asking): first}

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
        return self._running.pop(task), _outcome(task)

    async def stop(self, winner: Reply | None) -> list[Runner]:
        """Stops whoever still runs and gives back what came too late. Returns who was overtaken. A caller who leaves
        meanwhile does not get the `winner`'s answer either."""
        left = list(self._running)
        for task in left:
            task.cancel()
        try:
            if left:
                await asyncio.wait(left)
        except BaseException:
            await _let_go(winner)
            raise
        finally:
            for task in left:
                await _let_go(_came_late(task))
        return list(self._running.values())


def _outcome(task: asyncio.Task[Reply]) -> Reply | GatewayError:
    """Of a task that has ended. The frames that an error went through hold the request, and the task that keeps it:
    only the garbage collector, which comes seldom, would part them."""
    try:
        return task.result()
    except GatewayError as error:
        error.__traceback__ = error.__context__ = None
        return error


def _came_late(task: asyncio.Task[Reply]) -> Reply | None:
    """What a task that was stopped answered all the same. One that did not keeps its frames until it is asked."""
    with suppress(asyncio.CancelledError, Exception):
        outcome = _outcome(task) if task.done() else None
        return outcome if isinstance(outcome, Reply) else None
    return None


async def _let_go(reply: Reply | None) -> None:
    if reply is not None and not isinstance(reply.body, bytes):
        await reply.body.aclose()
