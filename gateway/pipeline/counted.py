"""About how many tokens an answer has, for callers with limits, where its provider does not tell."""

from collections.abc import Awaitable

import msgspec
from msgspec import Raw

from gateway.openai_api.call import ByteStream, Take, Usage

BYTES_PER_TOKEN = 3
"""Fewer bytes than any common text has for one token, so that the estimate is rather too high."""

_ABSENT = Raw(b"")


class _Choice(msgspec.Struct):
    message: Raw = _ABSENT
    text: Raw = _ABSENT


class _Answer(msgspec.Struct):
    choices: list[_Choice] = []


_decode = msgspec.json.Decoder(_Answer).decode


def written(body: bytes) -> int:
    """Of a whole answer, without what stands around its texts; vectors are none."""
    try:
        choices = _decode(body).choices
    except msgspec.DecodeError:
        return len(body) // BYTES_PER_TOKEN
    return sum(len(bytes(one.message)) + len(bytes(one.text)) for one in choices) // BYTES_PER_TOKEN


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
