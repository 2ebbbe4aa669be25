"""The adapters against real upstreams: what they send, what they make of answers, and of failures.

Rows of docs/acceptance.md: A000-07, A000-11, A000-15.
"""

import asyncio
import gc
import json
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import (
    GatewayError,
    UpstreamBadResponse,
    UpstreamCredentials,
    UpstreamEndpointMissing,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from gateway.openai_api.call import Call, Usage
from gateway.openai_api.operations import CHAT, COMPLETIONS, EMBEDDINGS, Operation
from gateway.providers import openai_compatible
from gateway.providers import stream as stream_module
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderAdapter, ProviderType, Timeouts
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes import answers
from tests.fakes.http_server import Exchange, HttpServer
from tests.fakes.streams import first_pieces, pieces_of, streamed_pieces
from tests.fakes.upstream import Upstream

KEY = "sk-operator-0123456789"
PATIENT = Timeouts(connect=20.0, first_byte=20.0, whole=20.0, idle=20.0)
SOON = Timeouts(connect=20.0, first_byte=1.5, whole=1.5, idle=1.5)
"""And yet later than what was sent comes, on a machine that stands still for a second."""


@pytest.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    made = PooledTransport(AddressPolicy(allow_private=True))
    yield made
    await made.aclose()


@pytest.fixture
def adapters(transport: PooledTransport, upstream: Upstream) -> Mapping[str, ProviderAdapter]:
    return build_adapters(transport, chutes_api_url=upstream.url)


def provider(upstream: Upstream, kind: ProviderType = ProviderType.OPENAI, **more: Any) -> Provider:
    values: dict[str, Any] = {
        "base_url": upstream.url,
        "api_keys": (KEY,),
        "timeouts": PATIENT,
    }
    return Provider("p", kind, **{**values, **more})


def hurried(upstream: Upstream, fault: str) -> Provider:
    """One whose silence is noticed soon, where the fault is silence."""
    return provider(upstream, timeouts=SOON if fault.startswith(("hang", "stall")) else PATIENT)


def call(operation: Operation = CHAT, stream: bool = False, **body: Any) -> Call:
    inner = {"messages": [{"role": "user", "content": "hi"}]} if operation is CHAT else {"prompt": "hi"}
    document = {"model": "public", **inner, **body, **({"stream": True} if stream else {})}
    return Call(operation, "public", "req", time.monotonic(), json.dumps(document).encode(), stream=stream)


# --- JSON ---


async def test_chat(adapters: Mapping[str, ProviderAdapter], upstream: Upstream) -> None:
    asked = call(temperature=0.5, unknown={"z": 1, "a": [True, None]})
    reply = await adapters["openai"].send(Endpoint(provider(upstream, headers={"X-Team": "a"}), "gpt-x"), asked)
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == upstream.text
    assert reply.usage == Usage(input_tokens=7, output_tokens=4, cached_tokens=3)
    assert (reply.status, reply.media_type, reply.headers) == (200, "application/json", {})
    sent = upstream.last
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["x-team"] == "a"
    assert list(sent.json) == ["model", "messages", "temperature", "unknown"]
    assert sent.json == {**json.loads(asked.body), "model": "gpt-x"}


async def test_of_two_models_in_a_body_neither_reaches_the_upstream(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    asked = Call(CHAT, "b", "r", 0.0, b'{"model":"forbidden","messages":[],"model":"b"}')
    await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), asked)
    assert upstream.last.body.count(b'"model"') == 1
    assert upstream.last.json["model"] == "gpt-x"


@pytest.mark.parametrize("usage", [False, True])
async def test_chat_stream(adapters: Mapping[str, ProviderAdapter], upstream: Upstream, usage: bool) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    reply = await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(stream=True, **more))
    got = await streamed_pieces(reply)
    assert reply.media_type == "text/event-stream"
    sent = list(answers.stream_events(upstream, upstream.last))
    assert got == [event for event in sent if usage or b'"usage"' not in event]
    assert getattr(reply.body, "usage") == Usage(7, 4, 3)  # noqa: B009
    assert upstream.last.headers["accept"] == "text/event-stream"


async def test_a_stream_is_not_asked_for_usage_where_the_provider_refuses_to_be(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    old = replace(provider(upstream), stream_usage=False)
    reply = await adapters["openai"].send(Endpoint(old, "gpt-x"), call(stream=True))
    assert (await streamed_pieces(reply))[-1] == b"data: [DONE]\n\n"
    assert "stream_options" not in upstream.last.json


async def test_a_provider_that_refuses_to_tell_usage_in_streams_is_asked_without(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    upstream.script += ["unused"]
    reply = await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(stream=True))
    assert (await streamed_pieces(reply))[-1] == b"data: [DONE]\n\n"
    first, second = (request.json for request in upstream.requests)
    assert first.pop("stream_options") == {"include_usage": True} and first == second


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_model_refused_once_it_is_not_asked_again(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, stream: bool
) -> None:
    """OpenAI's reasoning models know `max_tokens` by another name alone."""
    one = provider(upstream)
    upstream.script += ["renamed", *(["unused"] if stream else [])]
    for model in ("gpt-x", "gpt-x", "gpt-y"):
        await adapters["openai"].send(Endpoint(one, model), call(stream=stream, max_tokens=7, top_p=1))
    tries = [list(request.json) for request in upstream.requests if request.json["model"] == "gpt-x"]
    usage = ["stream", "stream_options"] if stream else []
    asked = ["model", "messages", "max_tokens", "top_p"]
    renamed = ["model", "messages", "max_completion_tokens", "top_p"]
    without = [*renamed, *usage[:1]]
    assert tries == [[*asked, *usage], *([[*renamed, *usage]] if stream else []), without, without]
    assert "max_tokens" in upstream.last.json


async def test_a_bound_that_is_too_large_keeps_its_name(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    upstream.script += ["context"]
    with pytest.raises(UpstreamRefused):
        await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(max_tokens=7))
    assert len(upstream.requests) == 1


async def test_what_the_caller_asked_for_is_refused_as_it_is(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    upstream.script += ["unused"]
    asked = call(stream=True, stream_options={"include_usage": True})
    with pytest.raises(UpstreamRefused, match="stream_options: Extra inputs"):
        await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), asked)
    assert len(upstream.requests) == 1


def translated(**body: Any) -> Call:
    """As a dialect asks: always for the usage of a stream, whoever calls."""
    asked = call(stream=True, stream_options={"include_usage": True}, **body)
    return asked.replaced(options=object())


async def test_a_dialects_wish_for_usage_is_kept_from_a_provider_that_refuses_it(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    old = replace(provider(upstream), stream_usage=False)
    reply = await adapters["openai"].send(Endpoint(old, "gpt-x"), translated())
    assert (await streamed_pieces(reply))[-1] == b"data: [DONE]\n\n"
    assert "stream_options" not in upstream.last.json


async def test_a_dialect_gets_its_stream_without_usage_where_that_is_refused(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    one = provider(upstream)
    upstream.script += ["unused"]
    for _ in range(2):
        reply = await adapters["openai"].send(Endpoint(one, "gpt-x"), translated())
        assert (await streamed_pieces(reply))[-1] == b"data: [DONE]\n\n"
    assert ["stream_options" in request.json for request in upstream.requests] == [True, False, False]


HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
    {
        "role": "assistant",
        "content": "hello",
        "reasoning_content": "so 😀",
        "reasoning": "so",
        "annotations": [],
        "function_call": None,
        "tool_calls": [{"id": "a", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "4", "id": "m-3"},
]
STRICT = [
    ("reasoning_content", 400, "'messages.1' : for 'role:assistant' the following must be satisfied"
     "[('messages.1' : property 'reasoning_content' is unsupported, did you mean 'role'?)]"),
    ("reasoning_content", 400, "messages.1.assistant.reasoning_content: property "
     "'messages.1.assistant.reasoning_content' is unsupported"),
    ("reasoning_content", 422, [{"type": "extra_forbidden", "msg": "Extra inputs are not permitted",
                                 "loc": ["body", "messages", 1, "assistant", "reasoning_content"]}]),
    ("reasoning_content", 400, "Please remove the reasoning_content from your message to reduce traffic."),
    ("reasoning", 400, "Unknown parameter: 'messages[1].reasoning'."),
    ("annotations", 400, "Additional properties are not allowed ('annotations' was unexpected) - 'messages.1'"),
    ("function_call", 400, "property 'function_call' is unsupported"),
    ("cache_control", 400, "messages.0.content.0.cache_control: Extra inputs are not permitted"),
    ("index", 400, 'json: unknown field "index"'),
    ("id", 400, "property 'id' is unsupported"),
]  # fmt: skip


def strict_upstream(upstream: Upstream, field: str, status: int, said: Any) -> None:
    """Refuses each request whose messages hold the field, tool calls' own `id`s left aside."""

    async def answer(exchange: Exchange) -> None:
        messages = exchange.request.json["messages"]
        calls = [one for message in messages for one in message.get("tool_calls", ())]
        parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
        found = any(field in one for one in (*messages, *parts, *(calls if field != "id" else ())))
        if found:
            exchange.send_json(status, {"detail": said} if isinstance(said, list) else {"error": {"message": said}})
        else:
            await answers.BY_PATH["/v1/chat/completions"](upstream, exchange)

    upstream.server.handler = answer


@pytest.fixture
def handler(upstream: Upstream) -> Iterator[None]:
    own = upstream.server.handler
    yield
    upstream.server.handler = own


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize(("field", "status", "said"), STRICT)
async def test_a_field_of_messages_that_another_provider_told_is_left_out_where_it_is_refused(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, field: str, status: int, said: Any
) -> None:
    strict_upstream(upstream, field, status, said)
    one = provider(upstream)
    for _ in range(2):
        reply = await adapters["openai"].send(Endpoint(one, "gpt-x"), call(messages=HISTORY))
        assert reply.status == 200
    first, *others = (request.json["messages"] for request in upstream.requests)
    assert first == HISTORY and len(others) == 2, "asked once more, and from then on at once without it"
    assert others[0] == others[1] == [_without(message, (field,)) for message in HISTORY]


def _without(message: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: value for name, value in message.items() if name not in names}
    for within in ("content", "tool_calls"):
        if isinstance(kept.get(within), list):
            gone = () if names == ("id",) else names
            kept[within] = [{name: value for name, value in one.items() if name not in gone} for one in kept[within]]
    return kept


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("tool_calls", "property 'tool_calls' is unsupported"),
        ("content", "messages.1.content: unexpected"),
        ("prefix", "messages.1.prefix: Extra inputs are not permitted"),
        ("reasoning", "This model does not support reasoning."),
    ],
)
async def test_what_messages_mean_is_never_left_out(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, field: str, said: str
) -> None:
    strict_upstream(upstream, field, 400, said)
    messages = [*HISTORY, {"role": "assistant", "content": "4 is", "prefix": True}]
    with pytest.raises(UpstreamRefused):
        await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(messages=messages))
    assert len(upstream.requests) == 1


@pytest.mark.usefixtures("handler")
async def test_a_caller_cannot_teach_what_does_not_help(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    """A refusal that repeats the caller's own words."""
    strict_upstream(upstream, "nonsense", 400, "Invalid value: 'unknown field .reasoning_content'")
    one = provider(upstream)
    with pytest.raises(UpstreamRefused):
        await adapters["openai"].send(Endpoint(one, "gpt-x"), call(messages=[{**HISTORY[1], "nonsense": 1}]))
    upstream.requests.clear()
    await adapters["openai"].send(Endpoint(one, "gpt-x"), call(messages=HISTORY))
    assert [request.json["messages"] for request in upstream.requests] == [HISTORY]


@pytest.mark.usefixtures("handler")
async def test_a_provider_that_finds_fault_with_one_field_after_the_other_is_not_asked_for_ever(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    async def answer(exchange: Exchange) -> None:
        message = exchange.request.json["messages"][0]
        name = next(name for name in message if name not in ("role", "content"))
        exchange.send_json(400, {"error": {"message": f"property '{name}' is unsupported"}})

    upstream.server.handler = answer
    message = {"role": "user", "content": "hi"} | {f"field_{number}": 1 for number in range(100)}
    with pytest.raises(UpstreamRefused, match="field_"):
        await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(messages=[message]))
    assert len(upstream.requests) == 17


@pytest.mark.usefixtures("handler")
async def test_pictures_stay_in_messages_that_lose_a_field(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    strict_upstream(upstream, "reasoning_content", 400, "property 'reasoning_content' is unsupported")
    url = "data:image/png;base64," + "QUJD" * 3000
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(messages=[picture, HISTORY[1]]))
    assert upstream.last.json["messages"] == [picture, _without(HISTORY[1], ("reasoning_content",))]


@pytest.mark.parametrize("stream", [False, True])
async def test_completions(adapters: Mapping[str, ProviderAdapter], upstream: Upstream, stream: bool) -> None:
    reply = await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(COMPLETIONS, stream, n=2))
    if stream:
        assert (await streamed_pieces(reply))[-1] == b"data: [DONE]\n\n"
    else:
        assert isinstance(reply.body, bytes)
        assert [c["text"] for c in json.loads(reply.body)["choices"]] == [upstream.text] * 2


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings(adapters: Mapping[str, ProviderAdapter], upstream: Upstream, encoding: str) -> None:
    asked = Call(
        EMBEDDINGS,
        "e",
        "r",
        0.0,
        json.dumps({"model": "e", "input": ["a", "b"], "encoding_format": encoding}).encode(),
    )
    reply = await adapters["openai"].send(Endpoint(provider(upstream), "text-embed"), asked)
    assert isinstance(reply.body, bytes)
    data = json.loads(reply.body)["data"]
    assert [isinstance(item["embedding"], str) for item in data] == [encoding == "base64"] * 2
    assert reply.usage == Usage(input_tokens=4)


async def test_large_embeddings_are_not_parsed_but_counted(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    body = json.dumps({"model": "e", "input": [f"text {n}" for n in range(2000)]}).encode()
    reply = await adapters["openai"].send(
        Endpoint(provider(upstream), "text-embed"), Call(EMBEDDINGS, "e", "r", 0.0, body)
    )
    assert len(reply.body) > 100_000  # type: ignore[arg-type]
    assert reply.usage == Usage(input_tokens=4000)


@pytest.mark.parametrize(
    ("base", "prefix", "path"),
    [
        ("", "", "/v1/chat/completions"),
        ("/", "", "/v1/chat/completions"),
        ("/v1", "", "/v1/chat/completions"),
        ("/v1/", "", "/v1/chat/completions"),
        ("/openai/v1", "/openai", "/openai/v1/chat/completions"),
        ("/openai", "/openai", "/openai/v1/chat/completions"),
        ("/v1beta/openai", None, "/v1beta/openai/chat/completions"),
        ("/api/paas/v4", None, "/api/paas/v4/chat/completions"),
    ],
)
async def test_base_urls(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, base: str, prefix: str | None, path: str
) -> None:
    upstream.prefix = prefix or ""
    try:
        await adapters["openai"].send(Endpoint(provider(upstream, base_url=upstream.url + base), "gpt-x"), call())
    except UpstreamEndpointMissing:
        assert prefix is None
    finally:
        upstream.prefix = ""
    assert upstream.last.path == path


# --- failures ---

REFUSALS: list[tuple[str, type[GatewayError], int, str | None, float | None]] = [
    ("429:2", UpstreamRateLimited, 429, "Rate limit exceeded", 2.0),
    ("429", UpstreamRateLimited, 429, "Rate limit exceeded", None),
    ("400", UpstreamRefused, 400, "bad temperature", None),
    ("401", UpstreamCredentials, 502, "Invalid API key", None),
    ("403", UpstreamCredentials, 502, "Forbidden for this account", None),
    ("402", UpstreamQuota, 402, "Quota exceeded", 7 * 86_400.0),
    ("404", UpstreamModelMissing, 404, "model not found: X", None),
    ("422", UpstreamRefused, 422, "messages: Field required", None),
    ("500", UpstreamServerError, 502, "Internal server error", None),
    ("502", UpstreamServerError, 502, "bad gateway", None),
    ("503:4", UpstreamUnavailable, 503, "No instances available (yet)", 4.0),
    ("504", UpstreamTimeout, 504, "504 Gateway Time-out", None),
    ("text", UpstreamRefused, 400, "plain words", None),
    ("reset", UpstreamUnreachable, 502, None, None),
    ("hang", UpstreamTimeout, 504, None, None),
    ("redirect", UpstreamBadResponse, 502, None, None),
    ("gzip", UpstreamBadResponse, 502, None, None),
    ("html", UpstreamBadResponse, 502, None, None),
    ("empty", UpstreamBadResponse, 502, None, None),
    ("garbage", UpstreamBadResponse, 502, None, None),
    ("shape", UpstreamBadResponse, 502, None, None),
    ("error-in-200", UpstreamBadResponse, 502, "overloaded", None),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "kind", "status", "said", "wait"), REFUSALS, ids=[row[0] for row in REFUSALS])
async def test_failures(
    adapters: Mapping[str, ProviderAdapter],
    upstream: Upstream,
    fault: str,
    kind: type[GatewayError],
    status: int,
    said: str | None,
    wait: float | None,
    stream: bool,
) -> None:
    with pytest.raises(GatewayError) as caught:
        reply = await adapters["openai"].send(Endpoint(hurried(upstream, fault), f"fault:{fault}"), call(stream=stream))
        await streamed_pieces(reply)
    error = caught.value
    assert type(error) is kind
    assert (error.http_status, error.retry_after) == (status, wait)
    if said is not None:
        assert error.upstream == said
    assert KEY not in f"{error.message}{error.upstream}"


async def test_codes_of_the_upstream_are_kept(adapters: Mapping[str, ProviderAdapter], upstream: Upstream) -> None:
    for fault, code in (("context", "context_length_exceeded"), ("filter", "content_filter")):
        with pytest.raises(UpstreamRefused) as caught:
            await adapters["openai"].send(Endpoint(provider(upstream), f"fault:{fault}"), call())
        assert caught.value.error_code == code


async def test_an_echoed_key_is_removed(adapters: Mapping[str, ProviderAdapter], upstream: Upstream) -> None:
    for key in (KEY, "cpk_0123456789abcdef.xyz", "no-known-form-8aJ2k"):
        with pytest.raises(UpstreamRefused) as caught:
            await adapters["openai"].send(
                Endpoint(provider(upstream, api_keys=("other-key-1", key)[::-1]), "fault:echo-auth"), call()
            )
        assert key not in f"{caught.value.message}{caught.value.upstream}"
        assert "your header was" in caught.value.message


async def test_a_refused_connection(adapters: Mapping[str, ProviderAdapter], upstream: Upstream) -> None:
    with pytest.raises(UpstreamUnreachable) as caught:
        await adapters["openai"].send(Endpoint(provider(upstream, base_url="http://127.0.0.1:1"), "m"), call())
    assert "127.0.0.1" not in caught.value.message


async def test_the_calls_deadline_counts(adapters: Mapping[str, ProviderAdapter], upstream: Upstream) -> None:
    asked = Call(CHAT, "m", "r", 0.0, call().body, deadline=time.monotonic() + 0.5)
    started = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        await adapters["openai"].send(Endpoint(provider(upstream), "fault:hang"), asked)
    assert time.monotonic() - started < 15


async def test_cookies_and_server_headers_stay_behind(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    reply = await adapters["openai"].send(Endpoint(provider(upstream), "fault:cookie"), call())
    assert reply.headers == {}


# --- streams ---

BROKEN = ["cut:0", "cut:3", "reset:3", "garbage:3", "error:3", "nofinish", "stall:0", "stall:3", "big:2"]


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_stream_never_looks_complete(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, fault: str
) -> None:
    got: list[bytes] = []
    with pytest.raises(GatewayError):
        reply = await adapters["openai"].send(Endpoint(hurried(upstream, fault), f"fault:{fault}"), call(stream=True))
        assert not isinstance(reply.body, bytes)
        await pieces_of(reply.body, got)
    count = fault.partition(":")[2]
    assert not count or len(got) == int(count)
    assert b"data: [DONE]\n\n" not in got
    assert all(event.endswith(b"\n\n") for event in got)
    if fault.startswith(("stall", "big")):
        await _none_live(upstream)


@pytest.mark.parametrize("fault", ["nodone", "silent"])
async def test_a_finished_answer_needs_no_done(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(stream_module, "AFTER_FINISH", 0.3)
    reply = await adapters["openai"].send(Endpoint(provider(upstream), f"fault:{fault}"), call(stream=True))
    got = await streamed_pieces(reply)
    assert got[-1] == b"data: [DONE]\n\n"
    assert b'"finish_reason":"stop"' in got[-2]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_in_the_other_form_is_told_in_the_one_that_was_asked_for(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, stream: bool
) -> None:
    fault = "json-for-stream" if stream else "sse-for-json"
    reply = await adapters["openai"].send(Endpoint(provider(upstream), f"fault:{fault}"), call(stream=stream))
    if isinstance(reply.body, bytes):
        assert json.loads(reply.body)["choices"][0]["message"]["content"] == upstream.text
        return
    pieces = await streamed_pieces(reply)
    assert upstream.text.encode() in pieces[0] and b'"finish_reason":"stop"' in pieces[1]
    assert pieces[2:] == [b"data: [DONE]\n\n"]


async def test_streams_reuse_their_connection(
    adapters: Mapping[str, ProviderAdapter],
    upstream: Upstream,
    transport: PooledTransport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_module, "DRAIN", 20.0)
    for _ in range(5):
        await streamed_pieces(await adapters["openai"].send(Endpoint(provider(upstream), "gpt-x"), call(stream=True)))
    assert transport.counts.opened == 1


async def test_a_stream_leaves_nothing_to_the_garbage_collector(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    """A failure kept in a frame that its own traceback holds would be a circle: megabytes, with many streams."""
    gc.disable()
    try:
        reply = await adapters["openai"].send(Endpoint(provider(upstream), "fault:slow:0.01"), call(stream=True))
        assert not isinstance(reply.body, bytes)
        pieces = [*await first_pieces(reply.body), *await pieces_of(reply.body)]
        assert pieces[-1] == b"data: [DONE]\n\n"
        left = weakref.ref(reply.body)
        del reply
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("events_read", [0, 1, 2])
async def test_leaving_a_stream_stops_the_upstream(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, events_read: int
) -> None:
    upstream.text = "word " * 1000
    reply = await adapters["openai"].send(Endpoint(provider(upstream), "fault:slow:0.05"), call(stream=True))
    assert not isinstance(reply.body, bytes)
    for _ in range(events_read):
        assert await first_pieces(reply.body)
    await reply.body.aclose()
    assert await asyncio.to_thread(upstream.wait_disconnect, 10)
    assert upstream.open_streams == 0


async def test_cancelling_a_call_stops_the_upstream(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream
) -> None:
    task = asyncio.ensure_future(adapters["openai"].send(Endpoint(provider(upstream), "fault:hang"), call()))
    await _until(lambda: upstream.requests)
    task.cancel()
    assert await asyncio.to_thread(upstream.wait_disconnect, 10)


# --- lists and checks ---


async def test_a_list_of_models_is_read_however_odd_its_entries_are(adapters: Mapping[str, ProviderAdapter]) -> None:
    entries = [
        {"id": "a", "type": ["chat"]},
        {"id": "b", "type": {"x": 1}, "created": "now"},
        {"id": {}},
        5,
        {"id": "c"},
    ]

    async def answer(exchange: Exchange) -> None:
        exchange.send_json(200, {"data": entries})

    server = HttpServer(answer)
    server.start()
    try:
        odd = Provider("p", ProviderType.OPENAI, server.url, timeouts=PATIENT)
        assert [(model.id, model.type) for model in await adapters["openai"].list_models(odd)] == [
            ("a", None),
            ("b", None),
            ("c", None),
        ]
    finally:
        server.stop()


@pytest.mark.parametrize("page_size", [None, 2])
async def test_models_page_by_page(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, page_size: int | None
) -> None:
    upstream.models, upstream.page_size = [f"m{n}" for n in range(5)], page_size
    listed = await adapters["openai"].list_models(provider(upstream))
    assert listed == [ListedModel(f"m{n}", 1700000000, "fake") for n in range(5)]
    assert len(upstream.requests) == (3 if page_size else 1)


async def test_check(adapters: Mapping[str, ProviderAdapter], upstream: Upstream) -> None:
    await adapters["openai"].check(provider(upstream))
    upstream.faults["*"] = "503"
    with pytest.raises(UpstreamUnavailable) as caught:
        await adapters["openai"].check(provider(upstream))
    assert caught.value.message == "health check failed with status: 503"


async def test_a_provider_that_never_answers_the_try_of_its_key_does_not_hold_up_the_check(
    adapters: Mapping[str, ProviderAdapter], upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_compatible, "CHECK_SECONDS", 3.0)

    async def answer(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            await asyncio.sleep(600)
        exchange.send_json(200, {"object": "list", "data": []})

    server = HttpServer(answer)
    server.start()
    try:
        slow = replace(provider(upstream), base_url=server.url, timeouts=Timeouts(first_byte=600, whole=600, idle=600))
        async with asyncio.timeout(60):
            await adapters["openai"].check(slow)
        assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
    finally:
        server.stop()


async def _none_live(upstream: Upstream) -> None:
    await _until(lambda: not upstream.server.live)


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not true():
            await asyncio.sleep(0.005)
