"""Where a long recording is cut: in a pause near each boundary. Pure; called by `splitter`, a block of sound at a time.

Sound comes in frames of `FRAME` samples, each with its level: the mean of its squared samples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil

RATE = 16_000
FRAME = RATE // 50
FRAME_BYTES = FRAME * 2
"""Mono, 16 bits a sample."""
SECOND = RATE // FRAME

_REACH = 30 * SECOND
"""How far from a boundary a pause is looked for, where a fifth of a piece is not less."""
_PAUSE = SECOND // 5
"""The shortest stretch that counts as one: the stops inside of words are shorter."""
_OVERLAP = SECOND
"""What both pieces tell on each side of a cut where there is no pause."""
_SILENT = 1000
"""A level under which nobody speaks: about -60 dB of full scale."""
_QUIET = 25
"""A pause is at least so many times weaker than speech: 14 dB."""
_BESIDE = 5
"""Frames on each side of a place that say how loud it is there."""


@dataclass(frozen=True, slots=True)
class Cut:
    """`at`: the frame with which the next piece begins. `overlap`: frames on each side that both pieces tell."""

    at: int
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece from frame `begin` on; `lead` and `tail` are the frames at its ends that lie beyond its cuts."""

    begin: int
    sound: bytes
    lead: int = 0
    tail: int = 0
    last: bool = False


def stretches(frames: Iterator[tuple[bytes, int]], total: int, most: int) -> Iterator[Stretch]:
    """Pieces of at most `most` frames, about equally long where `total`, the frames to come, was right.

    `frames` are sound and level of each; only the last may be short. Without their overlaps the pieces are the whole.
    """
    sound, levels = bytearray(), list[int]()
    begin = lead = 0
    while True:
        for block, level in islice(frames, most + 1 - len(levels)):
            sound += block
            levels.append(level)
        if len(levels) <= most:
            yield Stretch(begin, bytes(sound), lead, last=True)
            return
        cut = next_cut(levels, max(total - begin, len(levels)), most)
        yield Stretch(begin, bytes(sound[: (cut.at + cut.overlap) * FRAME_BYTES]), lead, cut.overlap)
        kept = cut.at - cut.overlap
        del sound[: kept * FRAME_BYTES], levels[:kept]
        begin, lead = begin + kept, cut.overlap


def next_cut(levels: Sequence[int], left: int, most: int) -> Cut:
    """The first cut of `left` frames, more than `most`, of which at least `most` are here.

    In the longest pause near the boundary, of those of a second or more in the nearest; where there is none, at the
    quietest place, with an overlap.
    """
    reach = min(_REACH, most // 5)
    goal = left // max(2, ceil(left / (most - reach // 2)))
    low, high = max(1, goal - reach), min(goal + reach, most)
    quiet = max(_SILENT, sorted(levels)[len(levels) * 19 // 20] // _QUIET)
    pauses = [pause for pause in _pauses(levels, low, high, quiet) if pause[1] - pause[0] >= min(_PAUSE, reach)]
    if pauses:
        return Cut(_inside(max(pauses, key=lambda pause: _worth(pause, goal)), goal))
    overlap = min(_OVERLAP, most // 20)
    places = range(low, max(low + 1, min(high, most - overlap)))
    return Cut(min(places, key=lambda at: (_loudness(levels, at), abs(at - goal))), overlap)


def _pauses(levels: Sequence[int], low: int, high: int, quiet: int) -> Iterator[tuple[int, int]]:
    """Start and end of the stretches from `low` up to `high` in which no frame is louder than `quiet`."""
    start = low
    for at in range(low, high + 1):
        if at == high or levels[at] > quiet:
            if at > start:
                yield start, at
            start = at + 1


def _inside(pause: tuple[int, int], goal: int) -> int:
    """The place in a pause that is nearest to the goal, not at its very edge."""
    start, end = pause
    margin = min((end - start) // 2, SECOND // 2)
    return min(max(goal, start + margin), end - margin)


def _worth(pause: tuple[int, int], goal: int) -> tuple[int, int]:
    return min(pause[1] - pause[0], SECOND), -abs(_inside(pause, goal) - goal)


def _loudness(levels: Sequence[int], at: int) -> int:
    return sum(levels[max(0, at - _BESIDE) : at + _BESIDE])
