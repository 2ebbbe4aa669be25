"""Contents that Mistral's reasoning models tell in parts are texts and thoughts to every client."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import CHAT
from gateway.providers.base import Provider, ProviderType, Timeouts
from gateway.providers.exchange import Upstream, remote
from gateway.providers.json_calls import send_json
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.streams import streamed_pieces
from tests.fakes.upstream import Upstream as Fake

DONE = b"data: [DONE]\n\n"


def thinking(*texts: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text} for text in texts]}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


@pytest.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield transport
    await transport.aclose()


async def ask(transport: PooledTransport, fake: Fake, answer: Any, *, parts: bool = True, **body: Any) -> Reply:
    fake.canned[CHAT.path] = answer
    document = json.dumps({"model": "m", "messages": [], **body}).encode()
    upstream = Upstream(fake.url, {}, Timeouts(), tells_parts=parts)
    return await send_json(transport, upstream, Call(CHAT, "m", "r", 0.0, document, stream="stream" in body), "m")


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        ([thinking("so", " be"), text("It is"), text(" 4.")], {"content": "It is 4.", "reasoning_content": "so be"}),
        ([text("4"), {"type": "reference", "reference_ids": [1]}], {"content": "4"}),
        ([thinking("so")], {"content": "", "reasoning_content": "so"}),
        ("4", {"content": "4"}),
        (None, {"content": None}),
    ],
)
async def test_a_whole_answer(transport: PooledTransport, upstream: Fake, content: Any, plain: dict[str, Any]) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    reply = await ask(transport, upstream, {"id": "x", "choices": [choice]})
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body) == {"id": "x", "choices": [{**choice, "message": {"role": "assistant", **plain}}]}


@pytest.mark.parametrize("tools", [{}, {"tools": [{"type": "function", "function": {"name": "f"}}]}])
async def test_a_stream(transport: PooledTransport, upstream: Fake, tools: dict[str, Any]) -> None:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return b"data: %b\n\n" % json.dumps({"id": "x", "choices": [choice]}).encode()

    first, last = chunk({"role": "assistant", "content": ""}), chunk({"content": "4."}, "stop")
    told = [first, chunk({"content": [thinking("so")]}), chunk({"content": [text("It is ")]}), last, DONE]
    reply = await ask(transport, upstream, (b"".join(told), "text/event-stream"), stream=True, **tools)
    pieces = await streamed_pieces(reply)
    said = [json.loads(piece[6:])["choices"][0]["delta"] for piece in pieces[1:3]]
    assert said == [{"content": "", "reasoning_content": "so"}, {"content": "It is "}]
    assert pieces[0] == first and pieces[3:] == [last, DONE], "byte for byte"


def test_who_tells_parts() -> None:
    providers = {
        url: Provider("p", ProviderType.OPENAI, url) for url in ("https://api.mistral.ai", "https://api.openai.com/v1")
    }
    assert [remote(one).tells_parts for one in providers.values()] == [True, False]
