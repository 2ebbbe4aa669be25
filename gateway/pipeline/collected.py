"""Copies a stream as it passes, for keys that store their answers."""

from collections.abc import Awaitable

from gateway.openai_api.call import ByteStream, Take, Usage

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

    async def pour(self, take: Take) -> None:
        def collect(pieces: list[bytes]) -> Awaitable[None] | None:
            if self._room > 0:
                self._room -= sum(map(len, pieces))
                self._pieces += pieces
            return take(pieces)

        await self._stream.pour(collect)

    async def aclose(self) -> None:
        await self._stream.aclose()
