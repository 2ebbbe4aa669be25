"""What arrives on a connection to an upstream: the head of an answer and its body, parsed and held or handed on."""

import asyncio
from abc import abstractmethod
from collections import deque
from typing import Any

import httptools

from gateway.errors import GatewayError, UpstreamBadResponse
from gateway.providers.transport.answers import MAX_BARREN, MAX_HEADER_BYTES, MAX_HEADERS
from gateway.providers.transport.base import TakeBody
from gateway.providers.transport.plain_head import CHUNKED, PlainHead, PlainHeads, read_plain_answer, read_plain_chunks
from gateway.providers.transport.waiting import Waiting

HIGH_WATER = 256 * 1024
"""Body bytes held for a slow reader before the socket is left alone."""


class Incoming(Waiting, asyncio.Protocol):
    """The reading half of `Connection`. What is plain is read here, the rest by httptools.

    `spoiled` means that bytes arrived which nobody asked for: the connection must not be used again. Until a request is
    `sent` nothing may arrive.
    """

    __slots__ = (
        "_barren",
        "_chunks",
        "_discard",
        "_fields",
        "_framed",
        "_gathers",
        "_missing",
        "_parser",
        "_plain_head",
        "_plain_heads",
        "_reading_paused",
        "_room",
        "_taker",
        "_transport",
        "active",
        "done",
        "failure",
        "head_done",
        "headers",
        "keep_alive",
        "sent",
        "spoiled",
        "status",
        "waiting",
    )  # fmt: skip

    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._parser: Any = httptools.HttpResponseParser(self)
        self._plain_heads = PlainHeads(read_plain_answer)
        self._chunks: deque[bytes] = deque()
        self._reading_paused = False
        self.active = self.spoiled = False
        self.failure: Exception | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self._fields: list[tuple[bytes, bytes]] = []
        self._reset()

    def _reset(self) -> None:
        """Before an exchange; what its head will say replaces what the last one said."""
        self.head_done = self.done = self.keep_alive = self.sent = False
        self._framed = self._discard = False
        self._barren = self._missing = self.waiting = 0
        self._room, self._gathers = HIGH_WATER, False
        self._plain_head = b""
        self._chunks.clear()
        self._taker: TakeBody | None = None

    @abstractmethod
    def _hand_on(self, taker: TakeBody, data: bytes) -> None:
        """A piece of the body for the one who waits for it."""

    @abstractmethod
    def _fail(self, error: GatewayError) -> None:
        """The exchange ends with this, where it has not ended yet."""

    @abstractmethod
    def _spoil(self) -> None:
        """Bytes came that nobody asked for."""

    def data_received(self, data: bytes) -> None:
        if not self.sent or self.done:
            self._spoil()
        elif self._plain_head:
            self._read_chunks(data)
        elif self._missing:
            self._count(data)
        elif self.head_done or self._barren or (plain := self._plain_heads.read(data)) is None:
            self._parse(data)
        else:
            self._begin_plain(plain, data)

    def _begin_plain(self, plain: tuple[int, PlainHead], data: bytes) -> None:
        self.status, head = plain
        self.headers = head.headers
        self.head_done = self.keep_alive = self._framed = True
        body = data[head.size :]
        if len(body) == head.length:
            self.done = True
            self._chunks.append(body)
        elif head.length != CHUNKED:
            self._missing = head.length
            self._count(body)
        else:
            self._plain_head = data[: head.size]
            if body:
                self._read_chunks(body)
        self._wake()

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

    # --- httptools ---

    def on_message_begin(self) -> None:
        self._fields.clear()
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

    # --- for the reader of the exchange ---

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


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; the values of a repeated one in a row."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in fields}
    if len(headers) < len(fields):
        headers = {}
        for name, value in fields:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
