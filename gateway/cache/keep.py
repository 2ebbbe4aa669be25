"""Puts answers into the cache as they pass, and gives kept ones out as replies. Called by the pipeline."""

import re
import time
from collections.abc import Awaitable

from msgspec import structs

from gateway.cache.store import Entry, ResponseCache
from gateway.openai_api.call import ByteStream, Reply, Take, Usage
from gateway.openai_api.sse import is_done

_KEPT_HEADERS = ("x-gateway-provider", "x-gateway-model")
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_RESTART = re.compile(rb'"gateway"\s*:\s*\{\s*"restart"\s*:\s*true')
_COMMENT = b":"


def keep(reply: Reply, cache: ResponseCache, key: bytes) -> Reply:
    """The same answer, marked as a miss, kept once it is whole. Only a 200 is kept, and only a stream that came to its
    end: with a finish and `[DONE]`, and without a restart in between."""
    if reply.status != 200:
        return reply
    headers = reply.headers | {"x-gateway-cache": "miss"}
    if isinstance(reply.body, bytes):
        if reply.body:
            cache.put(key, _entry(reply, (reply.body,), reply.usage, is_stream=False))
        return structs.replace(reply, headers=headers)
    return structs.replace(reply, headers=headers, body=Recorded(reply, reply.body, cache, key))


def replay(entry: Entry) -> Reply:
    """A stream is given as the events it came in, byte for byte; comments that kept it open are not among them."""
    age = max(0, int(time.time() - entry.stored_at))
    headers = {**entry.headers, "x-gateway-cache": "hit", "age": str(age)}
    body = Replayed(entry) if entry.is_stream else entry.pieces[0]
    return Reply(200, entry.media_type, body, headers, entry.usage)


class Recorded:
    """A stream that is kept when it has been read to its end. Past the largest entry nothing is collected any more."""

    def __init__(self, reply: Reply, stream: ByteStream, cache: ResponseCache, key: bytes) -> None:
        self._reply, self._stream, self._cache, self._key = reply, stream, cache, key

    @property
    def usage(self) -> Usage | None:
        return self._stream.usage

    async def pour(self, take: Take) -> None:
        kept: list[bytes] = []
        room = self._cache.max_entry

        def collect(pieces: list[bytes]) -> Awaitable[None] | None:
            nonlocal room
            room -= sum(map(len, pieces))
            if room >= 0:
                kept.extend(piece for piece in pieces if not piece.startswith(_COMMENT))
            return take(pieces)

        await self._stream.pour(collect)
        if room < 0:
            self._cache.counts.refused += 1
        elif _is_whole(kept):
            self._cache.put(self._key, _entry(self._reply, tuple(kept), self.usage, is_stream=True))

    async def aclose(self) -> None:
        await self._stream.aclose()


class Replayed:
    """A kept stream."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def usage(self) -> Usage | None:
        return self._entry.usage

    async def pour(self, take: Take) -> None:
        for piece in self._entry.pieces:
            if (waiting := take([piece])) is not None:
                await waiting

    async def aclose(self) -> None: ...


def _is_whole(pieces: list[bytes]) -> bool:
    if not pieces or not is_done(pieces[-1]):
        return False
    finished = any(_FINISH.search(piece) for piece in reversed(pieces))
    return finished and not any(_RESTART.search(piece) for piece in pieces)


def _entry(reply: Reply, pieces: tuple[bytes, ...], usage: Usage | None, *, is_stream: bool) -> Entry:
    headers = {name: reply.headers[name] for name in _KEPT_HEADERS if name in reply.headers}
    return Entry(reply.media_type, pieces, is_stream, time.time(), headers, usage)
