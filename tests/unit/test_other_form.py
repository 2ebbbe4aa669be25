"""Answers in the other form than was asked for: a whole one to a stream's request, a stream to one for a whole."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamRateLimited, UpstreamRefused, UpstreamTimeout
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.operations import CHAT, COMPLETIONS, EMBEDDINGS, Operation
from gateway.providers.base import Endpoint, Provider, ProviderAdapter, ProviderType, Timeouts
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.raw_server import Peer, answer, raw_server
from tests.fakes.streams import streamed_pieces
from tests.fakes.upstream import Upstream

KEY = "sk-operator-0123456789"
DONE = b"data: [DONE]\n\n"
EVENTS = "text/event-stream"
TOLD = {"id": "c-1", "created": 7, "model": "m-2", "system_fingerprint": "fp"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
ASKED: dict[str, Any] = {"stream_options": {"include_usage": True}}
CALL = {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"at":"sky"}'}}
OTHER_CALL = {"id": "call_b", "type": "function", "function": {"name": "hear", "arguments": "{}"}}


@pytest.fixture
async def adapter() -> AsyncIterator[ProviderAdapter]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield build_adapters(transport)["openai"]
    await transport.aclose()


async def ask(
    adapter: ProviderAdapter, url: str, operation: Operation = CHAT, patience: float = 20.0, **body: Any
) -> Reply:
    inner = {"messages": [{"role": "user", "content": "hi"}]} if operation is CHAT else {"prompt": "hi"}
    document = json.dumps({"model": "m", **inner, **body}).encode()
    call = Call(operation, "m", "req", time.monotonic(), document, stream=bool(body.get("stream")))
    timeouts = Timeouts(connect=20.0, first_byte=20.0, whole=patience, idle=20.0)
    return await adapter.send(
        Endpoint(Provider("p", ProviderType.OPENAI, url, "", (KEY,), timeouts=timeouts), "m"), call
    )


async def streamed(
    adapter: ProviderAdapter, upstream: Upstream, answer: Any, operation: Operation = CHAT, **body: Any
) -> tuple[list[Any], Reply]:
    """The documents of the events, of which `[DONE]` must be the last."""
    upstream.canned[operation.path] = answer
    reply = await ask(adapter, upstream.url, operation, stream=True, **body)
    pieces = await streamed_pieces(reply)
    assert reply.media_type == EVENTS and pieces[-1] == DONE and DONE not in pieces[:-1]
    return [json.loads(piece.removeprefix(b"data: ")) for piece in pieces[:-1]], reply


async def whole(
    adapter: ProviderAdapter, upstream: Upstream, chunks: list[Any], operation: Operation = CHAT, **body: Any
) -> tuple[Any, Reply]:
    events = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
    upstream.canned[operation.path] = (events + DONE, EVENTS)
    reply = await ask(adapter, upstream.url, operation, **body)
    assert isinstance(reply.body, bytes) and reply.media_type == "application/json"
    return json.loads(reply.body), reply


def chat(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**TOLD, "object": "chat.completion", "choices": list(choices), "usage": USAGE, **more}


def said(message: dict[str, Any], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason, **more}


def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": reason, **more}
    return {**TOLD, "object": "chat.completion.chunk", "choices": [choice]}


# --- a whole answer to a stream's request ------------------------------------------------------------------


async def test_a_whole_chat_is_told_as_a_stream(adapter: ProviderAdapter, upstream: Upstream) -> None:
    chunks, reply = await streamed(adapter, upstream, chat(said({"content": "Hello."}), citations=["x"]))
    assert chunks == [
        {**chunk({"role": "assistant", "content": "Hello."}), "citations": ["x"]},
        chunk({}, "stop"),
    ]
    assert not isinstance(reply.body, bytes)
    assert reply.body.usage == Usage(7, 4), "counted although the caller does not see it"


async def test_usage_comes_last_where_the_caller_asked_for_it(adapter: ProviderAdapter, upstream: Upstream) -> None:
    chunks, _ = await streamed(adapter, upstream, chat(said({"content": "Hello."})), **ASKED)
    assert chunks[-1] == {**TOLD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
    assert [bool(one["choices"]) for one in chunks] == [True, True, False]


@pytest.mark.parametrize("reason", ["tool_calls", "stop", None])
async def test_tool_calls_are_numbered_as_in_a_stream(
    adapter: ProviderAdapter, upstream: Upstream, reason: str | None
) -> None:
    message = {"content": None, "reasoning_content": "hm", "tool_calls": [CALL, OTHER_CALL]}
    (first, last), _ = await streamed(adapter, upstream, chat(said(message, reason)))
    calls = [{"index": 0, **CALL}, {"index": 1, **OTHER_CALL}]
    assert first["choices"][0]["delta"] == {
        "role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": calls
    }  # fmt: skip
    assert last["choices"][0]["finish_reason"] == (reason or "tool_calls")


async def test_each_of_several_answers_is_told_to_its_end(adapter: ProviderAdapter, upstream: Upstream) -> None:
    answer = chat(said({"content": "a"}), {**said({"content": "b"}, "length"), "index": 1, "logprobs": {"content": []}})
    chunks, _ = await streamed(adapter, upstream, answer, n=2)
    told = [(c["index"], c["delta"].get("content"), c["finish_reason"]) for one in chunks for c in one["choices"]]
    assert told == [(0, "a", None), (0, None, "stop"), (1, "b", None), (1, None, "length")]
    assert chunks[2]["choices"][0]["logprobs"] == {"content": []}


async def test_a_message_with_nothing_but_its_end_is_an_answer(adapter: ProviderAdapter, upstream: Upstream) -> None:
    answer = {"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}
    chunks, _ = await streamed(adapter, upstream, answer)
    assert [one["choices"][0] for one in chunks] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "length"},
    ]


async def test_a_whole_completion_is_told_as_a_stream(adapter: ProviderAdapter, upstream: Upstream) -> None:
    choices = [{"text": "Hello.", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    answer = {**TOLD, "object": "text_completion", "choices": choices, "usage": USAGE}
    chunks, _ = await streamed(adapter, upstream, answer, COMPLETIONS)
    assert chunks == [{**TOLD, "object": "text_completion", "choices": choices}]


async def test_a_whole_answer_may_be_larger_than_any_event(adapter: ProviderAdapter, upstream: Upstream) -> None:
    text = "x" * (9 * 2**20)
    chunks, _ = await streamed(adapter, upstream, chat(said({"content": text})))
    assert chunks[0]["choices"][0]["delta"]["content"] == text


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"error": {"message": "slow down", "code": 429}}, UpstreamRateLimited),
        ({"detail": "not now"}, UpstreamBadResponse),
        ({"choices": []}, UpstreamBadResponse),
        ({"choices": [{"index": 0}]}, UpstreamBadResponse),
        (chat(said({"content": "half of"}, "error")), UpstreamBadResponse),
        ([], UpstreamBadResponse),
    ],
)
async def test_a_whole_failure_is_no_stream(
    adapter: ProviderAdapter, upstream: Upstream, document: Any, error: type[GatewayError]
) -> None:
    with pytest.raises(error) as caught:
        await streamed(adapter, upstream, document)
    assert type(caught.value) is error


async def test_a_whole_answer_that_is_cut_is_no_stream(adapter: ProviderAdapter) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        body = json.dumps(chat(said({"content": "Hello."}))).encode()
        await peer.say(answer(body, b"content-type: application/json")[:-9])

    async with raw_server(script) as server:
        with pytest.raises(UpstreamBadResponse):
            await ask(adapter, server.url, stream=True)


# --- a stream to a request for a whole answer ---------------------------------------------------------------


async def test_a_streamed_chat_is_put_together(adapter: ProviderAdapter, upstream: Upstream) -> None:
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"role": "assistant", "reasoning_content": "so "}),
        chunk({"reasoning_content": "so"}, logprobs={"content": [{"token": "a"}]}),
        chunk({"content": "Hel"}, logprobs={"content": [{"token": "b"}]}),
        chunk({"content": "lo.", "role": None}),
        chunk({}, "stop", native_finish_reason="end"),
        {**TOLD, "choices": [], "usage": USAGE},
    ]
    document, reply = await whole(adapter, upstream, chunks)
    message = {"role": "assistant", "content": "Hello.", "reasoning_content": "so so"}
    logprobs = {"content": [{"token": "a"}, {"token": "b"}]}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "native_finish_reason": "end"}
    assert document == {
        **TOLD, "object": "chat.completion", "choices": [{**choice, "logprobs": logprobs}], "usage": USAGE
    }  # fmt: skip
    assert reply.usage == Usage(7, 4)


NUMBERED = [
    {"index": 0, "id": "call_a", "type": "function", "function": {"name": "look", "arguments": ""}},
    {"index": 1, "id": "call_b", "type": "function", "function": {"name": "hear", "arguments": "{}"}},
    {"index": 0, "function": {"arguments": '{"at":'}},
    {"index": 0, "id": "", "function": {"name": None, "arguments": '"sky"}'}},
]
NAMED = [
    {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"at":'}},
    {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '"sky"}'}},
    {"id": "call_b", "type": "function", "function": {"name": "hear", "arguments": "{}"}},
]
BARE = [
    {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"at":'}},
    {"function": {"arguments": '"sky"}'}},
    {"id": "call_b", "type": "function", "function": {"name": "hear", "arguments": {}}},
]


@pytest.mark.parametrize("pieces", [NUMBERED, NAMED, BARE], ids=["by index", "by id", "in their order"])
async def test_tool_calls_are_put_together(adapter: ProviderAdapter, upstream: Upstream, pieces: list[Any]) -> None:
    chunks = [*(chunk({"tool_calls": [piece]}) for piece in pieces), chunk({}, "tool_calls")]
    document, _ = await whole(adapter, upstream, chunks)
    calls = document["choices"][0]["message"]["tool_calls"]
    for call in calls:
        call["function"]["arguments"] = call["function"]["arguments"] or "{}"
    assert document["choices"][0]["message"] == {
        "role": "assistant", "content": None, "tool_calls": [CALL, OTHER_CALL]
    }  # fmt: skip


async def test_several_answers_are_kept_apart(adapter: ProviderAdapter, upstream: Upstream) -> None:
    chunks = [chunk({"content": "b"}, index=1), chunk({"content": "a"}), chunk({"content": "B"}, "stop", index=1)]
    document, _ = await whole(adapter, upstream, [*chunks, chunk({}, "length")], n=2)
    told = [(c["index"], c["message"]["content"], c["finish_reason"]) for c in document["choices"]]
    assert told == [(0, "a", "length"), (1, "bB", "stop")]


async def test_a_streamed_completion_is_put_together(adapter: ProviderAdapter, upstream: Upstream) -> None:
    pieces = [
        {"text": "Hel", "index": 0, "logprobs": {"tokens": ["Hel"]}, "finish_reason": None},
        {"text": "lo.", "index": 0, "logprobs": {"tokens": ["lo."]}, "finish_reason": "stop"},
    ]
    chunks = [{**TOLD, "object": "text_completion", "choices": [piece]} for piece in pieces]
    document, _ = await whole(adapter, upstream, chunks, COMPLETIONS)
    choice = {"index": 0, "text": "Hello.", "logprobs": {"tokens": ["Hel", "lo."]}, "finish_reason": "stop"}
    assert document == {**TOLD, "object": "text_completion", "choices": [choice]}


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([], UpstreamBadResponse),
        ([chunk({"content": "half of"})], UpstreamBadResponse),
        (
            [chunk({"content": "half of"}), {"error": {"message": f"slow down, {KEY}", "code": 429}}],
            UpstreamRateLimited,
        ),
        ([chunk({"content": "half of"}), {"choices": [{"delta": "text"}]}], UpstreamBadResponse),
        ([chunk({"tool_calls": ["text"]})], UpstreamBadResponse),
    ],
)
async def test_a_stream_that_breaks_is_no_answer(
    adapter: ProviderAdapter, upstream: Upstream, events: list[Any], error: type[GatewayError]
) -> None:
    encoded = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in events)
    upstream.canned[CHAT.path] = (encoded, EVENTS)
    with pytest.raises(error) as caught:
        await ask(adapter, upstream.url)
    assert type(caught.value) is error and KEY not in f"{caught.value.message}{caught.value.upstream}"


async def test_vectors_are_never_a_stream(adapter: ProviderAdapter, upstream: Upstream) -> None:
    upstream.canned[EMBEDDINGS.path] = (DONE, EVENTS)
    with pytest.raises(UpstreamBadResponse, match="instead of JSON"):
        await ask(adapter, upstream.url, EMBEDDINGS, input="x")


async def test_a_stream_that_never_ends_is_late(adapter: ProviderAdapter) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        while True:
            await peer.say(b": here\n\n", pause=0.02)

    async with raw_server(script) as server:
        with pytest.raises(UpstreamTimeout):
            await ask(adapter, server.url, patience=0.5)


# --- prompts that a filter refused --------------------------------------------------------------------------

AZURE = {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": True}}}]}
HARMLESS = {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]}
GEMINI = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
SNAKES = {"prompt_feedback": {"block_reason": "SAFETY"}}


@pytest.mark.parametrize("choices", [{"choices": []}, {"choices": None}, {}], ids=["empty", "null", "none"])
@pytest.mark.parametrize("told", [AZURE, GEMINI, SNAKES], ids=["Azure", "Gemini", "snake case"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_was_filtered_is_a_refusal(
    adapter: ProviderAdapter, upstream: Upstream, told: dict[str, Any], choices: dict[str, Any], stream: bool
) -> None:
    document = {**TOLD, **choices, **told, "usage": USAGE}
    upstream.canned[CHAT.path] = (
        (b"data: %b\n\n" % json.dumps(document).encode() + DONE, EVENTS) if stream else document
    )
    with pytest.raises(UpstreamRefused, match="content filter") as caught:
        await streamed_pieces(await ask(adapter, upstream.url, stream=stream))
    assert (caught.value.http_status, caught.value.error_code) == (400, "content_filter")
    assert not caught.value.retryable


async def test_what_a_filter_says_of_a_good_prompt_is_passed_on(adapter: ProviderAdapter, upstream: Upstream) -> None:
    first = {**TOLD, "choices": [], **HARMLESS}
    chunks = [first, chunk({"content": "Hello."}, "stop"), {**TOLD, "choices": [], **AZURE}]
    events = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in chunks) + DONE
    upstream.canned[CHAT.path] = (events, EVENTS)
    reply = await ask(adapter, upstream.url, stream=True)
    assert b"".join(await streamed_pieces(reply)) == events


async def test_no_choices_and_no_reason_is_the_providers_failure(adapter: ProviderAdapter, upstream: Upstream) -> None:
    upstream.canned[CHAT.path] = {**TOLD, "choices": [], **HARMLESS}
    with pytest.raises(UpstreamBadResponse):
        await ask(adapter, upstream.url)
