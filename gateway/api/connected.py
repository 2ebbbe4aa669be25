"""Stops work for a caller who has hung up. Used by the inference handler."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.api.exchange import ClientGone, Exchange

_IMMEDIATE = 0.01
"""Seconds within which an answer counts as immediate."""


async def while_connected(exchange: Exchange, work: Callable[[], Awaitable[None]]) -> None:
    """Runs `work`, but stops it at once when the caller hangs up: then the upstream is stopped too.

    The connection is watched only once the answer is not immediate: a watcher costs a tenth of a quick request.
    """
    watcher = _Watcher(exchange)
    soon = asyncio.get_running_loop().call_later(_IMMEDIATE, watcher.start)
    try:
        await work()
    except asyncio.CancelledError:
        watcher.raise_if_gone()
        raise
    finally:
        soon.cancel()
        watcher.stop()


class _Watcher:
    """Cancels the task that made it when the caller hangs up."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._own = asyncio.current_task()
        self._gone: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._gone = asyncio.ensure_future(self._exchange.until_gone())
        self._gone.add_done_callback(self._left)

    def stop(self) -> None:
        if self._gone:
            self._gone.cancel()

    def raise_if_gone(self) -> None:
        """Turns the cancelling that we asked for ourselves into ClientGone."""
        if self._own and self._gone and self._gone.done() and self._own.uncancel() == 0:
            raise ClientGone from None

    def _left(self, watch: asyncio.Task[None]) -> None:
        if self._own and not watch.cancelled():
            self._own.cancel()
