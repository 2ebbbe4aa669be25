"""Words that two neighbouring pieces both tell, told once. Pure; called by `audio_join` where pieces overlap."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product, takewhile

from gateway.openai_api.audio import Segment, Transcript, Word

WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: a letter there counts as a word, and no space stands between two."""
_TOKEN = re.compile(rf"[{WITHOUT_SPACES}]|[^\s{WITHOUT_SPACES}]+")
_PLAIN = re.compile(r"[^\w]+")
_SEEN = 16
"""Words on each side among which doubled ones are looked for: more than anybody says in an overlap."""
_STRAY = 2
"""Words at the very edge of a piece that may be misheard, as they are cut in the middle."""


def tell_once(before: Transcript, after: Transcript, cut: float) -> tuple[Transcript, Transcript]:
    """Both without what the other tells better. `cut` is the moment at which the second takes over.

    The same words in both are found by their letters; where none are, times decide, and where there are none either,
    everything stays.
    """
    tail, head = _tokens(before.text)[-_SEEN:], _tokens(after.text)[:_SEEN]
    if found := max(_doubled(tail, head), default=None):
        size, _, stray, begin = found
        return without_last(before, stray), without_first(after, begin + size)
    late = takewhile(lambda unit: unit[0] >= cut, reversed(list(_units(before.segments))))
    early = takewhile(lambda unit: unit[1] < cut, _units(after.segments))
    return without_last(before, sum(unit[2] for unit in late)), without_first(after, sum(unit[2] for unit in early))


def _doubled(tail: list[str], head: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Runs that end the one and begin the other but for strays: length, fewness of strays, strays behind and before."""
    for stray, begin in product(range(_STRAY + 1), repeat=2):
        last = len(tail) - stray
        for size in range(max(1, stray + begin), min(last, len(head) - begin) + 1):
            if tail[last - size : last] == head[begin : begin + size]:
                yield size, -stray - begin, stray, begin


def without_last(transcript: Transcript, count: int) -> Transcript:
    """Without its last words, in text and segments."""
    segments, left = list(transcript.segments), count
    while segments and left:
        last = segments.pop()
        size = len(_tokens(last.text))
        if size > left:
            text = _cut(last.text, 0, size - left)
            words = tuple(reversed(_without_tokens(reversed(last.words), left)))
            end = words[-1].end if words else last.end - (last.end - last.start) * left / size
            segments.append(Segment(text, last.start, end, words, last.extra))
        left = max(0, left - size)
    text = _cut(transcript.text, 0, max(0, len(_tokens(transcript.text)) - count))
    return replace(transcript, text=text, segments=tuple(segments))


def without_first(transcript: Transcript, count: int) -> Transcript:
    segments, left = list(transcript.segments), count
    while segments and left:
        first = segments.pop(0)
        size = len(_tokens(first.text))
        if size > left:
            words = tuple(_without_tokens(first.words, left))
            start = words[0].start if words else first.start + (first.end - first.start) * left / size
            segments.insert(0, Segment(_cut(first.text, left, size), start, first.end, words, first.extra))
        left = max(0, left - size)
    text = _cut(transcript.text, count, len(_tokens(transcript.text)))
    return replace(transcript, text=text, segments=tuple(segments))


def _tokens(text: str) -> list[str]:
    """Without case and punctuation, which differ from one hearing to another."""
    return [_PLAIN.sub("", token).casefold() or token for token in _TOKEN.findall(text)]


def _cut(text: str, first: int, last: int) -> str:
    """From the token `first` up to the token `last`."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    return text[spans[first][0] : spans[last - 1][1]] if first < min(last, len(spans)) else ""


def _units(segments: Iterable[Segment]) -> Iterator[tuple[float, float, int]]:
    """What cannot be parted by time, with its moments and its number of tokens: a word counts by its middle, a segment
    without words as a whole."""
    for segment in segments:
        for word in segment.words:
            middle = (word.start + word.end) / 2
            yield middle, middle, len(_tokens(word.word))
        if not segment.words:
            yield segment.start, segment.end, len(_tokens(segment.text))


def _without_tokens(words: Iterable[Word], count: int) -> list[Word]:
    """Without the first words that hold so many tokens."""
    left, kept = count, []
    for word in words:
        if left <= 0:
            kept.append(word)
        left -= len(_tokens(word.word))
    return kept
