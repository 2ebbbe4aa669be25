"""Waits until an answer really begins: until then another target may still be asked. Used by the dispatcher."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout
from gateway.openai_api.call import ByteStream, Enough, Reply, Take, Usage
from gateway.openai_api.chunks import has_content
from gateway.routing.vitals import Vital

MAX_UNSAID = 8 * 2**20
"""Bytes of comments and empty chunks that are held while an answer does not begin."""


async def first_content(sending: Awaitable[Reply], vital: Vital, limit: float) -> Reply:
    """The whole reply, or a stream that has begun to say something within `limit` seconds of sending.

    Raises UpstreamTimeout past the limit and whatever the target failed with before.
    """
    try:
        async with asyncio.timeout(limit):
            reply = await sending
            if not isinstance(reply.body, bytes):
                reply.body = await begun(reply.body, vital)
            return reply
    except TimeoutError:
        raise UpstreamTimeout(f"The provider sent no content within {limit:g} s.") from None


class BegunStream:
    """A stream whose first content is here, so that everything before it could still go to another target.

    Tells the target's vital how it went on and when it ended.
    """

    def __init__(self, first: list[bytes], source: ByteStream, vital: Vital) -> None:
        self._first, self._source, self._vital = first, source, vital
        self._began = time.monotonic()
        self._closed = False

    @property
    def usage(self) -> Usage | None:
        """All of it once the stream has ended."""
        return self._source.usage

    async def pour(self, take: Take) -> None:
        first, self._first = self._first, []
        if first and (waiting := take(first)) is not None:
            await waiting
        try:
            await self._source.pour(take)
        except GatewayError as error:
            self._vital.fail(time.monotonic(), error, self._began)
            raise

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._vital.end()
            tokens = self.usage.output_tokens if self.usage else None
            self._vital.streamed(tokens or 0, time.monotonic() - self._began)
            await self._source.aclose()


async def begun(body: ByteStream, vital: Vital) -> BegunStream:
    """The stream from its first content on: headers, comments and a chunk with only a role are none."""
    if isinstance(body, BegunStream):
        return body
    first: list[bytes] = []
    room = MAX_UNSAID

    def hear(events: list[bytes]) -> None:
        nonlocal room
        first.extend(events)
        if any(map(has_content, events)):
            raise Enough
        room -= sum(map(len, events))
        if room < 0:
            raise UpstreamBadResponse(f"The provider sent more than {MAX_UNSAID} bytes that say nothing.")

    try:
        with suppress(Enough):
            await body.pour(hear)
        if not first:
            raise UpstreamBadResponse("The provider closed the stream before sending anything.")
    except BaseException:
        await body.aclose()
        raise
    return BegunStream(first, body, vital)
