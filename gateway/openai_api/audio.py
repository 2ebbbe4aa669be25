"""Transcripts, and what a caller may ask of one. Its siblings `audio_*` parse and render them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequest
from gateway.openai_api.call import Field
from gateway.openai_api.languages import language_code

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES = frozenset({"word", "segment"})
MAX_PROMPT = 16_384
"""Characters; models read about 224 tokens of it."""


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` in seconds."""

    word: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """`start` and `end` in seconds; `extra` are an upstream's further fields (avg_logprob, no_speech_prob …)."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()
    extra: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """`duration` in seconds; None where neither upstream nor file told. `task` is transcribe or translate."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str | None = None
    duration: float | None = None
    task: str = "transcribe"


@dataclass(frozen=True, slots=True)
class AudioOptions:
    """`language` is ISO-639-1. `granularities` are the asked ones; `segment` where verbose_json was asked and none."""

    response_format: str = "json"
    granularities: frozenset[str] = frozenset()
    language: str | None = None
    temperature: float | None = None
    prompt: str | None = None


def validate_audio_fields(fields: Mapping[str, Field]) -> AudioOptions:
    """Read the fields of a transcription or translation. Raises `InvalidRequest` naming the field and what is right."""
    response_format = _text(fields, "response_format") or "json"
    if response_format not in FORMATS:
        raise InvalidRequest(
            f"'response_format' must be one of {', '.join(FORMATS)}; got '{response_format[:40]}'.",
            param="response_format",
        )
    prompt = _text(fields, "prompt")
    if prompt and len(prompt) > MAX_PROMPT:
        raise InvalidRequest(f"'prompt' must be at most {MAX_PROMPT} characters.", param="prompt")
    return AudioOptions(
        response_format,
        _granularities(fields, response_format),
        _language(fields),
        _temperature(fields),
        prompt or None,
    )


def _text(fields: Mapping[str, Field], name: str) -> str | None:
    value = fields.get(name)
    if isinstance(value, list):
        raise InvalidRequest(f"'{name}' must be one value, not a list.", param=name, code="invalid_type")
    return value.strip() if value else None


def _granularities(fields: Mapping[str, Field], response_format: str) -> frozenset[str]:
    value = fields.get("timestamp_granularities", [])
    asked = frozenset(item.strip() for item in (value if isinstance(value, list) else value.split(",")) if item.strip())
    if unknown := asked - GRANULARITIES:
        raise InvalidRequest(
            f"'timestamp_granularities' may hold 'word' and 'segment'; got '{min(unknown)[:40]}'.",
            param="timestamp_granularities",
        )
    if "word" in asked and response_format != "verbose_json":
        raise InvalidRequest(
            "'timestamp_granularities' with 'word' needs response_format=verbose_json.", param="timestamp_granularities"
        )
    return asked or frozenset({"segment"} if response_format == "verbose_json" else ())


def _language(fields: Mapping[str, Field]) -> str | None:
    value = _text(fields, "language")
    if value is None or value.lower() == "auto":
        return None
    if (code := language_code(value)) is None:
        raise InvalidRequest(
            f"'language' must be an ISO-639-1 code such as 'en' or 'de'; got '{value[:40]}'. "
            "Leave it out to have it detected.",
            param="language",
        )
    return code


def _temperature(fields: Mapping[str, Field]) -> float | None:
    value = _text(fields, "temperature")
    if value is None:
        return None
    try:
        temperature = float(value)
    except ValueError:
        temperature = math.nan
    if not 0 <= temperature <= 1:
        raise InvalidRequest(f"'temperature' must be a number from 0 to 1; got '{value[:40]}'.", param="temperature")
    return temperature
