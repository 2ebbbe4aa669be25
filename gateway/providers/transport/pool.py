"""Idle connections by origin: last in first out, bounded, expired, and never one that received bytes unasked."""

import asyncio

from gateway.providers.transport.connection import Connection
from gateway.providers.transport.url import Origin

MAX_IDLE_PER_ORIGIN = 256
MAX_IDLE = 1024
IDLE_PLAIN = 4.0
"""Seconds. Servers of the uvicorn kind close after 5 s of quiet; opening a plain connection again is cheap."""
IDLE_TLS = 50.0
QUARANTINE = 60.0
"""Seconds without keep-alive for an origin that sent bytes nobody had asked for."""


class Pool:
    """Belongs to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._clock = loop.time
        self._idle: dict[Origin, list[Connection]] = {}
        self._count = 0
        self._closed = False
        self._barred: dict[Origin, float] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """A connection that is open as far as is known, or None."""
        waiting = self._idle.get(origin)
        now = self._clock()
        while waiting:
            connection = waiting.pop()
            self._count -= 1
            if connection.idle_until > now and not (connection.lost or connection.spoiled):
                return connection
            connection.abort()
        return None

    def give(self, connection: Connection) -> None:
        """Keep a connection whose exchange has ended, if it may be kept; else close it."""
        reusable = connection.finish()
        if connection.spoiled:
            self.bar(connection.origin)
        origin, waiting = connection.origin, self._idle.get(connection.origin)
        full = self._count >= MAX_IDLE or (waiting is not None and len(waiting) >= MAX_IDLE_PER_ORIGIN)
        if not reusable or full or self._closed or (self._barred and self.barred(origin)):
            connection.abort()
            return
        connection.idle_until = self._clock() + _idle_seconds(connection)
        if waiting is None:
            waiting = self._idle[origin] = []
        waiting.append(connection)
        self._count += 1
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(IDLE_PLAIN, self._sweep)

    def bar(self, origin: Origin) -> None:
        """Stop keep-alive for an origin for a while and close what is idle there."""
        self._barred[origin] = self._clock() + QUARANTINE
        for connection in self._idle.pop(origin, ()):
            self._count -= 1
            connection.abort()

    def barred(self, origin: Origin) -> bool:
        until = self._barred.get(origin)
        if until is None:
            return False
        if until > self._clock():
            return True
        del self._barred[origin]
        return False

    def now(self) -> float:
        return self._clock()

    def abandon(self, connection: Connection) -> None:
        """Close a connection from wherever its last owner was collected."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(connection.abort)

    def idle(self) -> int:
        return self._count

    def close(self) -> None:
        """Close what is idle now, and from now on whatever is given back."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for waiting in self._idle.values():
            for connection in waiting:
                connection.abort()
        self._idle.clear()
        self._count = 0

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._clock()
        for origin in list(self._idle):
            keep = []
            for connection in self._idle[origin]:
                if connection.idle_until > now and not connection.lost:
                    keep.append(connection)
                else:
                    self._count -= 1
                    connection.abort()
            if keep:
                self._idle[origin] = keep
            else:
                del self._idle[origin]
        if self._count:
            self._sweeper = self._loop.call_later(IDLE_PLAIN, self._sweep)


def _idle_seconds(connection: Connection) -> float:
    """Our own bound, or the server's announced one less a second."""
    limit = IDLE_TLS if connection.origin.tls else IDLE_PLAIN
    hint = connection.headers.get("keep-alive")
    if hint is None:
        return limit
    for part in hint.split(","):
        name, _, value = part.strip().partition("=")
        if name == "timeout" and value.isdecimal():
            return min(limit, float(value) - 1.0)
    return limit
