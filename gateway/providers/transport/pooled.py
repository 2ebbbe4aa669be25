"""Our own pooled HTTP/1.1 client: `Transport` on asyncio.Protocol and httptools."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from gateway.errors import GatewayError, UpstreamUnreachable
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.answers import check_length, check_size, judge
from gateway.providers.transport.base import HttpRequest
from gateway.providers.transport.connect import Connector
from gateway.providers.transport.connection import Connection
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
    """

    def __init__(self, policy: AddressPolicy | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._policy = policy or AddressPolicy()
        self._tls = tls or verified_tls()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool
        self._connector: Connector
        self.counts = TransportCounts()

    async def send(self, request: HttpRequest) -> "PooledResponse":
        target, head = _compose(request)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._enter(loop)
        connection = self._pool.take(target.origin)
        if connection is not None:
            self.counts.reused += 1
        else:
            connection = await self._open(request, target)
        end = request.deadline or FOREVER + loop.time()
        first = min(loop.time() + request.patience, end)
        connection.begin()
        try:
            await connection.write(head, request.body, first)
            await connection.read_head(first)
            judge(connection.status, connection.encoded)
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
        connection = await self._connector.open(target.origin, request.timeouts.connect, request.engine, self._pool.bar)
        self.counts.opened += 1
        return connection

    def _discard(self, connection: Connection) -> None:
        if connection.spoiled:
            self._pool.bar(connection.origin)
        connection.abort()


class PooledResponse:
    """An `HttpResponse`. Lets go of its connection exactly once: given back when read to the end, else closed."""

    __slots__ = ("_connection", "_end", "_first", "_pool", "_started", "headers", "idle", "status")

    def __init__(self, connection: Connection, pool: Pool, first: float, end: float, idle: float) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._first = first
        self._end = end
        self.idle = idle
        self._started = False
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers

    async def read(self, limit: int) -> bytes:
        connection = self._connection
        if connection is None:
            return b""
        parts: list[bytes] = []
        size = 0
        try:
            check_length(self.headers.get("content-length"), limit)
            while data := await connection.read_some(self._first, "The provider's answer took too long."):
                size += len(data)
                check_size(size, limit)
                parts.append(data)
        except BaseException:
            self._close()
            raise
        self._give_back()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def stream(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        connection = self._connection
        if connection is None:
            raise StopAsyncIteration
        wait = min(self._pool.now() + self.idle, self._end) if self._started else self._first
        try:
            data = await connection.read_some(wait, "The provider's stream fell silent.")
        except BaseException:
            self._close()
            raise
        if not data:
            self._give_back()
            raise StopAsyncIteration
        self._started = True
        return data

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


def _compose(request: HttpRequest) -> tuple[Target, bytes]:
    """Raises `UpstreamUnreachable` for a URL or header that must not be sent; nothing of it is quoted."""
    try:
        target = parse_url(request.url)
        lines = head_lines(request.headers)
    except ValueError as error:
        raise UpstreamUnreachable("The provider's address or headers are not valid.", upstream=str(error)) from None
    length = f"content-length: {len(request.body)}\r\n" if request.body or request.method != "GET" else ""
    head = (
        f"{request.method} {target.path} HTTP/1.1\r\nhost: {target.host_header}\r\n"
        f"accept-encoding: identity\r\n{lines}{length}\r\n"
    )
    return target, head.encode("latin-1")
