"""The fake upstream's bad days. A fault is a name with an optional number: `429:2`, `cut:3`, `slow:0.05`."""

import asyncio
import gzip
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.fakes import answers
from tests.fakes.http_server import Exchange

if TYPE_CHECKING:
    from tests.fakes.upstream import Upstream

HOUR = 3600.0
GARBAGE = b'data: {"id":"x","choices":[{"delta":{"content":"he\n\n'
PAGE = b"<html><head><title>504 Gateway Time-out</title></head><body>nginx</body></html>"

_REFUSALS: dict[str, tuple[int, object]] = {
    "400": (400, {"error": {"message": "bad temperature", "type": "invalid_request_error", "param": "temperature"}}),
    "401": (401, {"error": "Invalid API key"}),
    "402": (402, {"detail": {"message": "Quota exceeded", "quota_reset_timestamp": 4102444800}}),
    "403": (403, {"detail": "Forbidden for this account"}),
    "404": (404, {"detail": "model not found: X"}),
    "422": (422, {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]}),
    "500": (500, {"error": {"message": "Internal server error", "type": "server_error"}}),
    "502": (502, {"error": "bad gateway"}),
    "503": (503, {"detail": "No instances available (yet)"}),
    "429": (429, {"error": "Rate limit exceeded"}),
    "context": (400, {"error": {"message": "maximum context length", "code": "context_length_exceeded"}}),
    "unused": (422, {"message": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}}),
    "renamed": (
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
    ),
    "thoughtless": (400, {"error": {"message": "'messages.1' : property 'reasoning_content' is unsupported"}}),
    "untimed": (400, {"object": "error", "message": "Currently only support response_format `text` or `json`"}),
    "filter": (400, {"error": {"message": "flagged by the content filter", "code": "content_filter"}}),
}


async def misbehave(upstream: "Upstream", exchange: Exchange, fault: str) -> bool:
    """True when the fault was the answer, False when the good answer is still to come."""
    name, _, value = fault.partition(":")
    if name in _REFUSALS:
        status, document = _REFUSALS[name]
        headers = {"retry_after": value} if value else {}
        exchange.send_json(status, document, **headers)
        return True
    if value and name in _IN_STREAM:
        await _IN_STREAM[name](upstream, exchange, float(value))
        return True
    if name in _DELAYS:
        await _DELAYS[name](upstream, exchange, value)
        return False
    await _WHOLE[name](upstream, exchange)
    return True


async def _hang(upstream: "Upstream", exchange: Exchange) -> None:
    await asyncio.sleep(HOUR)


async def _reset(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.reset()


async def _html(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(200, PAGE, "text/html")


async def _page_504(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(504, PAGE, "text/html")


async def _text(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(400, b"plain words", "text/plain")


async def _empty(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(200, b"", _kind(exchange))


async def _shape(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(200, b'data: {"x":1}\n\n' if _streams(exchange) else b'{"hello":"world"}', _kind(exchange))


async def _garbage(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(200, b"\x00\xff not json {", _kind(exchange))


async def _redirect(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(307, b"", location="http://127.0.0.1:9/stolen")


async def _gzip(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send(200, gzip.compress(b" " * 10_000_000), content_encoding="gzip")


async def _cookie(upstream: "Upstream", exchange: Exchange) -> None:
    body = json.dumps(answers.whole(upstream, exchange.request)).encode()
    exchange.send(200, body, set_cookie="session=secret", server="fake", access_control_allow_origin="*")


async def _echo_auth(upstream: "Upstream", exchange: Exchange) -> None:
    key = exchange.request.headers.get("authorization", "")
    exchange.send_json(400, {"error": {"message": f"your header was {key}", "type": "invalid_request_error"}})


async def _error_in_200(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send_json(200, {"error": {"message": "overloaded", "type": "server_error"}})


async def _json_for_stream(upstream: "Upstream", exchange: Exchange) -> None:
    exchange.send_json(200, answers.whole(upstream, exchange.request))


async def _sse_for_json(upstream: "Upstream", exchange: Exchange) -> None:
    await answers.send_stream(upstream, exchange, answers.stream_events(upstream, exchange.request))


async def _extra_keys(upstream: "Upstream", exchange: Exchange) -> None:
    """A reply as vLLM gives it."""
    document = answers.whole(upstream, exchange.request)
    for choice in document["choices"]:
        choice |= {"stop_reason": None, "token_ids": [1, 2]}
    exchange.send_json(200, {**document, "prompt_token_ids": [1], "kv_transfer_params": None, "prompt_logprobs": None})


async def _untold(upstream: "Upstream", exchange: Exchange) -> None:
    """No usage, as some servers answer, whatever they are asked."""
    if _streams(exchange):
        events = [e for e in answers.stream_events(upstream, exchange.request) if b'"usage"' not in e]
        await answers.send_stream(upstream, exchange, iter(events))
    else:
        document = answers.whole(upstream, exchange.request)
        del document["usage"]
        exchange.send_json(200, document)


async def _unsolicited(upstream: "Upstream", exchange: Exchange) -> None:
    body = json.dumps(answers.whole(upstream, exchange.request)).encode()
    exchange.send(200, body)
    exchange.send(200, body.replace(b"upstream", b"STRANGER"))


async def _nodone(upstream: "Upstream", exchange: Exchange) -> None:
    events = [e for e in answers.stream_events(upstream, exchange.request) if b"[DONE]" not in e]
    await answers.send_stream(upstream, exchange, iter(events))


async def _nofinish(upstream: "Upstream", exchange: Exchange) -> None:
    keep = (b'"finish_reason":"stop"', b"[DONE]")
    events = [e for e in answers.stream_events(upstream, exchange.request) if not any(k in e for k in keep)]
    await answers.send_stream(upstream, exchange, iter(events))


async def _silent(upstream: "Upstream", exchange: Exchange) -> None:
    """All but `[DONE]`, then nothing more, the connection left open."""
    count = sum(1 for _ in answers.stream_events(upstream, exchange.request))
    await _partial(upstream, exchange, count - 1)
    await asyncio.sleep(HOUR)


async def _partial(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    exchange.begin()
    for event in itertools.islice(answers.stream_events(upstream, exchange.request), int(count)):
        exchange.chunk(event)
        await asyncio.sleep(0)


async def _late(upstream: "Upstream", exchange: Exchange, seconds: str) -> None:
    await asyncio.sleep(float(seconds))


async def _held(upstream: "Upstream", exchange: Exchange, _: str) -> None:
    await upstream.opened(exchange)


async def _held_in_stream(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    with upstream.streaming():
        await _partial(upstream, exchange, count)
        await upstream.opened(exchange)
        for event in itertools.islice(answers.stream_events(upstream, exchange.request), int(count), None):
            exchange.chunk(event)
        exchange.end()


async def _cut(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    await _partial(upstream, exchange, count)
    exchange.close()


async def _reset_in_stream(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    """Once all is read: a reset may destroy what is not."""
    await _partial(upstream, exchange, count)
    await exchange.is_read()
    exchange.reset()


async def _stall(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    with upstream.streaming():
        await _partial(upstream, exchange, count)
        await asyncio.sleep(HOUR)


async def _garbage_event(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    await _partial(upstream, exchange, count)
    exchange.chunk(GARBAGE)
    exchange.chunk(b"data: [DONE]\n\n")
    exchange.end()


async def _error_event(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    await _partial(upstream, exchange, count)
    exchange.chunk(b'data: {"error":{"message":"engine died","code":500}}\n\n')
    exchange.chunk(b"data: [DONE]\n\n")
    exchange.end()


async def _big_event(upstream: "Upstream", exchange: Exchange, count: float) -> None:
    """After N events one that never ends."""
    await _partial(upstream, exchange, count)
    exchange.chunk(b"data: ")
    while not exchange.gone:
        exchange.chunk(b"x" * 1_000_000)
        await asyncio.sleep(0.002)


async def _slow(upstream: "Upstream", exchange: Exchange, pause: float) -> None:
    await answers.send_stream(upstream, exchange, answers.stream_events(upstream, exchange.request), pause)


def _streams(exchange: Exchange) -> bool:
    return b'"stream"' in exchange.request.body and bool(exchange.request.json.get("stream"))


def _kind(exchange: Exchange) -> str:
    return "text/event-stream" if _streams(exchange) else "application/json"


_DELAYS: dict[str, Callable[["Upstream", Exchange, str], Awaitable[None]]] = {
    "held": _held,
    "late": _late,
}

_WHOLE: dict[str, Callable[["Upstream", Exchange], Awaitable[None]]] = {
    "504": _page_504,
    "cookie": _cookie,
    "echo-auth": _echo_auth,
    "empty": _empty,
    "error-in-200": _error_in_200,
    "extra-keys": _extra_keys,
    "garbage": _garbage,
    "gzip": _gzip,
    "hang": _hang,
    "html": _html,
    "json-for-stream": _json_for_stream,
    "nodone": _nodone,
    "nofinish": _nofinish,
    "redirect": _redirect,
    "reset": _reset,
    "shape": _shape,
    "silent": _silent,
    "sse-for-json": _sse_for_json,
    "text": _text,
    "unsolicited": _unsolicited,
    "untold": _untold,
}

_IN_STREAM: dict[str, Callable[["Upstream", Exchange, float], Awaitable[None]]] = {
    "big": _big_event,
    "cut": _cut,
    "error": _error_event,
    "garbage": _garbage_event,
    "held": _held_in_stream,
    "reset": _reset_in_stream,
    "slow": _slow,
    "stall": _stall,
}
