"""The front for any ASGI server, for CORS and for the chute's door. Made by the app for what `direct` does not take."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.api.exchange import ClientGone, Exchange, Fields, too_large, too_slow
from gateway.api.identity import presented_key

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_IMMEDIATE = 0.01
"""Seconds within which an answer counts as immediate."""
_PIECE = 64 * 1024
"""Bytes that are sent at a time, so that a server which takes them tells of a caller who is slow, not gone."""
_LOOKS = 4
"""Times that one looks before a caller is given up."""


class AsgiExchange(Exchange):
    """The connection is watched only once the answer is not immediate: a watcher costs a tenth of a quick request.

    A caller for whom the server takes no piece for `delivery_seconds` counts as gone, unless whoever calls looks after
    that itself (`gateway.bounded` in the scope).
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, delivery_seconds: float) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        super().__init__(scope["method"], scope["path"], headers, presented_key(headers))
        self.door = scope.get("gateway.door", "")
        self.edge = scope.get("gateway.edge", "http")
        self.peer = (scope.get("client") or ("",))[0]
        self._receive, self._server = receive, send
        self._patience = None if scope.get("gateway.bounded") else delivery_seconds
        self._sending_since = 0.0
        """0 while nothing is."""
        self._takes_nothing = False
        self._look: asyncio.TimerHandle | None = None
        self._own = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._soon: asyncio.TimerHandle | None = None

    async def _read(self, limit: int, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                body = await self._pieces(limit)
        except TimeoutError:
            raise too_slow(seconds) from None
        self._soon = asyncio.get_running_loop().call_later(_IMMEDIATE, self._watch)
        return body

    async def _pieces(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces) if len(pieces) > 1 else piece

    # --- the caller's leaving ------------------------------------------------------------------------

    def _watch(self) -> None:
        self._watcher = asyncio.ensure_future(self._until_gone())
        self._watcher.add_done_callback(self._left)
        if self._patience is not None:
            self._watch_delivery(self._patience)

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _left(self, watcher: "asyncio.Task[None]") -> None:
        if self._own and not watcher.cancelled():
            self._own.cancel()

    def was_left(self) -> bool:
        """Takes back the cancelling that we asked for ourselves."""
        gone = self._takes_nothing or (self._watcher is not None and self._watcher.done())
        return bool(self._own and gone and self._own.uncancel() == 0)

    def _watch_delivery(self, patience: float) -> None:
        since = self._sending_since
        if self._own and since and time.monotonic() - since >= patience:
            self._takes_nothing = True
            self._own.cancel()
        else:
            self._look = asyncio.get_running_loop().call_later(patience / _LOOKS, self._watch_delivery, patience)

    def close(self) -> None:
        if self._soon:
            self._soon.cancel()
        if self._look:
            self._look.cancel()
        if self._watcher:
            self._watcher.cancel()

    # --- out -----------------------------------------------------------------------------------------

    async def _whole(self, status: int, headers: Fields, body: bytes) -> None:
        await self._start(status, [*headers, ("content-length", str(len(body)))])
        last = max(0, len(body) - 1) // _PIECE * _PIECE
        for start in range(0, last, _PIECE):
            await self._write(body[start : start + _PIECE])
        await self._send({"type": "http.response.body", "body": body[last:], "more_body": False})

    async def _send(self, message: Message) -> None:
        self._sending_since = time.monotonic()
        await self._server(message)
        self._sending_since = 0.0

    async def _start(self, status: int, headers: Fields) -> None:
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _write(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
