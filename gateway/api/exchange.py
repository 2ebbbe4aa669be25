"""One HTTP exchange, whichever front it came through: the body read under limits, replies and errors written.

`asgi` and `direct` are the fronts; each says how bytes come and go, everything else is decided here.
"""

import asyncio
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress

from gateway.access.keys import Caller
from gateway.dialects import DIALECTS
from gateway.dialects.base import Rendered
from gateway.errors import (
    GatewayError,
    GatewayStopping,
    InvalidRequest,
    RequestTimeout,
    TooLarge,
    UnsupportedMedia,
    render,
    render_event,
)
from gateway.observe.request_ids import new_request_id
from gateway.openai_api.call import ByteStream, Reply
from gateway.openai_api.sse import comment

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STILL_THERE = comment("keep-alive")
_EVENT_HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))

Fields = list[tuple[str, str]]


class ClientGone(Exception):
    """The caller hung up: there is nobody to answer."""


class Exchange(ABC):
    """A request being answered. `headers` have lower-case names; of repeated ones the last counts.

    `key` is the digest of the key that was presented (`identity.presented_key`). `status` is what was sent, 0 before
    that and 499 when the caller left first. Once the body is there, the task that answers is cancelled when the caller
    hangs up.
    """

    __slots__ = (
        *("method", "path", "headers", "key", "request_id", "received", "peer", "door", "caller", "edge"),
        *("status", "broken", "_sent_at", "_heart", "_beating"),
    )

    def __init__(self, method: str, path: str, headers: Mapping[str, str], key: bytes | None) -> None:
        self.method, self.path, self.headers, self.key = method, path, headers, key
        self.request_id = new_request_id()
        self.received = self._sent_at = time.monotonic()
        self.peer = ""
        """The address of the socket's other end."""
        self.door = ""
        """`chute` where the Chutes platform has authenticated the caller."""
        self.caller: Caller | None = None
        """Who asks, where the front knows it without a key."""
        self.edge = "http"
        """What may cut a silent connection: the platform's own edge (`chute`), whoever passes on `http`, or nothing."""
        self.status = 0
        self.broken: GatewayError | None = None
        """What broke the stream after it had begun."""
        self._heart: asyncio.TimerHandle | None = None
        self._beating: asyncio.Future[None] | None = None

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    # --- what a front does ---------------------------------------------------------------------------

    @abstractmethod
    def _read(self, limit: int, seconds: float) -> bytes | Awaitable[bytes]:
        """The whole body. Raises what `too_large` and `too_slow` say, and ClientGone."""

    @abstractmethod
    def _whole(self, status: int, headers: Fields, body: bytes) -> Awaitable[None] | None:
        """This and the next three write; what is returned is to be awaited before anything else is written."""

    @abstractmethod
    def _start(self, status: int, headers: Fields) -> Awaitable[None] | None:
        """The head of a stream."""

    @abstractmethod
    def _write(self, piece: bytes) -> Awaitable[None] | None:
        """A piece of a stream."""

    @abstractmethod
    def _end(self) -> Awaitable[None] | None:
        """The stream is whole."""

    @abstractmethod
    def was_left(self) -> bool:
        """After the answering task was cancelled: whether that was because the caller hung up."""

    def close(self) -> None:  # noqa: B027
        """The exchange is over, whatever came of it."""

    # --- in ------------------------------------------------------------------------------------------

    def read_body(self, limit: int, seconds: float) -> bytes | Awaitable[bytes]:
        """The whole body, to be awaited where it has not arrived. Raises TooLarge before reading when the length is
        announced, RequestTimeout when it takes longer than `seconds`, ClientGone when it never comes to its end."""
        headers = self.headers
        if length := headers.get("content-length"):
            if "transfer-encoding" in headers:
                text = "Send either Content-Length or Transfer-Encoding, not both."
                raise InvalidRequest(text, code="invalid_framing")
            if length.isdigit() and int(length) > limit:
                raise too_large(limit)
        if "content-encoding" in headers and headers["content-encoding"].lower() != "identity":
            raise UnsupportedMedia("Compressed request bodies are not supported; send the body as it is.")
        return self._read(limit, seconds)

    # --- out -----------------------------------------------------------------------------------------

    def send(self, reply: Reply, keep_alive: float = 0) -> Awaitable[None] | None:
        """A whole reply at once, or a stream piece by piece; to be awaited where it takes a while. A stream
        that breaks ends in an error event; one that is silent for `keep_alive` seconds shows a comment (0: never)."""
        headers = [("content-type", reply.media_type), *self._ids(), *_on_one_line(reply.headers)]
        self.status = reply.status
        if isinstance(reply.body, bytes):
            return self._whole(reply.status, headers, reply.body)
        return self._events(reply.status, headers, reply.body, keep_alive)

    async def _events(self, status: int, headers: Fields, body: ByteStream, keep_alive: float) -> None:
        try:
            if (starting := self._start(status, [*headers, *_EVENT_HEADERS])) is not None:
                await starting
            if keep_alive:
                self._beat(keep_alive)
            try:
                await body.pour(self._take)
            except GatewayError as error:
                self.broken = error
                if (writing := self._write(self._render_event(error))) is not None:
                    await writing
            except asyncio.CancelledError:
                if not self.was_left():
                    self.broken = stopping()
                    await self._say_last(self._render_event(self.broken))
                raise
            finally:
                if self._heart is not None:
                    self._heart.cancel()
                    if self._beating is not None:
                        self._beating.cancel()
            if (ending := self._end()) is not None:
                await ending
        finally:
            await body.aclose()

    async def _say_last(self, piece: bytes) -> None:
        """The gateway ends: nobody waits for a caller who does not take this at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                if (writing := self._write(piece)) is not None:
                    await writing

    def _ids(self) -> Fields:
        dialect = DIALECTS.get(self.path)
        own = [(dialect.id_header, self.request_id)] if dialect and dialect.id_header else []
        return [("x-request-id", self.request_id), *own]

    def _render_event(self, error: GatewayError) -> bytes:
        dialect = DIALECTS.get(self.path)
        return dialect.render_event(error, self.request_id) if dialect else render_event(error)

    def _take(self, pieces: list[bytes]) -> Awaitable[None] | None:
        self._sent_at = time.monotonic()
        return self._write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def render(self, error: GatewayError) -> Rendered:
        """As the API that was asked tells errors."""
        dialect = DIALECTS.get(self.path)
        return (dialect.render if dialect else render)(error, self.request_id)

    async def send_error(self, error: GatewayError, extra: Iterable[tuple[str, str]] = ()) -> None:
        self.status, headers, body = self.render(error)
        if (writing := self._whole(self.status, [*headers, *extra], body)) is not None:
            await writing

    async def pad(self, piece: bytes) -> None:
        """A piece before the JSON body that is still to come. With the first goes the head: the status is 200 then."""
        if not self.status:
            self.status = 200
            if (starting := self._start(200, [("content-type", "application/json"), *self._ids()])) is not None:
                await starting
        if (writing := self._write(piece)) is not None:
            await writing

    async def end_padded(self, body: bytes) -> None:
        """The body behind what `pad` has sent."""
        if (writing := self._write(body)) is not None:
            await writing
        if (ending := self._end()) is not None:
            await ending

    def _beat(self, every: float) -> None:
        """Comments for a client or proxy that gives up on a silent connection; no second before the first is taken."""
        now = time.monotonic()
        if now - self._sent_at >= every and (self._beating is None or self._beating.done()):
            self._sent_at = now
            if (writing := self._write(_STILL_THERE)) is not None:
                self._beating = asyncio.ensure_future(writing)
        pause = self._sent_at + every - now
        self._heart = asyncio.get_running_loop().call_later(pause if pause > 0 else every, self._beat, every)


def _on_one_line(headers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Without control characters: a model's name, which callers may choose, is among the values."""
    if "".join(headers.values()).isprintable():
        return headers.items()
    return [(name, _CONTROL.sub("?", value)) for name, value in headers.items()]


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body exceeds the maximum of {limit / 2**20:g}MB.")


def stopping() -> GatewayStopping:
    return GatewayStopping("The gateway stopped before the answer was whole. Ask again.", retry_after=1.0)


def too_slow(seconds: float) -> RequestTimeout:
    return RequestTimeout(f"The request body did not arrive within {seconds:.0f} s.")
