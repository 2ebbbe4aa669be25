"""Gathers the events of a stream that follow one another faster than anybody reads. Used by the replies.

On the platform every chunk is compressed, encrypted, encoded and passed through two servers by itself, which costs far
more than the few bytes of an event. The first event goes at once; after it, one write every `INTERVAL` carries all that
came meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

INTERVAL = 0.02
"""Seconds: fifty writes a second are smooth to the eye."""
MAX_HELD = 64 * 2**10
"""Bytes after which the writer has to wait for the client."""

Write = Callable[[bytes, bool], Awaitable[None]]


class Coalescer:
    """`write(text, more)` is called in order and never twice at a time; what it raises comes out of the next `add`."""

    def __init__(self, write: Write, interval: float = INTERVAL) -> None:
        self._write = write
        self._interval = interval
        self._held = bytearray()
        self._written_at = 0.0
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None
        self._broken: Exception | None = None

    async def add(self, text: bytes, *, more: bool) -> None:
        if self._broken is not None:
            raise self._broken
        self._held += text
        if not more:
            await self._flush(more=False)
        elif len(self._held) >= MAX_HELD or time.monotonic() - self._written_at >= self._interval:
            await self._flush(more=True)
        elif self._held and self._timer is None:
            self._timer = asyncio.create_task(self._later())

    def drop(self) -> None:
        """Forget what is held: nobody reads it any more."""
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()

    async def _later(self) -> None:
        await asyncio.sleep(max(0.0, self._written_at + self._interval - time.monotonic()))
        try:
            await self._flush(more=True)
        except Exception as error:
            self._broken = error
        finally:
            self._timer = None

    async def _flush(self, *, more: bool) -> None:
        async with self._lock:
            text = bytes(self._held)
            self._held.clear()
            if text or not more:
                await self._write(text, more)
            self._written_at = time.monotonic()
