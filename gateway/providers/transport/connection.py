"""One HTTP/1.1 connection to an upstream: writes one request at a time, parses its answer, keeps every deadline."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import httptools

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.transport.answers import MAX_BARREN, MAX_HEADER_BYTES, MAX_HEADERS, late
from gateway.providers.transport.base import TakeBody
from gateway.providers.transport.peek import ARRIVED, Peek
from gateway.providers.transport.plain_head import CHUNKED, PlainHead, read_plain_answer, read_plain_chunks
from gateway.providers.transport.url import Origin
from gateway.providers.transport.waiting import Waiting

HIGH_WATER = 256 * 1024
"""Body bytes held for a slow reader before the socket is left alone."""
WRITE_PIECE = 256 * 1024
SMALL_BODY = 64 * 1024


class Connection(Waiting, asyncio.Protocol):
    """Driven by `PooledTransport`. After `begin`, exactly one of `failure` and the finished answer comes about.

    `spoiled` means that bytes arrived which nobody asked for: the connection must not be used again.
    """

    __slots__ = (
        "_barren",
        "_chunks",
        "_discard",
        "_end",
        "_fields",
        "_framed",
        "_gathers",
        "_heard",
        "_held",
        "_missing",
        "_on_junk",
        "_parser",
        "_peek",
        "_plain_head",
        "_reading_paused",
        "_room",
        "_started",
        "_taker",
        "_thrown",
        "_transport",
        "_unsent",
        "_writing_paused",
        "active",
        "done",
        "failure",
        "head_done",
        "headers",
        "idle",
        "idle_until",
        "keep_alive",
        "lost",
        "origin",
        "spoiled",
        "status",
        "waiting",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, on_junk: Callable[[Origin], None]) -> None:
        super().__init__(loop)
        self._on_junk = on_junk
        self.origin = origin
        self._parser: Any = httptools.HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._reading_paused = self._writing_paused = False
        self.active = self.lost = self.spoiled = False
        self.idle_until = 0.0
        self.failure: GatewayError | None = None
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.head_done = self.done = self.keep_alive = False
        self._framed = self._discard = self._unsent = self._started = False
        self._barren = self._missing = self.waiting = 0
        self._room, self._gathers = HIGH_WATER, False
        self._fields: list[tuple[bytes, bytes]] = []
        self._plain_head = b""
        self._chunks.clear()
        self.idle = self._end = self._heard = 0.0
        self._taker: TakeBody | None = None
        self._held: Awaitable[None] | None = None
        self._thrown: Exception | None = None

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peek = Peek(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        if not self.active or self.done:
            self._spoil()
        elif self._plain_head:
            self._read_chunks(data)
        elif self._missing:
            self._count(data)
        elif self.head_done or self._barren or (plain := read_plain_answer(data)) is None:
            self._parse(data)
        else:
            self._begin_plain(*plain, data)

    def _begin_plain(self, status: int, head: PlainHead, data: bytes) -> None:
        self.status, self.headers = status, head.headers
        self.head_done = self.keep_alive = self._framed = True
        self._wake()
        if head.length != CHUNKED:
            self._missing = head.length
            self._count(data[head.size :])
        else:
            self._plain_head = data[: head.size]
            if len(data) > head.size:
                self._read_chunks(data[head.size :])

    def _read_chunks(self, data: bytes) -> None:
        """As long as they come whole; from the first that does not on, the parser reads what follows the head."""
        if (chunks := read_plain_chunks(data)) is None:
            head, self._plain_head = self._plain_head, b""
            self._parse(head + data)
            return
        body, self.done = chunks
        self._receive(body)

    def _count(self, data: bytes) -> None:
        """Of a body whose length was told. What comes behind it nobody asked for."""
        self._missing -= len(data)
        if self._missing < 0:
            self.spoiled = True
            data = data[: self._missing]
        self.done = self._missing <= 0
        self._receive(data)

    def _receive(self, body: bytes) -> None:
        """Perhaps nothing, and perhaps the last of it."""
        if body and self._taker is not None:
            self._hand_on(self._taker, body)
        elif body:
            self._hold(body)
        if self.done:
            self._wake()

    def _parse(self, data: bytes) -> None:
        self._barren += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.done:
                self._spoil()
            else:
                self._fail(UpstreamBadResponse("The provider's answer is not valid HTTP.", upstream=str(error)))
            return
        if self._barren > MAX_BARREN and not self.done:
            self._fail(UpstreamBadResponse("The provider's answer has too large a header."))
        elif self._taker is not None and self._chunks:
            self._hand_on(self._taker, self.take())

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._disarm()
        self._parser = None

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    # --- httptools ---

    def on_message_begin(self) -> None:
        if self.done:
            self.spoiled = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))
        if len(self._fields) > MAX_HEADERS:
            self._fail(UpstreamBadResponse("The provider's answer has too large a header."))

    def on_headers_complete(self) -> None:
        if self.spoiled:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._fields.clear()
            return
        if self._barren > MAX_HEADER_BYTES and sum(len(n) + len(v) + 4 for n, v in self._fields) > MAX_HEADER_BYTES:
            self._fail(UpstreamBadResponse("The provider's answer has too large a header."))
            return
        self.headers = _joined(self._fields)
        if not 200 <= status <= 599 or self._parser.get_http_version() not in ("1.1", "1.0"):
            self._fail(UpstreamBadResponse("The provider's answer is not valid HTTP."))
            return
        headers = self.headers
        coding = headers.get("transfer-encoding", "").lower()
        if coding not in ("", "chunked"):
            self._fail(UpstreamBadResponse("The provider's answer has an unknown transfer encoding."))
            return
        self.status = status
        self._framed = coding == "chunked" or "content-length" in headers or status in (204, 304)
        self._discard = "content-encoding" in headers and headers["content-encoding"].lower() != "identity"
        self.head_done = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        if not (self.spoiled or self._discard):
            self._hold(body)

    def _hold(self, body: bytes) -> None:
        self._barren = 0
        self._chunks.append(body)
        self.waiting += len(body)
        if self.waiting > self._room:
            self._pause()
        elif self._gathers:
            return
        self._wake()

    def _pause(self) -> None:
        if not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._reading_paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def on_message_complete(self) -> None:
        if self.head_done and not self.done:
            self.done = True
            self.keep_alive = self._parser.should_keep_alive()
            self._wake()

    # --- the exchange ---

    @property
    def encoded(self) -> bool:
        """The body came compressed although identity was asked for; it is thrown away."""
        return self._discard

    def quiet(self) -> bool:
        """Nothing has arrived since the last answer, in the kernel's buffer neither: no junk and no end of file."""
        if self.lost or self.spoiled:
            return False
        events = self._peek.events()
        if events == ARRIVED and not self.origin.tls:
            self._spoil()
        return not events

    def begin(self) -> None:
        self._reset()
        self.active = True
        gone = self.lost or self.spoiled
        self.failure = UpstreamUnreachable("The provider closed the connection at once.") if gone else None

    def write(self, head: bytes, body: bytes, deadline: float) -> Awaitable[None] | None:
        """Sends a request; to be awaited where it does not go out in one piece."""
        if len(body) <= SMALL_BODY:
            self._transport.write(head + body)
            return None
        return self._write(head, body, deadline)

    async def _write(self, head: bytes, body: bytes, deadline: float) -> None:
        """Stops early when an answer comes first."""
        self._transport.write(head)
        view = memoryview(body)
        for start in range(0, len(body), WRITE_PIECE):
            if self.failure is None and not self.head_done:
                self._transport.write(view[start : start + WRITE_PIECE])
            while self._writing_paused and not self.head_done and self.failure is None:
                await self.news(deadline, "The provider did not take the request in time.")
        self._unsent = self.head_done

    async def read_some(self, deadline: float, silence: str) -> bytes:
        """What has arrived of the body, waiting for at least one byte; empty at the end."""
        while not (data := self.take()) and not self.done:
            await self.news(deadline, silence)
        return data

    def gather(self, limit: int) -> None:
        """From now on there is news only when the body is whole, fails, or grows past `limit` bytes."""
        self._room, self._gathers = limit, True
        if self._reading_paused:
            self._resume()

    def take(self) -> bytes:
        """What has arrived of the body and was not taken yet. Raises what made the exchange fail."""
        chunks = self._chunks
        if not chunks:
            if self.failure is not None and not self.done:
                raise self.failure
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.waiting = 0
        if self._reading_paused:
            self._resume()
        return data

    async def pour(self, take: TakeBody, first: float, end: float) -> None:
        """Hands the body to `take`, within `data_received` as long as that neither raises nor makes it wait. `first`
        is the deadline of the first piece, `end` that of the last; between them `idle` seconds may pass."""
        self._end = end
        while data := await self._waiting_for(take, first):
            self._started = True
            if (waiting := take(data)) is not None:
                await waiting

    async def _waiting_for(self, take: TakeBody, first: float) -> bytes:
        """What `take` did not get in passing; empty at the end of the body."""
        while not (data := self.take()) and not self.done:
            self._heard = self._loop.time()
            waiter = self.news(self._patience() if self._started else first, "")
            self._taker, self._gathers = take, True
            try:
                await waiter
            finally:
                self._taker, self._gathers = None, False
            await self._held_up()
        return data

    async def _held_up(self) -> None:
        """By what `take` raised or made us wait for."""
        held, thrown, self._held, self._thrown = self._held, self._thrown, None, None
        try:
            if thrown is not None:
                raise thrown
        finally:
            del thrown  # its traceback holds this frame: without it, only the garbage collector would part them
        if held is not None:
            await held

    def _hand_on(self, taker: TakeBody, data: bytes) -> None:
        self._heard = self._loop.time()
        self._started = True
        try:
            self._held = taker(data)
        except Exception as error:
            self._thrown = error
        if self._held is not None or self._thrown is not None:
            self._taker = None
            self._wake()

    def bear(self, idle: float) -> None:
        """From now on so many seconds of silence."""
        self.idle = idle
        if self._taker is not None:
            self._expect(self._patience())

    def _patience(self) -> float:
        """Until when silence is borne."""
        return min(self._heard + self.idle, self._end)

    def finish(self) -> bool:
        """End the exchange; True when the connection may serve another one."""
        self.active = False
        unsent = self._unsent or (self._transport.get_write_buffer_size() > 0)
        return self.done and self.keep_alive and self._framed and not (unsent or self.lost or self.spoiled)

    def abort(self) -> None:
        self.active = False
        self._taker = None
        if isinstance(self._held, Coroutine):
            self._held.close()
        self._chunks.clear()
        self._disarm()
        self._transport.abort()

    # --- inside ---

    def _due(self) -> float:
        return self._patience() if self._taker is not None and self._started else self._deadline

    def _overdue(self, silence: str) -> None:
        if self._taker is not None:
            self._fail(late(deadline=self._started and self._end < self._heard + self.idle))
        else:
            self._fail(UpstreamTimeout(silence))

    def _spoil(self) -> None:
        self.spoiled = True
        self._transport.abort()
        self._on_junk(self.origin)

    def _fail(self, error: GatewayError) -> None:
        if self.failure is None and self.active and not self.done:
            self.failure = error
            self._transport.abort()
            self._wake()

    def _ended(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.active or self.done or self.failure is not None:
            return
        if self.head_done and not self._framed and exc is None:
            self.done = True
        elif self.head_done or self._barren:
            self.failure = UpstreamBadResponse("The provider's answer was cut off.", upstream=str(exc or ""))
        else:
            self.failure = UpstreamUnreachable(
                "The provider closed the connection without an answer.", upstream=str(exc or "")
            )
        self._wake()


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; the values of a repeated one in a row."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in fields}
    if len(headers) < len(fields):
        headers = {}
        for name, value in fields:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
