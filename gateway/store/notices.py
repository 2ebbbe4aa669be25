"""Tells those who wait that the revision may have changed, at once in this process and over PostgreSQL. For `Store`."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, text

CHANNEL = "gateway_revision"
_PAUSE = 1.0
"""Seconds between attempts to listen again, and between looks at whether to stop."""


def notify(connection: Connection) -> None:
    """PostgreSQL sends it when the transaction commits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))


class Notices:
    """`wait` ends at the next notice, or after some seconds. Notices may be lost: whoever waits looks for itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._happened = asyncio.Event()
        self._listener: Listener | None = None

    def tell(self) -> None:
        """From the loop's own thread."""
        self._happened.set()
        self._happened = asyncio.Event()

    def listen(self, engine: Engine) -> None:
        """Also for those of other processes, from now on."""
        if self._listener is None:
            self._listener = Listener(engine, self._tell_from_thread)
            self._listener.start()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._happened.wait()

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()

    def _tell_from_thread(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self.tell)


class Listener(threading.Thread):
    """Holds one connection that listens, and makes a new one when it breaks."""

    def __init__(self, engine: Engine, told: Callable[[], None]) -> None:
        super().__init__(name="store-listener", daemon=True)
        self._engine = engine
        self._told = told
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            with suppress(Exception):  # a lost database is told of by those who ask it something
                self._listen()
            self._stopped.wait(_PAUSE)

    def stop(self) -> None:
        self._stopped.set()

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        connection.autocommit = True
        try:
            connection.execute(f"LISTEN {CHANNEL}")
            self._told()
            while not self._stopped.is_set():
                for _ in connection.notifies(timeout=_PAUSE):
                    self._told()
        finally:
            connection.close()
