"""Transcripts: parsed from whatever an upstream gives, rendered in the five formats of the OpenAI API."""

from dataclasses import dataclass


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
