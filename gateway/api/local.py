"""The front for Python code in the same process: no HTTP, and errors as the exceptions they are. Made by `client`."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple

from gateway.access.keys import Caller
from gateway.api.exchange import ClientGone, Exchange, Fields, too_large
from gateway.api.identity import presented_key
from gateway.api.inference import Inference
from gateway.errors import GatewayError

_AHEAD = 16
"""Pieces of a stream that may wait for their reader."""


class Head(NamedTuple):
    """`body` is empty for a stream."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class LocalExchange(Exchange):
    """Answered in a task of its own from construction on. Whoever makes one calls `leave` at the end, in any case."""

    def __init__(
        self,
        inference: Inference,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        caller: Caller | None = None,
    ) -> None:
        super().__init__("POST", path, headers, presented_key(headers))
        self.caller, self.edge = caller, ""
        self._body = body
        self._left = False
        self._head: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        self._task = asyncio.create_task(self._answer(inference))

    async def begun(self) -> Head:
        """Raises GatewayError."""
        return await self._head

    async def pieces(self) -> AsyncIterator[bytes]:
        """Complete events. Raises what broke the stream."""
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self.broken:
            raise self.broken
        await self._task

    async def leave(self) -> None:
        """Stops what still runs; safe at any time."""
        self._left = True
        if not self._task.done():
            self._task.cancel()
        await asyncio.wait([self._task])
        if self._head.done() and not self._head.cancelled():
            self._head.exception()

    async def _answer(self, inference: Inference) -> None:
        try:
            await inference.answer(self)
        finally:
            if not self._head.done():
                self._head.set_exception(ClientGone())
            if not self._left:
                await self._pieces.put(None)

    # --- what the exchange asks of a front -----------------------------------------------------------

    async def _read(self, limit: int, seconds: float) -> bytes:
        if len(self._body) > limit:
            raise too_large(limit)
        return self._body

    async def _whole(self, status: int, headers: Fields, body: bytes) -> None:
        self._head.set_result(Head(status, dict(headers), body))

    async def _start(self, status: int, headers: Fields) -> None:
        self._head.set_result(Head(status, dict(headers), b""))

    async def _write(self, piece: bytes) -> None:
        """What broke a stream is raised to its reader and not told in an event."""
        if self.broken is None:
            await self._pieces.put(piece)

    async def _end(self) -> None:
        pass

    async def send_error(self, error: GatewayError, extra: Iterable[tuple[str, str]] = ()) -> None:
        self.status = error.http_status
        self._head.set_exception(error)

    def was_left(self) -> bool:
        return self._left
