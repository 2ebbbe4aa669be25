"""Tool calls in streams, however servers tell them: clients can join their pieces, whole answers have them joined."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import CHAT
from gateway.providers.base import Endpoint, Provider, ProviderAdapter, ProviderType
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.streams import streamed_pieces
from tests.fakes.upstream import Upstream

DONE = b"data: [DONE]\n\n"
TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.fixture
async def adapter() -> AsyncIterator[ProviderAdapter]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield build_adapters(transport)["openai"]
    await transport.aclose()


def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return b"data: %b\n\n" % json.dumps({"id": "c", "choices": [choice], "big": 1.5e300}).encode()


def piece(arguments: object = None, **more: Any) -> dict[str, Any]:
    name = {"name": more.pop("name")} if "name" in more else {}
    told = {"arguments": arguments} if arguments is not None else {}
    return {**more, "function": {**name, **told}}


F, G = {"id": "a", "name": "f"}, {"id": "b", "name": "g"}
BOTH = [("a", "f", '{"x":1}'), ("b", "g", "{}")]
GOOD = [
    [piece("", index=0, type="function", **F)],
    [piece('{"x"', index=0)],
    [piece(":1}", index=0), piece("", index=1, **G)],
    [piece("{}", index=1, id=None)],
]
ODD: dict[str, tuple[list[Any], list[Any]]] = {
    "in order": (GOOD, BOTH),
    "no index": ([[piece('{"x":1}', **F)], [piece("{}", **G)]], BOTH),
    "no index, at once": ([[piece('{"x":1}', **F), piece("{}", **G)]], BOTH),
    "no index, in pieces": ([[piece('{"x"', **F)], [piece(":1}")], [piece("{}", **G)]], BOTH),
    "no index, by id": ([[piece('{"x"', **F)], [piece("{}", **G)], [piece(":1}", id="a")]], BOTH),
    "null": ([[piece('{"x":1}', index=None, **F)], [piece("{}", index=None, **G)]], BOTH),
    "each the first": ([[piece('{"x":1}', index=0, **F)], [piece("{}", index=0, **G)]], BOTH),
    "told again": ([[piece('{"x"', index=0, **F)], [piece(":1}", index=0, **F)], [piece("{}", index=1, **G)]], BOTH),
    "another id": ([[piece('{"x"', index=0, **F)], [piece(":1}", index=0, id="z")], [piece("{}", index=1, **G)]], BOTH),
    "an object": ([[piece({"x": 1}, index=0, **F), piece({}, index=1, **G)]], BOTH),
    "no ids": ([[piece('{"x":1}', name="f")], [piece("{}", name="g")]], [("", "f", '{"x":1}'), ("", "g", "{}")]),
    "late id": ([[piece('{"x":1}', index=0, name="f")], [piece("", index=0, id="a")]], BOTH[:1]),
    "from 1": ([[piece('{"x":1}', index=1, **F)], [piece("{}", index=2, **G)]], BOTH),
}


async def ask(adapter: ProviderAdapter, upstream: Upstream, events: list[bytes], **body: Any) -> Reply:
    upstream.canned[CHAT.path] = (b"".join(events), "text/event-stream")
    document = json.dumps({"model": "m", "messages": [], **body}).encode()
    call = Call(CHAT, "m", "req", time.monotonic(), document, stream=bool(body.get("stream")))
    return await adapter.send(Endpoint(Provider("p", ProviderType.OPENAI, upstream.url), "m"), call)


def joined(pieces: list[bytes], choice: int = 0) -> list[tuple[str, str, str]]:
    """As OpenAI's client does it: texts grow, whatever they are, and `index` says of which call."""
    calls: dict[int, list[str]] = {}
    for event in pieces:
        for told in json.loads(event[6:])["choices"]:
            for one in told["delta"].get("tool_calls", ()) if told["index"] == choice else ():
                call = calls.setdefault(one["index"], ["", "", ""])
                texts = one.get("id"), one["function"].get("name"), one["function"].get("arguments")
                calls[one["index"]] = [before + (text or "") for before, text in zip(call, texts, strict=True)]
    return [(id, name, arguments) for _, (id, name, arguments) in sorted(calls.items())]


@pytest.mark.parametrize("odd", ODD)
async def test_pieces_can_be_joined(adapter: ProviderAdapter, upstream: Upstream, odd: str) -> None:
    told, calls = ODD[odd]
    events = [*(chunk({"tool_calls": some}) for some in told), chunk({}, "tool_calls"), DONE]
    pieces = await streamed_pieces(await ask(adapter, upstream, events, stream=True, tools=TOOLS))
    assert joined(pieces[:-1]) == calls
    if odd in ("in order", "from 1"):
        assert pieces == events, "byte for byte"


@pytest.mark.parametrize("odd", ODD)
async def test_a_whole_answer_has_them_joined(adapter: ProviderAdapter, upstream: Upstream, odd: str) -> None:
    told, calls = ODD[odd]
    events = [*(chunk({"tool_calls": some}) for some in told), chunk({}, "tool_calls"), DONE]
    reply = await ask(adapter, upstream, events)
    assert isinstance(reply.body, bytes)
    found = json.loads(reply.body)["choices"][0]["message"]["tool_calls"]
    assert [(one.get("id", ""), one["function"]["name"], one["function"]["arguments"]) for one in found] == calls


async def test_the_calls_of_several_answers_are_numbered_apart(adapter: ProviderAdapter, upstream: Upstream) -> None:
    events = [
        chunk({"tool_calls": [piece('{"x":1}', **F)]}),
        chunk({"tool_calls": [piece("{}", **G)]}, index=1),
        chunk({"tool_calls": [piece("{}", **G)]}),
        chunk({}, "tool_calls"),
        chunk({}, "tool_calls", index=1),
        DONE,
    ]
    pieces = (await streamed_pieces(await ask(adapter, upstream, events, stream=True, tools=TOOLS, n=2)))[:-1]
    assert (joined(pieces), joined(pieces, 1)) == (BOTH, BOTH[1:])


@pytest.mark.parametrize("told", ["text", 5, {"index": 0}, [5, None], [{"function": "f"}]])
async def test_what_is_no_call_passes_as_it_came(adapter: ProviderAdapter, upstream: Upstream, told: Any) -> None:
    events = [chunk({"tool_calls": told, "content": '"tool_calls"'}), chunk({}, "stop"), DONE]
    pieces = await streamed_pieces(await ask(adapter, upstream, events, stream=True, tools=TOOLS))
    assert pieces[1:] == events[1:] and b'\\"tool_calls\\"' in pieces[0]
