"""Transcription and translation through an upstream that takes OpenAI's multipart form."""

import re
from collections.abc import Iterator

from msgspec import structs

from gateway.errors import UpstreamBadResponse, UpstreamRefused
from gateway.openai_api.audio import AudioOptions, validate_audio_fields
from gateway.openai_api.audio_parse import parse_transcript
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.operations import TRANSCRIPTIONS
from gateway.providers.exchange import JSON, Upstream, ask, join_url, kept_headers, media_type, read_json
from gateway.providers.failures import failure_instead
from gateway.providers.multipart import encode_multipart
from gateway.providers.transport.base import Transport
from gateway.providers.usage import usage_in_tail

_PLAIN = frozenset({"json", "text"})
_NO_TIMES = re.compile(r"response_format|verbose_json|timestamp", re.IGNORECASE)
"""What models find fault with that tell no times: some of vLLM's, OpenAI's newer ones, Mistral's with a language."""


async def send_audio(transport: Transport, upstream: Upstream, call: Call, model: str) -> Reply:
    """Asks for what the wanted format can be made from; the reply's `result` is the `Transcript`. Without times where
    the model refuses to tell them."""
    timed = audio_options(call).response_format not in _PLAIN
    try:
        return await _send(transport, upstream, call, _fields(call, model, timed))
    except UpstreamRefused as refusal:
        if not timed or not _NO_TIMES.search(f"{refusal.param} {refusal.message}"):
            raise
    return await _send(transport, upstream, call, _fields(call, model, timed=False))


async def _send(transport: Transport, upstream: Upstream, call: Call, fields: Iterator[tuple[str, str]]) -> Reply:
    body, content_type = encode_multipart(fields, [("file", call.files[0])])
    response = await ask(
        transport,
        upstream,
        join_url(upstream.base_url, call.operation.path),
        body,
        content_type=content_type,
        deadline=call.deadline,
        trace=call.trace,
    )
    headers = kept_headers(response, upstream)
    answer = await read_json(response)
    return audio_reply(answer, media_type(response) or JSON, headers, upstream, task=task_of(call))


def audio_options(call: Call) -> AudioOptions:
    """As the API parsed them, or from the fields of a call that was made elsewhere."""
    return call.options if isinstance(call.options, AudioOptions) else validate_audio_fields(call.fields)


def task_of(call: Call) -> str:
    return "transcribe" if call.operation is TRANSCRIPTIONS else "translate"


def audio_reply(
    answer: bytes, kind: str, headers: dict[str, str], upstream: Upstream, *, task: str = "transcribe"
) -> Reply:
    """Raises what an answer that is no transcript means."""
    try:
        transcript = parse_transcript(answer, kind, task=task)
    except UpstreamBadResponse as error:
        raise failure_instead(answer, error, upstream.secrets) from None
    usage = structs.replace(usage_in_tail(answer) or Usage(), seconds=transcript.duration)
    return Reply(200, JSON, b"", headers, usage, transcript)


def _fields(call: Call, model: str, timed: bool) -> Iterator[tuple[str, str]]:
    options = audio_options(call)
    yield "model", model
    if options.language and call.operation is TRANSCRIPTIONS:
        yield "language", options.language
    if options.prompt:
        yield "prompt", options.prompt
    if options.temperature is not None:
        yield "temperature", str(options.temperature)
    if not timed:
        yield "response_format", "json"
        return
    yield "response_format", "verbose_json"
    if call.operation is TRANSCRIPTIONS:
        for granularity in sorted(options.granularities | {"segment"}):
            yield "timestamp_granularities[]", granularity
