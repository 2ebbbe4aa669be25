"""Stops a chute on SIGTERM: requests in flight finish, engines stop, the process ends. Installed by a startup hook.

The SDK never calls shutdown hooks, runs as PID 1 (which ignores an unhandled SIGTERM) and sleeps 30 seconds after its
server returned, so the process is ended here.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

HOOK_SECONDS = 15.0
"""For stopping engines with their children; vLLM takes up to 8 seconds of it."""

log = logging.getLogger("gateway.chute")


class InFlight:
    """Counts the requests under way; a context manager around each."""

    def __init__(self) -> None:
        self.count = 0
        self._none_left = asyncio.Event()
        self._none_left.set()

    def __enter__(self) -> None:
        self.count += 1
        self._none_left.clear()

    def __exit__(self, *error: object) -> None:
        self.count -= 1
        if not self.count:
            self._none_left.set()

    async def drained(self, seconds: float) -> None:
        """Returns when none is left, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none_left.wait()


class Shutdown:
    """`close` runs the shutdown hooks."""

    def __init__(self, drain_seconds: float, in_flight: InFlight, close: Callable[[], Awaitable[None]]) -> None:
        self._drain_seconds = drain_seconds
        self._in_flight = in_flight
        self._close = close
        self._task: asyncio.Task[None] | None = None
        self.begun = False

    def install(self) -> None:
        """To be called on the loop that serves. A second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        if self.begun:
            _end(128 + number)
        self.begun = True
        log.warning("%s: draining %d requests", signal.Signals(number).name, self._in_flight.count)
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        await self._in_flight.drained(self._drain_seconds)
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                await self._close()
        except Exception:
            log.exception("shutdown was not clean")
        finally:
            _end(0)


def _end(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
