"""Connections of the httpx transport: each carries one exchange at a time, and only HTTP/2 ones are kept for the next.

HTTP/1.1 through httpcore is never kept: it would hand a second, unsolicited answer to the next request. HTTP/2 names
the stream of every byte, so that cannot be there. Streams do not share a connection either: httpcore does not tell the
server of a stream that is given up, and a failed read of one ends them all.
"""

import asyncio
import ssl
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import httpcore

from gateway.providers.base import Via
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.connect import ENGINES
from gateway.providers.transport.network import Network
from gateway.providers.transport.url import Origin

IDLE = 50.0
"""Seconds that a connection is kept."""
MAX_IDLE_PER_ROUTE = 64


class Route(NamedTuple):
    """Requests of one route may follow each other on a connection."""

    origin: Origin
    via: Via
    engine: bool


class Lane:
    """One connection with all that httpcore knows of it."""

    __slots__ = ("network", "pool", "route", "timer")

    def __init__(self, route: Route, network: Network, pool: httpcore.AsyncConnectionPool) -> None:
        self.route = route
        self.network = network
        self.pool = pool
        self.timer: asyncio.TimerHandle | None = None

    def quiet(self) -> bool:
        return self.network.wire is not None and self.network.wire.quiet()

    def fruitful(self) -> None:
        """Some body came of what was read so far."""
        if self.network.wire is not None:
            self.network.wire.fruitful()

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def abort(self) -> None:
        self.stop_timer()
        self.network.abort()


class Lanes:
    """Belongs to one event loop. `tls` replaces the verifying default."""

    def __init__(self, loop: asyncio.AbstractEventLoop, policy: AddressPolicy, tls: ssl.SSLContext | None) -> None:
        self._loop = loop
        self._policy = policy
        self._tls = tls
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._idle: dict[Route, list[Lane]] = {}
        self._closed = False

    def take(self, route: Route) -> Lane:
        """An idle lane on which nothing has arrived since its last answer, else a new one, not yet connected."""
        waiting = self._idle.pop(route, [])
        while waiting:
            lane = waiting.pop()
            if lane.quiet():
                lane.stop_timer()
                if waiting:
                    self._idle[route] = waiting
                return lane
            lane.abort()
        return self._make(route)

    def give(self, lane: Lane) -> None:
        """Keep the lane of an exchange over HTTP/2 that came to its end."""
        if self._closed or len(self._idle.get(lane.route, ())) >= MAX_IDLE_PER_ROUTE or not lane.quiet():
            lane.abort()
            return
        self._idle.setdefault(lane.route, []).append(lane)
        lane.timer = self._loop.call_later(IDLE, self._expire, lane)

    def abandon(self, lane: Lane) -> None:
        """Close a lane from wherever its last owner was collected."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lane.abort)

    def idle(self) -> int:
        return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Close what is idle now, and from now on whatever is given back."""
        self._closed = True
        for waiting in self._idle.values():
            for lane in waiting:
                lane.abort()
        self._idle.clear()

    def _expire(self, lane: Lane) -> None:
        waiting = self._idle[lane.route]
        waiting.remove(lane)
        if not waiting:
            del self._idle[lane.route]
        lane.abort()

    def _make(self, route: Route) -> Lane:
        network = Network(ENGINES if route.engine else self._policy)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._context(route.via.http2) if route.origin.tls else None,
            proxy=self._proxy(route.via.proxy) if route.via.proxy else None,
            http2=route.via.http2,
            network_backend=network,
        )
        return Lane(route, network, pool)

    def _proxy(self, url: str) -> httpcore.Proxy:
        """A user name and password in the URL are sent to the proxy and to nobody else."""
        parts = urlsplit(url)
        auth = (unquote(parts.username).encode(), unquote(parts.password or "").encode()) if parts.username else None
        where = httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target="/")
        return httpcore.Proxy(where, auth, ssl_context=self._context(False) if parts.scheme == "https" else None)

    def _context(self, http2: bool) -> ssl.SSLContext:
        """One for each choice of ALPN, as httpcore writes that into the context."""
        if http2 not in self._contexts:
            self._contexts[http2] = self._tls or ssl.create_default_context()
        return self._contexts[http2]
