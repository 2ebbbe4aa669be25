"""One HTTP/1.1 connection to an upstream: writes one request at a time, hands its answer on, keeps every deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import cast

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.transport.answers import late
from gateway.providers.transport.base import TakeBody
from gateway.providers.transport.incoming import Incoming
from gateway.providers.transport.outbox import Outbox
from gateway.providers.transport.peek import ARRIVED, Peek
from gateway.providers.transport.url import Origin

WRITE_PIECE = 256 * 1024
SMALL_BODY = 64 * 1024


class NotSent(Exception):
    """Nothing of the request went out: the connection, idle until then, had ended or had got bytes unasked. Never
    leaves the transport."""


class Connection(Incoming):
    """Driven by `PooledTransport`. After `begin`, exactly one of `failure` and the finished answer comes about."""

    __slots__ = (
        "_end",
        "_heard",
        "_held",
        "_on_junk",
        "_started",
        "_thrown",
        "_unsent",
        "_writing_paused",
        "idle",
        "idle_until",
        "lost",
        "origin",
        "peek",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, on_junk: Callable[[Origin], None]) -> None:
        super().__init__(loop)
        self._on_junk = on_junk
        self.origin = origin
        self._writing_paused = self.lost = False
        self._unsent = self._started = False
        self.idle = self.idle_until = self._end = self._heard = 0.0
        self._held: Awaitable[None] | None = None
        self._thrown: Exception | None = None

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peek = Peek(transport.get_extra_info("socket").fileno())

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

    # --- the exchange ---

    @property
    def encoded(self) -> bool:
        """The body came compressed although identity was asked for; it is thrown away."""
        return self._discard

    def begin(self) -> None:
        self._reset()
        self._started = False
        self.active = True
        self.failure = self._unusable() if self.lost or self.spoiled else None

    def write(self, head: bytes, body: bytes, deadline: float, outbox: Outbox) -> Awaitable[None] | None:
        """Sends a request; to be awaited where it does not go out in one piece."""
        if len(body) <= SMALL_BODY:
            outbox.post_request(self, head + body)
            return None
        return self._write(head, body, deadline)

    def send(self, request: bytes, events: int) -> None:
        """The request, or its beginning. Not where something has arrived since the last answer, junk or an end: what
        is read from here on counts as the answer."""
        if events and self.idle_until:
            self._refuse(events)
        elif not self._transport.is_closing():
            self.sent = True
            self._transport.write(request)

    def _refuse(self, events: int) -> None:
        if events == ARRIVED and not self.origin.tls:
            self._spoil()
        else:
            self._ended(None)
            self._transport.abort()

    def _unusable(self) -> Exception:
        return NotSent() if self.idle_until else UpstreamUnreachable("The provider closed the connection at once.")

    async def _write(self, head: bytes, body: bytes, deadline: float) -> None:
        """Stops early when an answer comes first."""
        self.send(head, self.peek.events())
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
            if (held := taker(data)) is None:
                return
            self._held = held
        except Exception as error:
            self._thrown = error
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
        """Forgets what failed, too: its traceback holds the frames that hold this connection."""
        self.active = False
        self.failure = None
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
        if self.active and not self.sent:
            self.failure = self._unusable()
            self._wake()
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
        if not self.sent:
            self.failure = self._unusable()
        elif self.head_done and not self._framed and exc is None:
            self.done = True
        elif self.head_done or self._barren:
            self.failure = UpstreamBadResponse("The provider's answer was cut off.", upstream=str(exc or ""))
        else:
            self.failure = UpstreamUnreachable(
                "The provider closed the connection without an answer.", upstream=str(exc or "")
            )
        self._wake()
