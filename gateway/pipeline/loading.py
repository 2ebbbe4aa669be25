"""What happens to a request whose model is still loading here: fallbacks first, then a bounded wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from gateway.errors import GatewayError, render_event
from gateway.openai_api.call import ByteStream, Reply, Take, Usage
from gateway.openai_api.sse import comment
from gateway.pipeline.asking import Asking
from gateway.providers.engines import EngineState, EngineStatus

_COMMENT_EVERY = 5.0
"""Seconds between signs of life in a stream that waits."""


async def ask_when_ready(asking: Asking, error: GatewayError) -> Reply:
    """Where the targets failed with `error` but an engine among them is loading, waits up to `engine_wait` for it and
    tries them again. Raises the error where none is.

    A stream begins at once and carries comments while it waits; other calls, and those for what is rendered here, wait
    silently.
    """
    state, engine = asking.state, asking.loading()
    if engine is None or not error.retryable or state.engine_wait <= 0:
        raise error
    if asking.streams:
        return Reply(200, "text/event-stream", WaitingStream(asking.attempt, _signs(asking, engine)))
    if not await state.engines.wait_ready(engine.name, state.engine_wait):
        raise error
    return await asking.attempt()


class WaitingStream:
    """The `signs` of life until the wait is over, then the real stream of `attempt`, or an error event."""

    def __init__(self, attempt: Callable[[], Awaitable[Reply]], signs: AsyncIterator[bytes]) -> None:
        self._attempt, self._signs = attempt, signs
        self._inner: ByteStream | None = None

    async def pour(self, take: Take) -> None:
        async for sign in self._signs:
            if (waiting := take([sign])) is not None:
                await waiting
        body = await self._awaited()
        if not isinstance(body, bytes):
            self._inner = body
            await body.pour(take)
        elif (waiting := take([body])) is not None:
            await waiting

    async def _awaited(self) -> bytes | ByteStream:
        try:
            return (await self._attempt()).body
        except GatewayError as error:
            return render_event(error)

    @property
    def usage(self) -> Usage | None:
        return self._inner.usage if self._inner is not None else None

    async def aclose(self) -> None:
        if self._inner is not None:
            await self._inner.aclose()


async def _signs(asking: Asking, loading: EngineStatus) -> AsyncIterator[bytes]:
    """Comments until the engine is ready."""
    state, loop = asking.state, asyncio.get_running_loop()
    until = loop.time() + state.engine_wait
    while (left := until - loop.time()) > 0:
        engine = state.engines.status(loading.name)
        if engine is None or engine.state != EngineState.LOADING:
            return
        yield comment(f"{engine.model} is {engine.phase} for {engine.elapsed:.0f} s")
        if await state.engines.wait_ready(engine.name, min(left, _COMMENT_EVERY)):
            return
