"""Reading a request with a bound, and stopping its work when the caller leaves."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from chute_models.engines.errors import Refusal

T = TypeVar("T")
MAX_BODY = 160 * 1024 * 1024


async def read_json(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal("The request is too large.", code="request_too_large", status=413)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise Refusal("The body must be a JSON object.", code="invalid_json")
    return value


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, cancelled when the caller leaves. The body must have been read."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for pending in (task, gone):
            pending.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def events(chunks: AsyncGenerator[dict[str, Any], None]) -> StreamingResponse:
    """Server-sent events ending in `[DONE]`. Waits for the first chunk, so that early refusals keep their status."""
    first = await anext(chunks)

    async def lines() -> AsyncIterator[str]:
        try:
            yield _event(first)
            async for chunk in chunks:
                yield _event(chunk)
            yield "data: [DONE]\n\n"
        except Refusal as refusal:
            yield _event(refusal.body())
        except Exception:
            yield _event(Refusal("The engine failed.", code="engine_failed", status=500).body())
            raise
        finally:
            await chunks.aclose()

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-cache"})


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False, separators=(',', ':'))}\n\n"
