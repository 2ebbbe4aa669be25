"""SRT and WebVTT, read and written. Called by `audio_parse` and `audio_render`."""

import html
import re
from collections.abc import Iterable

from gateway.openai_api.audio import Segment

_TIME = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t].*)?$")
_TAG = re.compile(r"</?[a-zA-Z0-9.: _-]{0,80}>")


def parse_subtitles(text: str) -> tuple[Segment, ...]:
    """The cues of an SRT or WebVTT text, in time order; none when there is not one timing line."""
    vtt = text.startswith("WEBVTT")
    segments = []
    lines = [*text.splitlines(), ""]
    position = 0
    while position < len(lines):
        timing = _TIMING.match(lines[position])
        position += 1
        if timing is None:
            continue
        words = []
        while lines[position].strip():
            words.append(lines[position].strip())
            position += 1
        cue = " ".join(words)
        start, end = _seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:])
        segments.append(Segment(html.unescape(_TAG.sub("", cue)) if vtt else cue, start, max(start, end)))
    return tuple(sorted(segments, key=lambda segment: segment.start))


def render_srt(segments: Iterable[Segment]) -> str:
    cues = enumerate(_cues(segments), 1)
    return "".join(
        f"{n}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_line(text).replace('-->', '->')}\n\n"
        for n, (start, end, text) in cues
    )


def render_vtt(segments: Iterable[Segment]) -> str:
    cues = _cues(segments)
    return "WEBVTT\n\n" + "".join(
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{html.escape(_line(text), quote=False)}\n\n"
        for start, end, text in cues
    )


def _cues(segments: Iterable[Segment]) -> Iterable[tuple[int, int, str]]:
    """Start, end (milliseconds) and text of the segments that say something. Starts never go back.

    A segment without a length, whose end the upstream left open, is shown for a second.
    """
    before = 0
    for segment in segments:
        start = max(before, round(segment.start * 1000))
        if text := segment.text.strip():
            end = round(segment.end * 1000)
            yield start, end if end > start else start + 1000, text
            before = start


def _line(text: str) -> str:
    """A blank line in a cue would end it."""
    return " ".join(text.split())


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
