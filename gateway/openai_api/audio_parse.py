"""Whatever a speech model answers, read into a `Transcript`. Called by the adapters.

Shapes: OpenAI's json and verbose_json, Chutes' whisper arrays, Hugging Face chunks, a bare string, SRT, VTT, text.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.audio import Segment, Transcript, Word
from gateway.openai_api.subtitles import parse_subtitles

MAX_DEPTH = 8
"""Of wrappers around an answer."""
_TEXT_KEYS = ("text", "transcription", "transcript")
_SEGMENT_KEYS = ("segments", "chunks", "transcription", "result", "results", "output")
_CONFIDENCE_KEYS = ("confidence", "probability", "score")
_HTML = re.compile(r"<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_EXTRA = frozenset({"seek", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob", "speaker"})


def parse_transcript(body: bytes, media_type: str, *, task: str = "transcribe") -> Transcript:
    """Read an answer of any known shape. Raises `UpstreamBadResponse` for HTML, an empty body and all else.

    Silence is a right answer too: an empty text in JSON gives an empty transcript.
    """
    text = _decode(body)
    if text[:1] in ("{", "[", '"') or "json" in media_type:
        try:
            document = orjson.loads(text)
            return _from_json(document, task)
        except orjson.JSONDecodeError:
            if "json" in media_type:
                raise _bad() from None
    if _HTML.match(text) or "html" in media_type or "\x00" in text:
        raise _bad()
    segments = parse_subtitles(text)
    if segments:
        return Transcript(_join(segments), segments, duration=segments[-1].end, task=task)
    if text.startswith("WEBVTT"):
        return Transcript("", task=task)
    return Transcript(text, task=task)


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _bad() from None
    if not text:
        raise _bad()
    return text


def _bad() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider sent an answer that is not a transcript.")


def _from_json(document: Any, task: str, depth: int = 0) -> Transcript:
    if isinstance(document, str):
        return Transcript(document.strip(), task=task)
    if isinstance(document, list):
        return _from_list(document, task, depth)
    if not isinstance(document, dict) or document.get("error") or depth > MAX_DEPTH:
        raise _bad()
    items: list[Any] = next((document[key] for key in _SEGMENT_KEYS if isinstance(document.get(key), list)), [])
    segments = _segments(items)
    words = _words(document.get("words"))
    text = next((document[key] for key in _TEXT_KEYS if isinstance(document.get(key), str)), None)
    if text is None and not segments and not words:
        return _from_list(items, task, depth + 1) if items else _from_nested(document, task, depth)
    if words:
        segments = _with_words(segments, words)
    language = document.get("language")
    return Transcript(
        (text if text is not None else _join(segments)).strip(),
        segments,
        language if isinstance(language, str) and language else None,
        _number(document.get("duration")) or _billed(document) or (segments[-1].end if segments else None),
        task,
    )


def _billed(document: dict[str, Any]) -> float | None:
    """Seconds of the recording, which are told only so where a plain text was asked for."""
    usage = document.get("usage")
    return _number(usage.get("seconds", usage.get("prompt_audio_seconds"))) if isinstance(usage, dict) else None


def _from_nested(document: dict[str, Any], task: str, depth: int) -> Transcript:
    """An object that only wraps the answer: `{"result": {"text": …}}`, or one with an empty list of segments."""
    for key in _SEGMENT_KEYS:
        inner = document.get(key)
        if isinstance(inner, dict | str):
            return _from_json(inner, task, depth + 1)
        if inner == []:
            return Transcript("", task=task)
    raise _bad()


def _from_list(items: list[Any], task: str, depth: int) -> Transcript:
    if not items:
        return Transcript("", task=task)
    if all(isinstance(item, str) for item in items):
        return Transcript(" ".join(item.strip() for item in items), task=task)
    if all(isinstance(item, dict) and _times(item) is None for item in items):
        return Transcript(" ".join(_from_json(item, task, depth + 1).text for item in items).strip(), task=task)
    if not (segments := _segments(items)):
        raise _bad()
    return Transcript(_join(segments), segments, duration=segments[-1].end, task=task)


def _segments(items: list[Any]) -> tuple[Segment, ...]:
    """In time order, without those that say nothing; none where not one tells a time.

    What has no start begins where the one before it ended, and what has no end lasts until the next one begins.
    """
    if not all(isinstance(item, dict) for item in items):
        raise _bad()
    spoken = [item for item in items if isinstance(item.get("text"), str)]
    spans = [_span(item) for item in spoken]
    if all(start is None for start, _ in spans):
        return ()
    begun: list[tuple[float, float | None]] = []
    before = 0.0
    for start, end in spans:
        begun.append((before if start is None else start, end))
        before = max(begun[-1][0], end or 0.0)
    rows = sorted(zip(begun, spoken, strict=True), key=lambda row: row[0][0])
    nexts = [*(start for (start, _), _ in rows[1:]), None]
    return tuple(_segment(item, *span, following) for (span, item), following in zip(rows, nexts, strict=True))


def _segment(item: dict[str, Any], start: float, end: float | None, following: float | None) -> Segment:
    if end is None:
        end = start if following is None else following
    extra = tuple((key, value) for key, value in item.items() if key in _EXTRA and value is not None)
    return Segment(item["text"].strip(), start, max(start, end), _words(item.get("words")), extra)


def _span(item: dict[str, Any]) -> tuple[float | None, float | None]:
    """As the item tells it, else as its words do."""
    start, end = _told(item)
    if start is None and (words := _words(item.get("words"))):
        return words[0].start, words[-1].end if end is None else end
    return start, end


def _told(item: dict[str, Any]) -> tuple[float | None, float | None]:
    """Start and end in seconds."""
    pair = item.get("timestamp", item.get("timestamps"))
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        pair = (item.get("start"), item.get("end"))
    return _number(pair[0]), _number(pair[1])


def _times(item: dict[str, Any]) -> tuple[float, float] | None:
    """An open end (`[4.2, null]`) ends where it starts."""
    start, end = _told(item)
    return None if start is None else (start, max(start, end if end is not None else start))


def _number(value: Any) -> float | None:
    """A finite, non-negative number, also from a string such as `"8.47"`."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _words(items: Any) -> tuple[Word, ...]:
    words = []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and (times := _times(item)) is not None:
            text = item.get("word", item.get("text"))
            confidence = _number(next((item[key] for key in _CONFIDENCE_KEYS if key in item), None))
            if isinstance(text, str) and text.strip():
                words.append(Word(text.strip(), *times, confidence))
    return tuple(words)


def _with_words(segments: tuple[Segment, ...], words: tuple[Word, ...]) -> tuple[Segment, ...]:
    """Top-level words put into the segments that hold their middles, or into one of their own where there are none."""
    if not segments:
        return (Segment(" ".join(word.word for word in words), words[0].start, max(word.end for word in words), words),)
    homes: list[list[Word]] = [[] for _ in segments]
    home = 0
    for word in sorted(words, key=lambda word: word.start):
        middle = (word.start + word.end) / 2
        while home + 1 < len(segments) and middle >= segments[home + 1].start:
            home += 1
        homes[home].append(word)
    return tuple(
        Segment(segment.text, segment.start, segment.end, tuple(own) or segment.words, segment.extra)
        for segment, own in zip(segments, homes, strict=True)
    )


def _join(segments: Iterable[Segment]) -> str:
    return " ".join(segment.text for segment in segments if segment.text)
