"""Transcription and translation through an upstream that takes OpenAI's multipart form."""

from collections.abc import Iterator

from gateway.openai_api.audio import AudioOptions, Transcript, validate_audio_fields
from gateway.openai_api.audio_parse import parse_transcript
from gateway.openai_api.call import Call, Reply, Usage
from gateway.openai_api.operations import TRANSCRIPTIONS
from gateway.providers.exchange import JSON, Upstream, ask, join_url, kept_headers, media_type, read_json
from gateway.providers.multipart import encode_multipart
from gateway.providers.transport.base import Transport

_PLAIN = frozenset({"json", "text"})


async def send_audio(transport: Transport, upstream: Upstream, call: Call, model: str) -> Reply:
    """Asks for what the wanted format can be made from; the reply's `result` is the `Transcript`."""
    body, content_type = encode_multipart(_fields(call, model), "file", call.files[0])
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
    transcript = parse_transcript(answer, media_type(response) or JSON, task=task_of(call))
    return audio_reply(transcript, headers)


def audio_options(call: Call) -> AudioOptions:
    """As the API parsed them, or from the fields of a call that was made elsewhere."""
    return call.options if isinstance(call.options, AudioOptions) else validate_audio_fields(call.fields)


def task_of(call: Call) -> str:
    return "transcribe" if call.operation is TRANSCRIPTIONS else "translate"


def audio_reply(transcript: Transcript, headers: dict[str, str]) -> Reply:
    usage = Usage(seconds=transcript.duration) if transcript.duration is not None else None
    return Reply(200, JSON, b"", headers, usage, transcript)


def _fields(call: Call, model: str) -> Iterator[tuple[str, str]]:
    options = audio_options(call)
    yield "model", model
    if options.language and call.operation is TRANSCRIPTIONS:
        yield "language", options.language
    if options.prompt:
        yield "prompt", options.prompt
    if options.temperature is not None:
        yield "temperature", str(options.temperature)
    if options.response_format in _PLAIN:
        yield "response_format", "json"
        return
    yield "response_format", "verbose_json"
    if call.operation is TRANSCRIPTIONS:
        for granularity in sorted(options.granularities | {"segment"}):
            yield "timestamp_granularities[]", granularity
