"""The chute that `overhead` measures: the same answers from a bare route and from a cord that is a door.

`TOKENS` events a stream, `PAUSE` seconds between them.
"""

import asyncio
import os
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse

from gateway.chute.chute import GatewayChute
from gateway.settings import Settings

TOKENS, PAUSE = int(os.environ.get("TOKENS", "100")), float(os.environ.get("PAUSE", "0"))
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"word "}}]}\n\n'
WHOLE = (
    b'{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"content":"'
    + b"word " * 100
    + b'"}}]}'
)


class Answers:
    """The app behind the door."""

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        streams = b'"stream":true' in body
        kind = b"text/event-stream" if streams else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if streams:
            for _ in range(TOKENS):
                await send({"type": "http.response.body", "body": EVENT, "more_body": True})
                await asyncio.sleep(PAUSE)
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})
        else:
            await send({"type": "http.response.body", "body": WHOLE, "more_body": False})


chute = GatewayChute(
    username="tester",
    name="bare",
    image="tester/bare:1",
    concurrency=64,
    settings=Settings.model_validate({"engines": "off"}),
)
chute.gateway_cord("/door", "/v1/chat/completions")


@chute.on_startup()
async def open_gateway(self: GatewayChute) -> None:
    self.open_gateway(Answers())


async def bare(request: Request) -> Any:
    """What the SDK's own handlers do with an answer, and nothing else."""
    encrypt = request.state._encrypt
    if not request.state.decrypted["json"].get("stream"):
        return {"json": encrypt(WHOLE)}

    async def events() -> Any:
        for _ in range(TOKENS):
            yield encrypt(EVENT) + "\n"
            await asyncio.sleep(PAUSE)
        yield encrypt("data: [DONE]\n\n") + "\n"

    return StreamingResponse(events())


chute.add_api_route("/bare", bare, methods=["POST"], response_model=None)
