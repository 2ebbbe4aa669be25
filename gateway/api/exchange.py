"""One HTTP exchange over ASGI: the body read under limits, replies written, the caller's leaving noticed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from gateway.errors import (
    GatewayError,
    InvalidRequest,
    RequestTimeout,
    TooLarge,
    UnsupportedMedia,
    render,
    render_event,
)
from gateway.openai_api.call import ByteStream, Reply
from gateway.openai_api.sse import comment

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


_STILL_THERE = comment("keep-alive")


class ClientGone(Exception):
    """The caller hung up: there is nobody to answer."""


class Exchange:
    """A request being answered. `headers` have lower-case names; of repeated ones the last counts.

    `status` is what was sent, 0 before that and 499 when the caller left first.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.door: str = scope.get("gateway.door", "")
        self.request_id = request_id
        self.received = time.monotonic()
        self.status = 0
        self._sent_at = self.received
        self._receive, self._send = receive, send

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    # --- in ------------------------------------------------------------------------------------------

    async def read_body(self, limit: int, seconds: float) -> bytes:
        """The whole body. Raises TooLarge before reading when the length is announced, RequestTimeout when it takes
        longer than `seconds`, ClientGone when it never comes to its end."""
        self._check_framing(limit)
        try:
            async with asyncio.timeout(seconds):
                return await self._read(limit)
        except TimeoutError:
            raise RequestTimeout(f"The request body did not arrive within {seconds:.0f} s.") from None

    def _check_framing(self, limit: int) -> None:
        length = self.headers.get("content-length")
        if length is not None and "transfer-encoding" in self.headers:
            raise InvalidRequest("Send either Content-Length or Transfer-Encoding, not both.", code="invalid_framing")
        if length is not None and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMedia("Compressed request bodies are not supported; send the body as it is.")

    async def _read(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces) if len(pieces) > 1 else piece

    async def until_gone(self) -> None:
        """Returns when the caller has hung up. Only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    # --- out -----------------------------------------------------------------------------------------

    async def send(self, reply: Reply, keep_alive: float = 0) -> None:
        """A whole reply at once, or a stream piece by piece. A stream that breaks ends in an error event; one that is
        silent for `keep_alive` seconds shows a comment (0: never)."""
        headers = [("content-type", reply.media_type), ("x-request-id", self.request_id), *reply.headers.items()]
        if isinstance(reply.body, bytes):
            await self._whole(reply.status, headers, reply.body)
            return
        try:
            await self._start(reply.status, [*headers, ("cache-control", "no-cache"), ("x-accel-buffering", "no")])
            heart = asyncio.ensure_future(self._beat(keep_alive)) if keep_alive else None
            try:
                await self._stream(reply.body)
            finally:
                if heart:
                    heart.cancel()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await reply.body.aclose()

    async def send_error(self, error: GatewayError, extra: Iterable[tuple[str, str]] = ()) -> None:
        status, headers, body = render(error, self.request_id)
        await self._whole(status, [*headers, *extra], body)

    async def _stream(self, body: ByteStream) -> None:
        try:
            async for piece in body:
                await self._piece(piece)
        except GatewayError as error:
            await self._piece(render_event(error))

    async def _beat(self, every: float) -> None:
        """Comments for a client or proxy that gives up on a silent connection."""
        while True:
            await asyncio.sleep(every)
            if time.monotonic() - self._sent_at >= every:
                await self._piece(_STILL_THERE)

    async def _piece(self, piece: bytes) -> None:
        self._sent_at = time.monotonic()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _whole(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        await self._start(status, [*headers, ("content-length", str(len(body)))])
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.status = status
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body exceeds the maximum of {limit / 2**20:g}MB.")
