"""Copies a stream as it passes, for keys that store their answers."""

from collections.abc import AsyncIterator

from gateway.openai_api.call import ByteStream, Usage

MAX_BYTES = 256 * 1024
"""Of a request or an answer that is stored; the rest is cut off."""


class Collected:
    """The same stream; `pieces` is what has passed, up to `MAX_BYTES`."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._room = MAX_BYTES
        self._pieces: list[bytes] = []

    @property
    def usage(self) -> Usage | None:
        return self._stream.usage

    @property
    def so_far(self) -> bytes:
        return b"".join(self._pieces)[:MAX_BYTES]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            if self._room > 0:
                self._room -= len(piece)
                self._pieces.append(piece)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
