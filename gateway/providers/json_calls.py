"""Chat, completions and embeddings: the caller's bytes with another model name, whole or streamed. Any dialect."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.embeddings import ensure_encoding
from gateway.openai_api.json_body import splice_model, text_field
from gateway.openai_api.operations import EMBEDDINGS
from gateway.providers.exchange import (
    EVENTS,
    JSON,
    MAX_ERROR,
    Upstream,
    join_url,
    kept_headers,
    media_type,
    read_json,
    refusal,
    request_to,
)
from gateway.providers.failures import failure_inside
from gateway.providers.stream import ChunkStream
from gateway.providers.transport.base import HttpResponse, Transport
from gateway.providers.whole import check_reply

_ONE = Raw(b"1")
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
    keep that last chunk from the caller then.
    """
    document = call.document()
    hide_usage = ask_usage and call.stream and not _wants_usage(document)
    if hide_usage:
        document = {**document, "stream_options": _with_usage(document)}
    request = request_to(
        upstream,
        join_url(upstream.base_url, call.operation.path),
        call.excerpt().restore(splice_model(document, model)),
        accept=EVENTS if call.stream else JSON,
        deadline=call.deadline,
        trace=call.trace,
    )
    response = await transport.send(request)
    if response.status != 200:
        raise await refusal(response, upstream)
    headers = kept_headers(response, upstream)
    if call.stream:
        return Reply(200, EVENTS, await _open_stream(response, upstream, _choices(document), hide_usage), headers)
    body = await read_json(response)
    usage = check_reply(call.operation, body, upstream.secrets)
    if call.operation is EMBEDDINGS:
        body = ensure_encoding(body, text_field(document, "encoding_format") or "float")
    return Reply(200, JSON, body, headers, usage)


async def _open_stream(response: HttpResponse, upstream: Upstream, choices: int, hide_usage: bool) -> ChunkStream:
    kind = media_type(response)
    if kind == EVENTS:
        return ChunkStream(response, upstream.secrets, choices=choices, hide_usage=hide_usage)
    if kind == JSON:
        body = await response.read(MAX_ERROR)
        if b'"error"' in body or b'"detail"' in body:
            raise failure_inside(body, upstream.secrets)
    await response.aclose()
    raise UpstreamBadResponse(f"The provider answered a stream request with {kind or 'an unnamed type'}.")


def _choices(document: Mapping[str, Raw]) -> int:
    """How many answers are asked for: `n` to each prompt."""
    n, prompt = bytes(document.get("n", _ONE)), memoryview(document.get("prompt", _ONE))
    answers = int(n) if n.isdigit() and len(n) < _DIGITS else 1
    prompts = msgspec.json.decode(prompt, type=list[Raw]) if prompt[0] == _LIST else []
    several = bool(prompts) and not bytes(prompts[0]).isdigit()
    return max(1, answers * len(prompts) if several else answers)


def _stream_options(document: Mapping[str, Raw]) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(document.get("stream_options", b"null"), type=dict[str, Raw] | None) or {}
    except msgspec.DecodeError:
        raise InvalidRequest("'stream_options' must be an object.", param="stream_options") from None


def _wants_usage(document: Mapping[str, Raw]) -> bool:
    return bytes(_stream_options(document).get("include_usage", b"")) == b"true"


def _with_usage(document: Mapping[str, Raw]) -> Raw:
    return Raw(msgspec.json.encode({**_stream_options(document), "include_usage": Raw(b"true")}))
