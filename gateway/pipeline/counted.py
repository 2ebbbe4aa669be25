"""Counts the events of a stream as they pass, for callers with limits."""

from collections.abc import Awaitable

from gateway.openai_api.call import ByteStream, Take, Usage


class Counted:
    """The same stream; `count` events have passed, about as many as tokens."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.count = 0

    @property
    def usage(self) -> Usage | None:
        return self._stream.usage

    async def pour(self, take: Take) -> None:
        def counted(pieces: list[bytes]) -> Awaitable[None] | None:
            self.count += len(pieces)
            return take(pieces)

        await self._stream.pour(counted)

    async def aclose(self) -> None:
        await self._stream.aclose()
