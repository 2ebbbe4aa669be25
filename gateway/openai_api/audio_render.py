"""A `Transcript` in the format the caller asked for. Called by `api` after the adapter understood the answer."""

import math
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.openai_api.audio import Segment, Transcript, Word
from gateway.openai_api.languages import language_name
from gateway.openai_api.subtitles import render_srt, render_vtt

CHARACTERS_PER_SECOND = 15.0
"""Of ordinary speech: the guess for a length that neither upstream nor file told."""


def render_transcript(
    transcript: Transcript, response_format: str, granularities: frozenset[str], *, model: str = ""
) -> tuple[bytes, str]:
    """Bytes and media type of one of `audio.FORMATS`.

    A transcript without segments gets one over its whole duration, which is guessed from the length of the text where
    it is unknown. Words that the upstream did not time are spread over their segment by their length.
    """
    match response_format:
        case "text":
            return (transcript.text + "\n").encode(), "text/plain; charset=utf-8"
        case "srt":
            return render_srt(whole_segments(transcript)).encode(), "text/plain; charset=utf-8"
        case "vtt":
            return render_vtt(whole_segments(transcript)).encode(), "text/vtt; charset=utf-8"
        case "verbose_json":
            return orjson.dumps(_verbose(transcript, granularities)), "application/json"
        case _:
            return orjson.dumps(_plain(transcript)), "application/json"


def whole_segments(transcript: Transcript) -> tuple[Segment, ...]:
    """The segments, or one that spans everything; none where nothing was said."""
    if transcript.segments or not transcript.text:
        return transcript.segments
    return (Segment(transcript.text, 0.0, _duration(transcript)),)


def segment_words(segment: Segment) -> tuple[Word, ...]:
    """The upstream's words, or the text's own spread over the segment in proportion to their letters."""
    if segment.words:
        return segment.words
    texts = segment.text.split()
    weight = sum(map(len, texts)) + max(0, len(texts) - 1)
    per_letter = (segment.end - segment.start) / weight if weight else 0.0
    words = []
    letters = 0
    for text in texts:
        start = segment.start + letters * per_letter
        words.append(Word(text, round(start, 3), round(start + len(text) * per_letter, 3)))
        letters += len(text) + 1
    return tuple(words)


def _duration(transcript: Transcript) -> float:
    if transcript.duration is not None:
        return transcript.duration
    if transcript.segments:
        return transcript.segments[-1].end
    return round(len(transcript.text) / CHARACTERS_PER_SECOND, 2)


def _plain(transcript: Transcript) -> dict[str, Any]:
    answer: dict[str, Any] = {"text": transcript.text}
    if transcript.duration is not None:
        answer["usage"] = _usage(transcript.duration)
    return answer


def _usage(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(seconds)}


def _verbose(transcript: Transcript, granularities: frozenset[str]) -> dict[str, Any]:
    segments = whole_segments(transcript)
    language = "en" if transcript.task == "translate" else transcript.language
    answer: dict[str, Any] = {
        "task": transcript.task,
        "language": language_name(language) if language else "unknown",
        "duration": _duration(transcript),
        "text": transcript.text,
    }
    if "word" in granularities:
        answer["words"] = [_word(word) for segment in segments for word in segment_words(segment)]
    if "segment" in granularities or "word" not in granularities:
        answer["segments"] = [_segment(number, segment) for number, segment in enumerate(segments)]
    if transcript.duration is not None:
        answer["usage"] = _usage(transcript.duration)
    return answer


def _word(word: Word) -> dict[str, Any]:
    fields: dict[str, Any] = {"word": word.word, "start": word.start, "end": word.end}
    return fields if word.confidence is None else {**fields, "confidence": word.confidence}


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    """All members that OpenAI's clients require; those the upstream did not tell are 0, and `tokens` empty."""
    extra: Mapping[str, object] = dict(segment.extra)
    tokens = extra.get("tokens")
    return {
        "id": number,
        "seek": int(_figure(extra, "seek")),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": tokens if isinstance(tokens, list) and all(isinstance(token, int) for token in tokens) else [],
        "temperature": _figure(extra, "temperature"),
        "avg_logprob": _figure(extra, "avg_logprob"),
        "compression_ratio": _figure(extra, "compression_ratio") or _compression_ratio(segment.text),
        "no_speech_prob": _figure(extra, "no_speech_prob"),
        **({"speaker": extra["speaker"]} if "speaker" in extra else {}),
    }


def _figure(extra: Mapping[str, object], name: str) -> float:
    value = extra.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _compression_ratio(text: str) -> float:
    """As Whisper computes it: high for text that repeats itself."""
    data = text.encode()
    return round(len(data) / len(zlib.compress(data)), 4) if data else 0.0


def render_chutes(transcript: Transcript) -> bytes:
    """The array of `{"start", "end", "text"}` that Chutes' own whisper chute answers with."""
    return orjson.dumps([{"start": s.start, "end": s.end, "text": s.text} for s in whole_segments(transcript)])
