"""Tool calls, however servers tell them: clients can join their pieces in streams and read those of whole answers."""

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
BARE = [("a", "f", "{}"), ("b", "g", "{}")]
GIVEN = [("call_", "f", '{"x":1}'), ("call_", "g", "{}")]
"""With ids made here, of which only the beginning is always the same."""
GOOD = [
    [piece("", index=0, type="function", **F)],
    [piece('{"x"', index=0)],
    [piece(":1}", index=0), piece("", index=1, type="function", **G)],
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
    "no ids": ([[piece('{"x":1}', name="f")], [piece("{}", name="g")]], GIVEN),
    "empty ids": ([[piece('{"x":1}', index=0, name="f", id="")], [piece("{}", index=1, name="g", id="")]], GIVEN),
    "no ids, each the first": ([[piece('{"x":1}', index=0, name="f")], [piece("{}", index=0, name="g")]], GIVEN),
    "late id": ([[piece('{"x":1}', index=0, name="f")], [piece("", index=0, id="a")]], GIVEN[:1]),
    "numbers for ids": ([[piece('{"x":1}', index=0, name="f", id=7)], [piece("{}", index=1, name="g", id=8)]],
                        [("7", "f", '{"x":1}'), ("8", "g", "{}")]),
    "one id for both": ([[piece('{"x":1}', index=0, **F)], [piece("{}", index=1, name="g", id="a")]],
                        [BOTH[0], GIVEN[1]]),
    "one id and name for both": ([[piece('{"x":1}', index=0, **F)], [piece("{}", index=1, **F)]],
                                 [BOTH[0], ("call_", "f", "{}")]),
    "from 1": ([[piece('{"x":1}', index=1, **F)], [piece("{}", index=2, **G)]], BOTH),
    "with gaps": ([[piece('{"x"', index=1, **F)], [piece("{}", index=4, **G)], [piece(":1}", index=1)]], BOTH),
    "no arguments": ([[piece(index=0, **F)], [piece("{}", index=1, **G)]], BARE),
    "empty arguments": ([[piece("", index=0, **F), piece("{}", index=1, **G)]], BARE),
    "no arguments at last": ([[piece("{}", index=0, **F)], [piece(None, index=1, **G)]], BARE),
}  # fmt: skip


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
    assert sorted(calls) == list(range(len(calls))), "clients count from 0"
    return [(id, name, arguments) for _, (id, name, arguments) in sorted(calls.items())]


def check(found: list[tuple[str, str, str]], calls: list[tuple[str, str, str]]) -> None:
    made = [id for id, _, _ in found if id.startswith("call_")]
    assert len({*made}) == len(made) and "call_" not in made
    assert [("call_" if id in made else id, name, arguments) for id, name, arguments in found] == calls


@pytest.mark.parametrize("odd", ODD)
async def test_pieces_can_be_joined(adapter: ProviderAdapter, upstream: Upstream, odd: str) -> None:
    told, calls = ODD[odd]
    events = [*(chunk({"tool_calls": some}) for some in told), chunk({}, "tool_calls"), DONE]
    pieces = await streamed_pieces(await ask(adapter, upstream, events, stream=True, tools=TOOLS))
    check(joined(pieces[:-1]), calls)
    if odd == "in order":
        assert pieces == events, "byte for byte"


@pytest.mark.parametrize("odd", ODD)
async def test_a_whole_answer_has_them_joined(adapter: ProviderAdapter, upstream: Upstream, odd: str) -> None:
    told, calls = ODD[odd]
    events = [*(chunk({"tool_calls": some}) for some in told), chunk({}, "tool_calls"), DONE]
    reply = await ask(adapter, upstream, events)
    assert isinstance(reply.body, bytes)
    found = json.loads(reply.body)["choices"][0]["message"]["tool_calls"]
    assert {one["type"] for one in found} == {"function"}
    check([(one["id"], one["function"]["name"], one["function"]["arguments"]) for one in found], calls)


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def whole(*calls: Any, reason: str = "tool_calls") -> bytes:
    message = {"role": "assistant", "content": None, "tool_calls": [*calls]}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": reason}], "big": 1.5e300}).encode()


async def ask_whole(adapter: ProviderAdapter, upstream: Upstream, body: bytes) -> bytes:
    upstream.canned[CHAT.path] = (body, "application/json")
    call = Call(CHAT, "m", "req", 0.0, json.dumps({"model": "m", "messages": [], "tools": TOOLS}).encode())
    reply = await adapter.send(Endpoint(Provider("p", ProviderType.OPENAI, upstream.url), "m"), call)
    assert isinstance(reply.body, bytes)
    return reply.body


@pytest.mark.parametrize(
    ("call", "read"),
    [
        ({"function": {"name": "f", "arguments": '{"x":1}'}}, ("call_", "f", '{"x":1}')),
        ({**CALL, "id": ""}, ("call_", "f", '{"x":1}')),
        ({**CALL, "id": 7}, ("7", "f", '{"x":1}')),
        ({**CALL, "type": None}, ("a", "f", '{"x":1}')),
        ({**CALL, "function": {"name": "f", "arguments": {"x": 1}}}, ("a", "f", '{"x":1}')),
        ({**CALL, "function": {"name": "f", "arguments": ""}}, ("a", "f", "{}")),
        ({**CALL, "function": {"name": "f", "arguments": None}}, ("a", "f", "{}")),
        ({**CALL, "function": {"name": "f"}}, ("a", "f", "{}")),
    ],
)
@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
async def test_calls_of_a_whole_answer_are_in_order(
    adapter: ProviderAdapter, upstream: Upstream, call: Any, read: tuple[str, str, str], reason: str
) -> None:
    other = {**CALL, "id": "b"}
    answer = json.loads(await ask_whole(adapter, upstream, whole(call, other, reason=reason)))
    first, second = answer["choices"][0]["message"]["tool_calls"]
    assert second == other and answer["big"] == 1.5e300 and first["type"] == "function"
    check([(first["id"], first["function"]["name"], first["function"]["arguments"])], [read])


async def test_two_calls_of_a_whole_answer_have_two_ids(adapter: ProviderAdapter, upstream: Upstream) -> None:
    answer = json.loads(await ask_whole(adapter, upstream, whole(CALL, CALL)))
    first, second = answer["choices"][0]["message"]["tool_calls"]
    assert first == CALL and {**second, "id": "a"} == CALL and second["id"].startswith("call_")


@pytest.mark.parametrize(
    "body",
    [
        whole(CALL),
        whole(),
        whole({"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}),
        whole({**CALL, "function": {"name": "f", "arguments": ""}}, reason="length"),
        whole(5, None, {"function": "f"}, {}),
        b'{"choices":[{"message":{"role":"assistant","content":"\\"tool_calls\\"","tool_calls":"x"}}]}',
    ],
    ids=["in order", "none", "text", "cut", "nothing", "a text"],
)
async def test_a_whole_answer_of_which_nothing_need_change_passes_as_it_came(
    adapter: ProviderAdapter, upstream: Upstream, body: bytes
) -> None:
    assert await ask_whole(adapter, upstream, body) == body


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_call_that_is_cut_gets_no_arguments(adapter: ProviderAdapter, upstream: Upstream, reason: str) -> None:
    events = [chunk({"tool_calls": [piece("", index=0, type="function", **F)]}), chunk({}, reason), DONE]
    assert await streamed_pieces(await ask(adapter, upstream, events, stream=True, tools=TOOLS)) == events


async def test_arguments_may_follow_words(adapter: ProviderAdapter, upstream: Upstream) -> None:
    """A call is not over because something else is said."""
    events = [
        chunk({"tool_calls": [piece("", index=0, type="function", **F)]}),
        chunk({"content": "so"}),
        chunk({"tool_calls": [piece('{"x":1}', index=0)]}),
        chunk({}, "stop"),
        DONE,
    ]
    assert await streamed_pieces(await ask(adapter, upstream, events, stream=True, tools=TOOLS)) == events


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
