"""A conversation that takes long to translate."""

import asyncio

import orjson

from gateway.dialects import DIALECTS, translated


async def test_others_are_served_while_a_long_conversation_is_translated() -> None:
    turns = [{"role": role, "content": "a"} for role in ("user", "assistant")] * 5_000
    body = {"model": "m", "max_tokens": 64, "messages": [*turns, {"role": "user", "content": "b"}]}
    served = 0

    async def serve() -> None:
        nonlocal served
        while True:
            served += 1
            await asyncio.sleep(0)

    serving = asyncio.create_task(serve())
    await asyncio.sleep(0)
    before = served
    await translated(DIALECTS["/v1/messages"], orjson.dumps(body))
    assert served > before
    serving.cancel()
