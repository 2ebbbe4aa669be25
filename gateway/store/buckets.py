"""The fixed bounds of the histograms in the hourly roll-ups, and percentiles out of them. Used by store and reports."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

BUCKETS = (
    *(5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 750.0),
    *(
        1_000.0,
        1_500.0,
        2_000.0,
        3_000.0,
        5_000.0,
        7_500.0,
        10_000.0,
        20_000.0,
        40_000.0,
        80_000.0,
        160_000.0,
        600_000.0,
    ),
)
"""Upper bounds in milliseconds. Stored: a new list needs new columns, so it never changes."""
_place = partial(bisect_left, BUCKETS)


def spread(times: Iterable[float]) -> list[int]:
    """How many of the times (ms) are in each bucket; a last one holds what is above all bounds."""
    counts = Counter(map(_place, times))
    return [counts[place] for place in range(len(BUCKETS) + 1)]


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The time in ms that `share` (0 to 1) of the requests stayed under, interpolated inside its bucket.

    None without requests; the highest bound where the answer lies above it.
    """
    wanted = sum(counts) * share
    if not sum(counts):
        return None
    seen = 0
    for number, count in enumerate(counts[: len(BUCKETS)]):
        if count and seen + count >= wanted:
            low = BUCKETS[number - 1] if number else 0.0
            return low + (BUCKETS[number] - low) * (wanted - seen) / count
        seen += count
    return BUCKETS[-1]
