"""When the caps of an account at Chutes run out, from what was seen of them. Pure; for the order of targets, for
`explain` and for the overview."""

from collections.abc import Sequence
from dataclasses import dataclass

NEARLY = 0.9
"""Share of a cap from which on it counts as nearly used, whatever the pace."""
WATCHED = 0.5
"""Share from which on a pace that does not last until the reset counts as nearly used."""
_LOOKED_AT = 3600.0
"""Seconds of history from which the pace is told."""
_LEAST = 60.0
"""Seconds that history must span: a shorter one tells no pace."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was used at a time (`time.time()`)."""

    at: float
    used: float


@dataclass(frozen=True, slots=True)
class Window:
    """A cap: `used` of `cap` (USD or requests, as `unit` says) until `resets_at` (`time.time()`; None: unknown).

    `chute` is the id of the one chute that it is for; empty: for all that have none of their own.
    """

    name: str
    used: float
    cap: float
    unit: str
    resets_at: float | None = None
    chute: str = ""

    @property
    def share(self) -> float:
        return min(1.0, self.used / self.cap) if self.cap > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """`per_hour` is the pace of late, None where it is not known; `runs_out_at` (`time.time()`) is None where the cap
    lasts until it is reset."""

    per_hour: float | None = None
    runs_out_at: float | None = None


def forecast(samples: Sequence[Sample], window: Window, now: float) -> Forecast:
    """Goes on at the pace of the last hour. `samples` are in order of time; what lies before a reset does not count."""
    if window.used >= window.cap:
        return Forecast(_pace(samples, now), now)
    pace = _pace(samples, now)
    if not pace:
        return Forecast(pace)
    out = now + (window.cap - window.used) / pace * 3600
    return Forecast(pace, out if window.resets_at is None or out < window.resets_at else None)


def nearly_used(window: Window, found: Forecast) -> bool:
    """Whether calls should go elsewhere first: nearly nothing is left, or half is gone and the rest will not last."""
    too_fast = found.runs_out_at is not None and window.resets_at is not None
    return window.share >= NEARLY or (window.share >= WATCHED and too_fast)


def _pace(samples: Sequence[Sample], now: float) -> float | None:
    """Per hour."""
    kept: list[Sample] = []
    for sample in samples:
        if kept and sample.used < kept[-1].used:
            kept.clear()
        if now - sample.at <= _LOOKED_AT:
            kept.append(sample)
    if len(kept) < 2 or kept[-1].at - kept[0].at < _LEAST:
        return None
    return (kept[-1].used - kept[0].used) / (kept[-1].at - kept[0].at) * 3600
