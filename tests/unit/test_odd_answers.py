"""What providers of OpenAI's dialect answer otherwise than OpenAI: understood, or told as their failure."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamRateLimited, UpstreamServerError
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.operations import CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, RERANK, Operation
from gateway.providers.base import Endpoint, Provider, ProviderAdapter, ProviderType
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.http_server import Exchange, HttpServer
from tests.fakes.streams import pieces_of, streamed_pieces
from tests.fakes.upstream import Upstream


@pytest.fixture
async def adapter() -> AsyncIterator[ProviderAdapter]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield build_adapters(transport)["openai"]
    await transport.aclose()


async def ask(adapter: ProviderAdapter, upstream: Upstream, operation: Operation, answer: Any, **body: Any) -> Reply:
    """The adapter's reply where the upstream says `answer`."""
    upstream.canned[operation.path] = answer
    document = json.dumps({"model": "m", **body}).encode()
    call = Call(operation, "m", "req", time.monotonic(), document, stream=bool(body.get("stream")))
    return await adapter.send(Endpoint(Provider("p", ProviderType.OPENAI, upstream.url), "m"), call)


# --- texts -----------------------------------------------------------------------------------------------

SAID: dict[str, dict[str, Any]] = {
    CHAT.path: {"message": {"role": "assistant", "content": "half of"}},
    COMPLETIONS.path: {"text": "half of"},
}
BROKEN_OFF = [
    ({"finish_reason": "error", "error": {"code": 502, "message": "Overloaded"}}, UpstreamServerError),
    ({"finish_reason": "error", "error": {"code": 429, "message": "Slow down"}}, UpstreamRateLimited),
    ({"finish_reason": None, "error": {"message": "Lost it"}}, UpstreamBadResponse),
    ({"finish_reason": "error"}, UpstreamBadResponse),
    ({"finish_reason": "error", "error": None}, UpstreamBadResponse),
    ({"finish_reason": "stop", "native_finish_reason": "network_error"}, UpstreamBadResponse),
    ({"finish_reason": "abort"}, UpstreamBadResponse),
    ({"finish_reason": "insufficient_system_resource"}, UpstreamBadResponse),
]


@pytest.mark.parametrize(("end", "error"), BROKEN_OFF)
@pytest.mark.parametrize("operation", [CHAT, COMPLETIONS], ids=["chat", "completion"])
async def test_a_choice_that_broke_off_is_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, operation: Operation, end: dict[str, Any], error: type[GatewayError]
) -> None:
    answer = {"choices": [{"index": 0, **SAID[operation.path], **end}]}
    with pytest.raises(error) as caught:
        await ask(adapter, upstream, operation, answer, messages=[], prompt="x")
    assert type(caught.value) is error
    assert caught.value.upstream == (end.get("error") or {}).get("message")


@pytest.mark.parametrize(("end", "error"), BROKEN_OFF)
async def test_a_choice_that_breaks_off_in_a_stream_is_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, end: dict[str, Any], error: type[GatewayError]
) -> None:
    chunks = [{"delta": {"content": "half of"}, "finish_reason": None}, {"delta": {}, **end}]
    events = b"".join(b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, **one}]}).encode() for one in chunks)
    reply = await ask(
        adapter, upstream, CHAT, (events + b"data: [DONE]\n\n", "text/event-stream"), messages=[], stream=True
    )
    pieces: list[bytes] = []
    with pytest.raises(error) as caught:
        assert not isinstance(reply.body, bytes)
        await pieces_of(reply.body, pieces)
    assert (type(caught.value), caught.value.upstream) == (error, (end.get("error") or {}).get("message"))
    assert b"half of" in b"".join(pieces) and b"[DONE]" not in b"".join(pieces)


@pytest.mark.parametrize(
    "end",
    [
        {"finish_reason": "content_filter"},
        {"finish_reason": "eos_token", "error": None},
        {"finish_reason": None, "error": {}},
        {"finish_reason": "stop", "content_filter_results": {"error": {"code": "content_filter_error"}}},
    ],
    ids=["refused", "as TGI ends", "an error that says nothing", "a filter of Azure that was down"],
)
async def test_other_ends_of_a_choice_are_answers(
    adapter: ProviderAdapter, upstream: Upstream, end: dict[str, Any]
) -> None:
    answer = {"choices": [{"index": 0, **SAID[CHAT.path], **end}], "error": ""}
    reply = await ask(adapter, upstream, CHAT, answer, messages=[])
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body) == answer
    chunk = {"choices": [{"index": 0, "delta": {"content": "all"}, **end}]}
    events = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()
    reply = await ask(adapter, upstream, CHAT, (events, "text/event-stream"), messages=[], stream=True)
    assert b"".join(await streamed_pieces(reply)) == events


@pytest.mark.parametrize(
    "ping",
    [
        b'data: {"type": "ping"}',
        b'event: ping\ndata: {"type":"ping"}',
        b"event:ping\ndata:2024-04-27 01:35:43",
        b"data:",
        b"data: ",
        b"event: keep-alive\ndata:",
    ],
    ids=["Anthropic", "named", "a time", "empty", "blank", "empty and named"],
)
async def test_signs_of_life_in_a_stream_are_kept_from_the_caller(
    adapter: ProviderAdapter, upstream: Upstream, ping: bytes
) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "all"}, "finish_reason": "stop"}]}
    good, done = b"data: %b\n\n" % json.dumps(chunk).encode(), b"data: [DONE]\n\n"
    events = ping + b"\n\n" + good + ping + b"\n\n" + done
    reply = await ask(adapter, upstream, CHAT, (events, "text/event-stream"), messages=[], stream=True)
    assert b"".join(await streamed_pieces(reply)) == good + done


@pytest.mark.parametrize(
    "nothing",
    [
        b'data: {"id":"x","object":"chat.completion.chunk"}',
        b'data: {"id":"x","choices":null}',
        b"   ",
        b"\t",
    ],
    ids=["no choices", "null", "spaces", "a tab"],
)
async def test_events_that_say_nothing_are_kept_from_the_caller(
    adapter: ProviderAdapter, upstream: Upstream, nothing: bytes
) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "all"}, "finish_reason": "stop"}]}
    good, done = b"data: %b\n\n" % json.dumps(chunk).encode(), b"data: [DONE]\n\n"
    events = nothing + b"\n\n" + good + nothing + b"\n\n" + done
    reply = await ask(adapter, upstream, CHAT, (events, "text/event-stream"), messages=[], stream=True)
    assert b"".join(await streamed_pieces(reply)) == good + done


@pytest.mark.parametrize("choices", [{}, {"choices": None}, {"choices": []}], ids=["none", "null", "as OpenAI"])
async def test_a_chunk_that_tells_usage_has_choices(
    adapter: ProviderAdapter, upstream: Upstream, choices: dict[str, Any]
) -> None:
    """Clients go through those of each chunk."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "all"}, "finish_reason": "stop"}]}
    usage = {"id": "x", **choices, "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    events = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in (chunk, usage)) + b"data: [DONE]\n\n"
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    pieces = await streamed_pieces(
        await ask(adapter, upstream, CHAT, (events, "text/event-stream"), messages=[], **asked)
    )
    assert json.loads(pieces[1][6:]) == {**usage, "choices": []} and len(pieces) == 3
    assert choices != {"choices": []} or b"".join(pieces) == events


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream", ""])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_whole_answer_is_read_behind_a_byte_order_mark_and_under_any_name(
    adapter: ProviderAdapter, upstream: Upstream, kind: str, stream: bool
) -> None:
    document = {"choices": [{"index": 0, **SAID[CHAT.path], "finish_reason": "stop"}]}
    marked = b"\xef\xbb\xbf" + json.dumps(document).encode()
    reply = await ask(adapter, upstream, CHAT, (marked, kind), messages=[], stream=stream)
    if isinstance(reply.body, bytes):
        assert reply.body == marked[3:]
    else:
        pieces = await streamed_pieces(reply)
        assert b"half of" in pieces[0] and pieces[2:] == [b"data: [DONE]\n\n"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_may_be_called_created(adapter: ProviderAdapter, stream: bool) -> None:
    """As some frameworks name the answer to any POST."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "all"}, "finish_reason": "stop"}]}
    events = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()
    whole = json.dumps({"choices": [{"index": 0, **SAID[CHAT.path]}]}).encode()

    async def answer(exchange: Exchange) -> None:
        exchange.send(201, events if stream else whole, "text/event-stream" if stream else "application/json")

    server = HttpServer(answer)
    server.start()
    try:
        document = json.dumps({"model": "m", "messages": [], "stream": stream}).encode()
        call = Call(CHAT, "m", "req", time.monotonic(), document, stream=stream)
        reply = await adapter.send(Endpoint(Provider("p", ProviderType.OPENAI, server.url), "m"), call)
        body = reply.body if isinstance(reply.body, bytes) else b"".join(await streamed_pieces(reply))
    finally:
        server.stop()
    assert (reply.status, body) == (200, events if stream else whole)


async def test_a_failure_told_as_msg_alone_is_told(adapter: ProviderAdapter, upstream: Upstream) -> None:
    with pytest.raises(UpstreamServerError) as caught:
        await ask(adapter, upstream, CHAT, {"code": 500, "msg": "404 NOT_FOUND", "success": False}, messages=[])
    assert caught.value.upstream == "404 NOT_FOUND"


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "application/octet-stream"])
async def test_a_stream_that_is_named_wrongly_is_one(adapter: ProviderAdapter, upstream: Upstream, kind: str) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "all"}, "finish_reason": "stop"}]}
    events = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()
    reply = await ask(adapter, upstream, CHAT, (events, kind), messages=[], stream=True)
    assert (b"".join(await streamed_pieces(reply)), reply.media_type) == (events, "text/event-stream")
    reply = await ask(adapter, upstream, CHAT, (b"We are down for maintenance.\n", kind), messages=[], stream=True)
    with pytest.raises(UpstreamBadResponse):
        await streamed_pieces(reply)


@pytest.mark.parametrize(
    ("event", "status", "said"),
    [
        ({"object": "error", "message": "This is too much", "type": "BadRequestError", "code": 400}, 400, "too much"),
        ({"object": "error", "message": "Engine died", "code": "internal"}, 502, "Engine died"),
        ({"detail": "Not now"}, 502, "Not now"),
        ({"object": "something"}, 502, "another kind"),
        (b"event: error\ndata: Engine died\n\n", 502, "Engine died"),
        (b'event: error\ndata: "Engine died"\n\n', 502, "Engine died"),
    ],
    ids=["vLLM before 0.10", "without a status", "FastAPI", "no error", "words", "a text"],
)
async def test_an_error_that_is_not_called_one_is_told_as_what_it_is(
    adapter: ProviderAdapter, upstream: Upstream, event: dict[str, Any] | bytes, status: int, said: str
) -> None:
    encoded = event if isinstance(event, bytes) else b"data: %b\n\n" % json.dumps(event).encode()
    answer = (encoded, "text/event-stream")
    reply = await ask(adapter, upstream, CHAT, answer, messages=[], stream=True)
    with pytest.raises(GatewayError) as caught:
        await streamed_pieces(reply)
    assert caught.value.http_status == status
    assert said in f"{caught.value.message} {caught.value.upstream}"


async def test_an_event_nested_without_end_is_not_valid(adapter: ProviderAdapter, upstream: Upstream) -> None:
    event = b'data: {"choices":[{"delta":' + b"[" * 5000 + b"\n\n"
    reply = await ask(adapter, upstream, CHAT, (event, "text/event-stream"), messages=[], stream=True)
    with pytest.raises(UpstreamBadResponse, match="not valid"):
        await streamed_pieces(reply)


@pytest.mark.parametrize("choice", [{}, {"message": None}, {"message": "text"}, {"delta": {}}])
async def test_a_choice_without_a_message_is_none(
    adapter: ProviderAdapter, upstream: Upstream, choice: dict[str, Any]
) -> None:
    good = {"index": 0, **SAID[CHAT.path]}
    for choices in ([choice], [good, choice]):
        with pytest.raises(UpstreamBadResponse, match="choices"):
            await ask(adapter, upstream, CHAT, {"choices": choices, "usage": {"prompt_tokens": 1}}, messages=[])


# --- vectors ---------------------------------------------------------------------------------------------

SHORT, LONG = [0.25] * 4, [0.25] * 16_384


def vectors(*indices: int | None, vector: object = SHORT) -> dict[str, Any]:
    rows = [{"object": "embedding", "index": index, "embedding": vector} for index in indices]
    data = [row if row["index"] is not None else {"embedding": vector} for row in rows]
    return {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}


@pytest.mark.parametrize("vector", [SHORT, LONG], ids=["small", "large"])
@pytest.mark.parametrize(
    ("given", "indices"),
    [
        ("a", [0]),
        (["a"], [0]),
        ([1, 2, 3], [0]),
        ([[1, 2], [3]], [0, 1]),
        (["a", "b", "c"], [0, 1, 2]),
        (["a", "b", "c"], [2, 0, 1]),
        (["a", "b", "c"], [None, 1, 2]),
        (["a", "b"], [None, None]),
        ([{"text": "a"}, {"image": "b"}], [0]),
    ],
    ids=["text", "list of one", "tokens", "lists of tokens", "texts", "out of order", "0 left out as Gemini does",
         "no indices", "parts of whatever kind"],
)  # fmt: skip
async def test_a_vector_for_each_input_is_an_answer(
    adapter: ProviderAdapter, upstream: Upstream, given: object, indices: list[int | None], vector: object
) -> None:
    reply = await ask(adapter, upstream, EMBEDDINGS, vectors(*indices, vector=vector), input=given)
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body) == vectors(*indices, vector=vector)


@pytest.mark.parametrize("vector", [SHORT, LONG], ids=["small", "large"])
@pytest.mark.parametrize(
    ("given", "indices"),
    [
        (["a", "b"], [0]),
        (["a", "b", "c"], [0, 1]),
        ([[1, 2], [3]], [0]),
        (["a", "b"], [None]),
        ("a", [0, 1]),
        (["a", "b"], [0, 1, 2]),
    ],
)
async def test_too_few_or_too_many_vectors_are_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, given: object, indices: list[int | None], vector: object
) -> None:
    with pytest.raises(UpstreamBadResponse, match="vectors"):
        await ask(adapter, upstream, EMBEDDINGS, vectors(*indices, vector=vector), input=given)


@pytest.mark.parametrize("vector", [SHORT, LONG], ids=["small", "large"])
@pytest.mark.parametrize("indices", [[0, 0], [1, 2], [0, 2], [-1, 0], [1, None], [1, 1]])
async def test_vectors_that_belong_to_no_input_are_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, indices: list[int | None], vector: object
) -> None:
    with pytest.raises(UpstreamBadResponse, match="vectors"):
        await ask(adapter, upstream, EMBEDDINGS, vectors(*indices, vector=vector), input=["a", "b"])


@pytest.mark.parametrize("other", [SHORT, LONG], ids=["small", "large"])
@pytest.mark.parametrize("vector", [[], [None, None], None, ""])
async def test_vectors_without_figures_are_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, vector: object, other: object
) -> None:
    answer = vectors(0, 1, 2, vector=other)
    answer["data"][1]["embedding"] = vector
    with pytest.raises(UpstreamBadResponse, match="vectors"):
        await ask(adapter, upstream, EMBEDDINGS, answer, input=["a", "b", "c"])


PACKED, NESTED, BYTES = "q80" * 30_000, [[0.5] * 40] * 400, [-3, 127] * 20_000


@pytest.mark.parametrize("vector", [PACKED, LONG, NESTED, BYTES, [0.5]], ids=["base64", "", "nested", "int8", "one"])
@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": "), None], ids=["dense", "as Python writes", "in lines"])
async def test_large_answers_of_every_form_are_looked_through(
    adapter: ProviderAdapter, upstream: Upstream, vector: object, spaces: tuple[str, str] | None
) -> None:
    """With the row's other members and the usage before or behind the vectors."""
    rows = [{"embedding": vector, "index": n, "object": "embedding"} for n in range(200 if vector == [0.5] else 3)]
    answer = {"usage": {"prompt_tokens": 5, "total_tokens": 5}, "data": rows, "model": "x" * 66_000}
    encoded = json.dumps(answer, separators=spaces, indent=None if spaces else 1).encode()
    encoding = "base64" if isinstance(vector, str) else "other"
    given = {"input": ["a"] * len(rows), "encoding_format": encoding}
    reply = await ask(adapter, upstream, EMBEDDINGS, (encoded, "application/json"), **given)
    assert (reply.body, reply.usage) == (encoded, Usage(5))
    with pytest.raises(UpstreamBadResponse, match=f"{len(rows)} vectors for {len(rows) + 1} inputs"):
        await ask(
            adapter, upstream, EMBEDDINGS, (encoded, "application/json"), **{**given, "input": ["a"] * (len(rows) + 1)}
        )


# --- ranks -----------------------------------------------------------------------------------------------

THREE = {"query": "blue", "documents": ["green grass", "a blue sky", "a red rose"]}


def ranks(*rows: tuple[int, float], **more: Any) -> dict[str, Any]:
    return {"results": [{"index": index, "relevance_score": score} for index, score in rows], **more}


async def ranked(adapter: ProviderAdapter, upstream: Upstream, answer: Any, **asked: Any) -> list[int]:
    reply = await ask(adapter, upstream, RERANK, answer, **THREE, **asked)
    assert isinstance(reply.body, bytes)
    return [row["index"] for row in json.loads(reply.body)["results"]]


@pytest.mark.parametrize(
    ("answer", "asked", "order"),
    [
        (ranks((0, 0.1), (1, 0.9), (2, 0.5)), {}, [1, 2, 0]),
        (ranks((0, 0.1), (1, 0.9), (2, 0.5)), {"top_n": 2}, [1, 2]),
        (ranks((1, 0.9), (2, 0.5)), {"top_n": 2}, [1, 2]),
        (ranks((1, 0.9)), {"top_k": 1}, [1]),
        (ranks((2, 1), (0, 0), (1, 0)), {"top_n": 9}, [2, 0, 1]),
        ([{"index": 2, "score": 3}, {"index": 0, "score": 1}, {"index": 1, "score": 2}], {}, [2, 1, 0]),
        ({"data": [{"index": 1, "relevance_score": 0.2}, {"relevance_score": 0.7, "index": 0}]}, {"top_n": 2}, [0, 1]),
        ([0.5, 0.7, 0.1], {}, [1, 0, 2]),
    ],
    ids=["all", "more than asked", "as many as asked", "top_k, as Voyage calls it", "fewer documents than asked for",
         "TEI", "Voyage", "bare scores"],
)  # fmt: skip
async def test_a_rank_for_each_document_that_was_asked_for_is_an_answer(
    adapter: ProviderAdapter, upstream: Upstream, answer: Any, asked: dict[str, Any], order: list[int]
) -> None:
    assert await ranked(adapter, upstream, answer, **asked) == order


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (ranks((1, 0.9), (2, 0.5)), {}),
        (ranks((1, 0.9)), {"top_n": 2}),
        (ranks(), {}),
        (ranks((0, 0.1), (1, 0.9), (3, 0.5)), {}),
        (ranks((0, 0.1), (1, 0.9), (-1, 0.5)), {}),
        (ranks((0, 0.1), (1, 0.9), (1, 0.5)), {}),
        ({"results": [{"index": 0}, {"index": 1}, {"index": 2}]}, {}),
        ({"results": None}, {}),
        ({"model": "m"}, {}),
    ],
    ids=[
        "too few",
        "too few for top_n",
        "none",
        "of no document",
        "below none",
        "twice",
        "no scores",
        "null",
        "no rows",
    ],
)
async def test_ranks_that_are_not_those_of_the_documents_are_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, answer: Any, asked: dict[str, Any]
) -> None:
    with pytest.raises(UpstreamBadResponse, match="rank"):
        await ranked(adapter, upstream, answer, **asked)


async def test_the_usage_of_a_ranking_is_read_wherever_it_stands(adapter: ProviderAdapter, upstream: Upstream) -> None:
    texts = [{"index": n, "relevance_score": 0.5, "document": {"text": "x" * 3000}} for n in range(3)]
    answer = {"usage": {"prompt_tokens": 9, "total_tokens": 9}, "results": texts}
    reply = await ask(adapter, upstream, RERANK, answer, **THREE)
    assert reply.usage == Usage(9)


# --- pictures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        [{"url": "https://x.invalid/1.png", "revised_prompt": None}],
        [{"b64_json": "aGk=", "url": None}],
        [{"prompt_filter_results": {}}, {"url": "https://x.invalid/1.png"}],
        [None, {"b64_json": "aGk="}],
        [{"b64_json": "aGk=" * 50_000}],
    ],
    ids=["address", "base64", "one kept back", "one lost", "large"],
)
async def test_pictures(adapter: ProviderAdapter, upstream: Upstream, rows: list[Any]) -> None:
    reply = await ask(adapter, upstream, IMAGES, {"created": 1, "data": rows}, prompt="a cat", n=2)
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body)["data"] == rows


@pytest.mark.parametrize(
    "answer",
    [
        {"data": []},
        {"data": None},
        {"data": [None]},
        {"data": [{}]},
        {"data": [{"url": None}, {"b64_json": ""}]},
        {},
        [],
    ],
)
async def test_answers_without_a_picture_are_the_providers_failure(
    adapter: ProviderAdapter, upstream: Upstream, answer: Any
) -> None:
    with pytest.raises(UpstreamBadResponse, match="picture"):
        await ask(adapter, upstream, IMAGES, answer, prompt="a cat")
