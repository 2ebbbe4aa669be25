"""Our own pooled HTTP/1.1 client: `Transport` on asyncio.Protocol and httptools."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import GatewayError, UpstreamUnreachable
from gateway.openai_api.call import Enough
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.answers import check_length, check_size, judge
from gateway.providers.transport.base import UNSENT, HttpRequest, TakeBody
from gateway.providers.transport.connect import Connector
from gateway.providers.transport.connection import Connection, NotSent
from gateway.providers.transport.outbox import Outbox
from gateway.providers.transport.pool import Pool
from gateway.providers.transport.url import Target, head_lines, parse_url

FOREVER = 86_400.0


@dataclass(slots=True)
class TransportCounts:
    """Since the start: connections opened, requests sent on a kept one."""

    opened: int = 0
    reused: int = 0


def verified_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class PooledTransport:
    """Use it from one event loop at a time; met in another loop it starts with an empty pool there.

    `policy` judges the addresses of providers, `tls` replaces the verifying default (tests bring their own root).
    `outbox` is shared with whoever answers callers in the same loop.
    """

    def __init__(
        self, policy: AddressPolicy | None = None, tls: ssl.SSLContext | None = None, outbox: Outbox | None = None
    ) -> None:
        self._outbox = outbox or Outbox()
        self._policy = policy or AddressPolicy()
        self._tls = tls or verified_tls()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool
        self._connector: Connector
        self.counts = TransportCounts()

    async def send(self, request: HttpRequest) -> "PooledResponse":
        body = request.body
        try:
            target, head = _compose(request.method, request.url, tuple(request.headers.items()))
        except ValueError as error:
            text = "The provider's address or headers are not valid."
            raise UpstreamUnreachable(text, upstream=str(error)) from None
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._enter(loop)
        connection = self._pool.take(target.origin)
        if connection is not None:
            self.counts.reused += 1
        else:
            connection = await self._open(request, target)
        now = loop.time()
        end = request.deadline or now + FOREVER
        first = min(now + request.patience, end)
        length = b"content-length: %d\r\n\r\n" % len(body) if body or request.method != "GET" else b"\r\n"
        connection.begin()
        try:
            if (writing := connection.write(head + length, body, first, self._outbox)) is not None:
                await writing
            while not connection.head_done and connection.failure is None:
                await connection.news(first, "The provider did not answer in time.")
            if connection.failure is not None:
                raise connection.failure
            if connection.status != 200 or connection.encoded:
                judge(connection.status, connection.encoded)
        except NotSent:
            self._discard(connection)
            return await self.send(request)
        except BaseException:
            self._discard(connection)
            raise
        return PooledResponse(connection, self._pool, first, end, request.timeouts.idle)

    async def aclose(self) -> None:
        """Close idle connections; running exchanges end by themselves and are then closed too."""
        if self._loop is not None:
            self._pool.close()
            self._loop = None

    def idle(self) -> int:
        """Connections kept open for reuse."""
        return self._pool.idle() if self._loop is not None else 0

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pool.close)
        self._loop = loop
        self._pool = Pool(loop)
        self._connector = Connector(loop, self._policy, self._tls)

    async def _open(self, request: HttpRequest, target: Target) -> Connection:
        origin, pool = target.origin, self._pool
        try:
            connection = await self._connector.open(origin, request.timeouts.connect, request.engine, pool.bar)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(UNSENT) from None
        self.counts.opened += 1
        return connection

    def _discard(self, connection: Connection) -> None:
        if connection.spoiled:
            self._pool.bar(connection.origin)
        connection.abort()


class PooledResponse:
    """An `HttpResponse`. Lets go of its connection exactly once: given back when read to the end, else closed."""

    __slots__ = ("_connection", "_end", "_first", "_pool", "headers", "status")

    def __init__(self, connection: Connection, pool: Pool, first: float, end: float, idle: float) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._first = first
        self._end = end
        connection.idle = idle
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers

    @property
    def idle(self) -> float:
        return self._connection.idle if self._connection is not None else 0.0

    @idle.setter
    def idle(self, seconds: float) -> None:
        if self._connection is not None:
            self._connection.bear(seconds)

    async def read(self, limit: int) -> bytes:
        connection = self._connection
        if connection is None:
            return b""
        try:
            check_length(self.headers.get("content-length"), limit)
            body = connection.take() if connection.done else await self._arriving(connection, limit)
            check_size(len(body), limit)
        except BaseException:
            self._close()
            raise
        self._give_back()
        return body

    async def _arriving(self, connection: Connection, limit: int) -> bytes:
        """All of it at once, so that nobody is woken up for a piece."""
        connection.gather(limit)
        while not connection.done and connection.failure is None and connection.waiting <= limit:
            await connection.news(self._first, "The provider's answer took too long.")
        if connection.failure is not None and not connection.done:
            raise connection.failure
        return connection.take()

    async def pour(self, take: TakeBody) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            await connection.pour(take, self._first, self._end)
        except Enough:
            raise
        except BaseException:
            self._close()
            raise
        self._give_back()

    async def drain(self, seconds: float) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            rest = await connection.read_some(self._pool.now() + seconds, "")
        except GatewayError:
            self._close()
        else:
            if rest:
                self._close()
            else:
                self._give_back()

    async def aclose(self) -> None:
        if self._connection is not None:
            if self._connection.done:
                self._give_back()
            else:
                self._close()

    def __del__(self) -> None:
        """An answer that nobody took, say because its task was cancelled in that very moment, is stopped too."""
        if self._connection is not None:
            self._pool.abandon(self._connection)

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give(connection)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()


@lru_cache(maxsize=1024)
def _compose(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> tuple[Target, bytes]:
    """All of a request's head but its length. Raises ValueError for a URL or header that must not be sent; nothing of
    it is quoted."""
    target = parse_url(url)
    head = (
        f"{method} {target.path} HTTP/1.1\r\nhost: {target.host_header}\r\n"
        f"accept-encoding: identity\r\n{head_lines(dict(headers))}"
    )
    return target, head.encode("latin-1")
