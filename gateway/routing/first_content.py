"""Waits until an answer really begins: until then another target may still be asked. Used by the dispatcher."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout
from gateway.openai_api.call import ByteStream, Reply, Usage
from gateway.openai_api.chunks import has_content
from gateway.routing.vitals import Vital


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

    def __init__(self, first: deque[bytes], rest: AsyncIterator[bytes], source: ByteStream, vital: Vital) -> None:
        self._first, self._rest, self._source, self._vital = first, rest, source, vital
        self._began = time.monotonic()
        self._closed = False

    @property
    def usage(self) -> Usage | None:
        """All of it once the stream has ended."""
        return self._source.usage

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            return self._first.popleft()
        try:
            return await self._rest.__anext__()
        except GatewayError as error:
            self._vital.fail(time.monotonic(), error)
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
    pieces = aiter(body)
    first: deque[bytes] = deque()
    try:
        while not first or not has_content(first[-1]):
            first.append(await anext(pieces))
    except StopAsyncIteration:
        if not first:
            await body.aclose()
            raise UpstreamBadResponse("The provider closed the stream before sending anything.") from None
    except BaseException:
        await body.aclose()
        raise
    return BegunStream(first, pieces, body, vital)
