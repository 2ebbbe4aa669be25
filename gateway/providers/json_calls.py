"""Chat, completions and embeddings: the caller's bytes with another model name, whole or streamed. Any dialect."""

import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import replace

import msgspec
from msgspec import Raw

from gateway.errors import GatewayError, InvalidRequest, UpstreamBadResponse, UpstreamRefused
from gateway.openai_api.call import ByteStream, Call, Reply
from gateway.openai_api.embeddings import count_inputs, ensure_encoding
from gateway.openai_api.json_body import splice_model, text_field
from gateway.openai_api.operations import EMBEDDINGS, Operation
from gateway.providers.exchange import (
    EVENTS,
    JSON,
    MAX_REPLY,
    Upstream,
    join_url,
    kept_headers,
    media_type,
    read_json,
    refusal,
    request_to,
)
from gateway.providers.lessons import PLAIN_VECTORS, as_learned, lesson_of
from gateway.providers.other_form import Events, events_of, put_together
from gateway.providers.parts import PlainStream, plain_answer
from gateway.providers.stream import ChunkStream
from gateway.providers.tool_calls import MendedStream, mended_answer
from gateway.providers.transport.base import HttpResponse, Transport
from gateway.providers.vectors import NoVectors, check_vectors
from gateway.providers.whole import check_reply

_ONE = Raw(b"1")
_BASE64 = b'"base64"'
_GOOD = frozenset({200, 201})
"""Some frameworks answer each POST with 201."""
_STREAMS = frozenset({EVENTS, "", "text/plain", "application/octet-stream"})
"""What streams come as; some servers name theirs wrongly. What is none has no event that is valid."""
_USAGE = re.compile("stream_options|include_usage")
_TELLS_NO_USAGE = "tells no usage"
"""A lesson beside those of `lessons`: the model refuses `stream_options`."""
_NONE: Collection[str] = frozenset()
_MOST_LEARNED, _MOST_LESSONS = 1_000, 16
"""Of an upstream, as callers can name models of their own, and of a model, as they can name fields."""
_NO_ROOM = re.compile("could not finish the message because max_tokens", re.IGNORECASE)
_CUT = b'{"choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"length"}]}'
_DIGITS = 10
_LIST = ord("[")


async def send_json(
    transport: Transport,
    upstream: Upstream,
    call: Call,
    model: str,
    *,
    ask_usage: bool = False,
) -> Reply:
    """`ask_usage`: have the upstream report usage at the end of a stream even where the caller did not ask for it, and
    keep that last chunk from the caller then. A model that refuses to, or refuses what it could answer if it were asked
    otherwise, is asked again as it likes, and at once so from then on. An answer in the other form than was asked for
    is told in the form that was.
    """
    document = call.document()
    lessons = _lessons(upstream, model) if upstream.learned else _NONE
    if call.stream:
        document, hide_usage = _streaming(call, document, ask_usage and _TELLS_NO_USAGE not in lessons)
    if lessons:
        document = as_learned(document, lessons)
    request = request_to(
        upstream,
        join_url(upstream.base_url, call.operation.path),
        call.excerpt().restore(splice_model(document, model)),
        accept=EVENTS if call.stream else JSON,
        deadline=call.deadline,
        trace=call.trace,
    )
    response = await transport.send(request)
    if response.status not in _GOOD:
        lesson = await _lesson(response, upstream, call, document, lessons)
        if lesson is None:
            return _cut(call)
        return await _ask_again(transport, upstream, call, model, lesson, ask_usage=ask_usage)
    headers = kept_headers(response, upstream)
    if call.stream:
        stream: ByteStream = await _open_stream(response, upstream, call.operation, _choices(document), hide_usage)
        if upstream.tells_parts:
            stream = PlainStream(stream)
        return Reply(200, EVENTS, MendedStream(stream) if "tools" in document else stream, headers)
    body = (await _read_whole(response, upstream, call)).removeprefix(BOM_UTF8)
    if call.operation is not EMBEDDINGS:
        usage = check_reply(call.operation, body, upstream.secrets)
        if upstream.tells_parts:
            body = plain_answer(body)
        return Reply(200, JSON, mended_answer(body) if "tools" in document else body, headers, usage)
    try:
        usage = check_vectors(body, count_inputs(document.get("input", _ONE)), upstream.secrets)
    except NoVectors:
        if bytes(document.get("encoding_format", _ONE)) != _BASE64:
            raise
        return await _ask_again(transport, upstream, call, model, PLAIN_VECTORS)
    body = ensure_encoding(body, text_field(call.document(), "encoding_format") or "float")
    return Reply(200, JSON, body, headers, usage)


def _cut(call: Call) -> Reply:
    """An answer of nothing, cut at the most tokens it might have: so other APIs than chats tell what OpenAI's reasoning
    models refuse."""
    if call.stream:
        return Reply(200, EVENTS, ChunkStream(events_of(call.operation, _CUT)))
    return Reply(200, JSON, _CUT)


async def _ask_again(
    transport: Transport, upstream: Upstream, call: Call, model: str, lesson: str, *, ask_usage: bool = False
) -> Reply:
    taught = replace(upstream, learned={*upstream.learned, (model, lesson)})
    reply = await send_json(transport, taught, call, model, ask_usage=ask_usage)
    _remember(taught.learned, upstream)
    return reply


def _lessons(upstream: Upstream, model: str) -> Collection[str]:
    return {lesson for name, lesson in upstream.learned if name == model}


async def _lesson(
    response: HttpResponse, upstream: Upstream, call: Call, document: Mapping[str, Raw], known: Collection[str]
) -> str | None:
    """How the model is to be asked after a refusal; None where an answer was refused for which there is no room. Raises
    what the refusal means where nothing would help."""
    failure = await refusal(response, upstream)
    try:
        lesson = _meant(failure, call, document, known) if len(known) < _MOST_LESSONS else ""
        if not lesson and call.options is not None and _NO_ROOM.match(failure.message):
            return None
        if not lesson:
            raise failure
    finally:
        del failure  # its traceback holds this frame: without it, only the garbage collector would part them
    return lesson


def _meant(failure: GatewayError, call: Call, document: Mapping[str, Raw], known: Collection[str]) -> str:
    refused = isinstance(failure, UpstreamRefused) and _adds_usage(call, document)
    if refused and _USAGE.search(f"{failure.param} {failure.message}"):
        return _TELLS_NO_USAGE
    return lesson_of(failure, document, known)


def _remember(learned: set[tuple[str, str]], upstream: Upstream) -> None:
    """What has helped: words that a caller put into a refusal teach nothing."""
    if len(upstream.learned) >= _MOST_LEARNED:
        upstream.learned.clear()
    upstream.learned.update(learned)


async def _open_stream(
    response: HttpResponse, upstream: Upstream, operation: Operation, choices: int, hide_usage: bool
) -> ChunkStream:
    kind = media_type(response)
    if kind == EVENTS or (kind in _STREAMS and "content-length" not in response.headers):
        return ChunkStream(response, upstream.secrets, choices=choices, hide_usage=hide_usage)
    if kind != JSON and kind not in _STREAMS:
        await response.aclose()
        raise UpstreamBadResponse(f"The provider answered a stream request with {kind}.")
    body = (await response.read(MAX_REPLY)).removeprefix(BOM_UTF8)
    if kind == JSON or body.lstrip().startswith(b"{"):
        check_reply(operation, body, upstream.secrets)
        held = events_of(operation, body)
    else:
        held = Events([body])
    return ChunkStream(held, upstream.secrets, choices=choices, hide_usage=hide_usage, limit=MAX_REPLY)


def _read_whole(response: HttpResponse, upstream: Upstream, call: Call) -> Awaitable[bytes]:
    """The body of an answer that is no stream, or what one tells that is."""
    kind = media_type(response)
    if not kind.startswith("text/"):
        return response.read(MAX_REPLY)
    if kind != EVENTS or call.operation is EMBEDDINGS:
        return read_json(response)
    stream = ChunkStream(response, upstream.secrets, choices=_choices(call.document()))
    return put_together(stream, call.operation, upstream.timeouts.whole)


def _choices(document: Mapping[str, Raw]) -> int:
    """How many answers are asked for: `n` to each prompt."""
    n = bytes(document.get("n", _ONE))
    answers = int(n) if n.isdigit() and len(n) < _DIGITS else 1
    return max(1, answers * _prompts(document["prompt"]) if "prompt" in document else answers)


def _prompts(prompt: Raw) -> int:
    prompts = msgspec.json.decode(prompt, type=list[Raw]) if memoryview(prompt)[0] == _LIST else []
    return len(prompts) if prompts and not bytes(prompts[0]).isdigit() else 1


def _stream_options(document: Mapping[str, Raw]) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(document.get("stream_options", b"null"), type=dict[str, Raw] | None) or {}
    except msgspec.DecodeError:
        raise InvalidRequest("'stream_options' must be an object.", param="stream_options") from None


def _streaming(call: Call, document: Mapping[str, Raw], ask_usage: bool) -> tuple[Mapping[str, Raw], bool]:
    """A stream's document as its usage is to be asked for, and whether a chunk that tells it is nothing that the caller
    waits for. Dialects always ask; their callers do not see how."""
    options = _stream_options(document)
    if bytes(options.get("include_usage", b"")) != b"true":
        return {**document, "stream_options": _with_usage(options)} if ask_usage else document, True
    if ask_usage or call.options is None:
        return document, False
    return {name: value for name, value in document.items() if name != "stream_options"}, False


def _adds_usage(call: Call, document: Mapping[str, Raw]) -> bool:
    """Whether usage was asked for though the caller did not."""
    own = call.options is None and _wants_usage(call.document())
    return call.stream and not own and _wants_usage(document)


def _wants_usage(document: Mapping[str, Raw]) -> bool:
    return bytes(_stream_options(document).get("include_usage", b"")) == b"true"


def _with_usage(options: Mapping[str, Raw]) -> Raw:
    return Raw(msgspec.json.encode({**options, "include_usage": Raw(b"true")}))
