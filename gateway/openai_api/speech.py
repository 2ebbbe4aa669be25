"""`/v1/audio/speech`: what is asked, brought to the shape of Chutes' voices. Pure; for the adapters."""

from collections.abc import Mapping

import msgspec
import orjson

from gateway.errors import InvalidRequest
from gateway.openai_api.json_body import text_field, value_of

FORMATS: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""That OpenAI names, with their media types. `pcm` is 24 kHz, one channel, 16 bits, without a header."""

_OPENAI_VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"}
)
"""Names that only OpenAI's own voices have: their clients demand one, a chute then takes its own."""
_OPENAI_ONLY = frozenset({"model", "input", "voice", "response_format", "instructions", "stream", "stream_format"})


def asked_format(document: Mapping[str, msgspec.Raw]) -> str | None:
    """None where none is asked for: then the provider decides. Raises InvalidRequest for what is no text."""
    return text_field(document, "response_format")


def speak_body(document: Mapping[str, msgspec.Raw]) -> bytes:
    """For a chute's `/speak`: `text`, and `voice`, `speed` and whatever else it may know. Raises InvalidRequest, also
    for a format that the gateway cannot make of a chute's."""
    given = {name: value_of(document, name) for name in document}
    text, voice = given.get("input"), given.get("voice")
    if not isinstance(text, str) or not text:
        raise InvalidRequest("'input' must be a text.", param="input")
    if (form := asked_format(document)) is not None and form not in FORMATS:
        raise InvalidRequest(f"'response_format' must be one of {', '.join(FORMATS)}.", param="response_format")
    fields = {name: value for name, value in given.items() if name not in _OPENAI_ONLY}
    if isinstance(voice, str) and voice and voice not in _OPENAI_VOICES:
        fields["voice"] = voice
    return orjson.dumps({"text": text, **fields})
