"""The fast front: an exchange written straight to the connection. Made by `protocol` for every inference request."""

import asyncio
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.api.exchange import Exchange, Fields, too_large, too_slow

if TYPE_CHECKING:
    from gateway.api.protocol import GatewayProtocol

_LINGER = 2.0
"""Seconds in which the rest of a refused body is read and thrown away, so that the refusal arrives."""
_SMALL = 64 * 1024
"""Bodies up to this size are written together with their head."""
_MANY = 4
"""Requests under way at a time from which on answers go out together."""


class DirectExchange(Exchange):
    """Takes the place of uvicorn's request-response cycle: `disconnected`, `keep_alive`, `message_event`,
    `response_complete` and `run_asgi` are what uvicorn's connection knows of one."""

    __slots__ = (
        *("disconnected", "keep_alive", "response_complete"),
        *("_arrived", "_limit", "_news", "_pieces", "_protocol", "_size", "_task", "_unsent_head"),
    )
    message_event = asyncio.Event()
    """Nobody waits for it."""

    def __init__(self, protocol: "GatewayProtocol", path: str, headers: Mapping[str, str], key: bytes | None) -> None:
        super().__init__("POST", path, headers, key)
        self._protocol = protocol
        if protocol.client:
            self.peer = protocol.client[0]
        self.disconnected = self.response_complete = False
        self.keep_alive = True
        self._task: asyncio.Task[None] | None = None
        self._pieces: list[bytes] = []
        self._size, self._limit, self._arrived = 0, HIGH_WATER_LIMIT, False
        self._news: asyncio.Future[None] | None = None
        self._unsent_head = b""
        """Of a stream: it goes out with the first piece where that is at hand."""

    # --- called by the connection --------------------------------------------------------------------

    def begin(self) -> None:
        protocol = self._protocol
        self._task = task = protocol.loop.create_task(self.run_asgi())
        protocol.tasks.add(task)
        protocol.outbox.holds = len(protocol.tasks) >= _MANY

    async def run_asgi(self, app: object = None) -> None:
        """Answers; what breaks off in the middle is cut, so that it never looks whole."""
        protocol = self._protocol
        self._task = task = self._task or asyncio.current_task()
        try:
            if not self.disconnected:
                await protocol.inference.answer(self)
        finally:
            protocol.tasks.discard(task)
            if not self.response_complete:
                self._send_head()
                protocol.transport.close()

    def feed_whole(self, body: bytes) -> None:
        """It came in one piece with the head: nobody has waited for it, and nothing was answered yet."""
        self._pieces.append(body)
        self._size, self._arrived = len(body), True

    def feed(self, piece: bytes) -> None:
        if self.response_complete:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            self._protocol.flow.pause_reading()
            self._tell()

    def feed_end(self) -> None:
        self._arrived = True
        if self.response_complete:
            self._protocol.transport.close()
        self._tell()

    def leave(self) -> None:
        """The caller has hung up."""
        if self._task is not None and not self.response_complete:
            self._task.cancel()

    # --- in ------------------------------------------------------------------------------------------

    def _read(self, limit: int, seconds: float) -> bytes | Awaitable[bytes]:
        self._limit = limit
        return self._body() if self._arrived or self._size > limit else self._arriving(seconds)

    def _body(self) -> bytes:
        if self._size > self._limit:
            raise too_large(self._limit)
        protocol = self._protocol
        if protocol.flow.read_paused and not protocol.pipeline:
            protocol.flow.resume_reading()
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _arriving(self, seconds: float) -> bytes:
        if self.headers.get("expect", "").lower() == "100-continue":
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._protocol.flow.resume_reading()
        self._news = self._protocol.loop.create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._news
        except TimeoutError:
            raise too_slow(seconds) from None
        return self._body()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def was_left(self) -> bool:
        return self.disconnected

    # --- out -----------------------------------------------------------------------------------------

    def _whole(self, status: int, headers: Fields, body: bytes) -> Awaitable[None] | None:
        head = self._head(status, headers, f"content-length: {len(body)}\r\n")
        protocol = self._protocol
        if len(body) <= _SMALL and self.keep_alive:
            protocol.outbox.post(protocol.transport, head + body)
        else:
            protocol.transport.writelines((head, body))
        if protocol.flow.write_paused:
            return self._complete_later()
        self._complete()
        return None

    async def _complete_later(self) -> None:
        await self._protocol.flow.drain()
        self._complete()

    def _start(self, status: int, headers: Fields) -> None:
        self._unsent_head = self._head(status, headers, "transfer-encoding: chunked\r\n")
        self._protocol.loop.call_soon(self._send_head)

    def _send_head(self) -> None:
        head, self._unsent_head = self._unsent_head, b""
        if head and not self._protocol.transport.is_closing():
            self._protocol.transport.write(head)

    def _write(self, piece: bytes) -> Awaitable[None] | None:
        protocol = self._protocol
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
        if self._unsent_head:
            chunk, self._unsent_head = self._unsent_head + chunk, b""
        protocol.transport.write(chunk)
        return protocol.flow.drain() if protocol.flow.write_paused else None

    def _end(self) -> None:
        self._send_head()
        self._protocol.transport.write(b"0\r\n\r\n")
        self._complete()

    def _head(self, status: int, headers: Fields, framing: str) -> bytes:
        """A caller whose body is still on its way is told that the connection ends here."""
        protocol = self._protocol
        self.keep_alive = self.keep_alive and self._arrived
        close = "" if self.keep_alive else "connection: close\r\n"
        lines = "\r\n".join(map(": ".join, headers))
        defaults = _lines(tuple(protocol.server_state.default_headers))
        return STATUS_LINE[status] + f"{defaults}{lines}\r\n{close}{framing}\r\n".encode("latin-1", "replace")

    def _complete(self) -> None:
        protocol = self._protocol
        self.response_complete = True
        self._pieces.clear()
        if not self._arrived:
            protocol.loop.call_later(_LINGER, protocol.transport.close)
        elif not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()


@lru_cache(maxsize=8)
def _lines(fields: tuple[tuple[bytes, bytes], ...]) -> str:
    """uvicorn's own headers, which change once a second with the date."""
    return "".join([f"{name.decode('latin-1')}: {value.decode('latin-1')}\r\n" for name, value in fields])
