"""Transcripts of the pieces of one recording, joined to that of the whole. Pure; called by `pipeline.long_audio`."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.openai_api.audio import Segment, Transcript, Word
from gateway.openai_api.audio_seams import WITHOUT_SPACES, tell_once

_SEEKS = 100
"""Whisper's `seek` counts hundredths of a second."""
_NO_GAP = re.compile(rf"[{WITHOUT_SPACES}]\Z"), re.compile(rf"[{WITHOUT_SPACES}]")


@dataclass(frozen=True, slots=True)
class Part:
    """What was heard of a recording from `begins` to `ends`, in the times of the recording. With `overlaps` the next
    part tells some of its last words too."""

    transcript: Transcript
    begins: float
    ends: float
    overlaps: bool = False


def placed(transcript: Transcript, start: float, number: int) -> Transcript:
    """The transcript of the piece `number` (from 1) that begins at `start` seconds, in the times of the recording.

    Who speaks was told for this piece alone: `A` of another one may be somebody else, so the names get its number.
    """
    return replace(transcript, segments=tuple(_shifted(segment, start, number) for segment in transcript.segments))


def _shifted(segment: Segment, start: float, number: int) -> Segment:
    words = tuple(Word(word.word, word.start + start, word.end + start, word.confidence) for word in segment.words)
    extra = tuple((name, _moved(name, value, start, number)) for name, value in segment.extra)
    return Segment(segment.text, segment.start + start, segment.end + start, words, extra)


def _moved(name: str, value: object, start: float, number: int) -> object:
    if name == "speaker":
        return f"{number}:{value}"
    return value + round(start * _SEEKS) if name == "seek" and isinstance(value, int) else value


class Seams:
    """Takes parts in order and gives each back when nothing can change it any more."""

    def __init__(self) -> None:
        self._held: Part | None = None

    def add(self, part: Part) -> list[Part]:
        held, self._held = self._held, None
        settled = []
        if held is not None:
            before, after = tell_once(held.transcript, part.transcript, part.begins)
            settled.append(_bounded(replace(held, transcript=before)))
            part = replace(part, transcript=after)
        if part.overlaps:
            self._held = part
        else:
            settled.append(_bounded(part))
        return settled


def _bounded(part: Part) -> Part:
    """With all times inside of it, to thousandths; what no segment tells is one from its beginning to its end."""
    found, low, high = part.transcript, part.begins, part.ends
    segments = found.segments or ((Segment(found.text, low, high),) if found.text else ())

    def inside(moment: float) -> float:
        return round(min(max(moment, low), high), 3)

    kept = tuple(
        Segment(
            one.text,
            inside(one.start),
            inside(one.end),
            tuple(Word(word.word, inside(word.start), inside(word.end), word.confidence) for word in one.words),
            one.extra,
        )
        for one in segments
    )
    return replace(part, transcript=replace(found, segments=kept))


def joined(parts: Sequence[Part]) -> Transcript:
    """The whole of settled parts. The language is that of most of the time in which something was said."""
    text = ""
    languages = Counter[str]()
    for part in parts:
        found = part.transcript
        text += gap(text, found.text) + found.text
        if found.text and found.language:
            languages[found.language] += round((part.ends - part.begins) * 1000)
    return Transcript(
        text,
        tuple(segment for part in parts for segment in part.transcript.segments),
        languages.most_common(1)[0][0] if languages else _first_language(parts),
        parts[-1].ends,
        parts[0].transcript.task,
    )


def gap(before: str, after: str) -> str:
    """What stands between two texts: a space, but not in scripts that have none."""
    if not before or not after:
        return ""
    return "" if _NO_GAP[0].search(before) and _NO_GAP[1].match(after) else " "


def _first_language(parts: Iterable[Part]) -> str | None:
    return next((part.transcript.language for part in parts if part.transcript.language), None)
