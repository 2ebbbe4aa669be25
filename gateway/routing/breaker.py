"""Whether a target deserves a call now. Pure: the time comes in, a decision goes out. Used by `vitals`."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """Opens after `failures` in a row, or when more than `share` of the last `window` calls failed (never of fewer than
    half a window). It stays open for `pause` seconds, twice as long each time, up to `longest_pause`. After the first
    success the target's share of calls grows from a tenth to all within `ramp` seconds."""

    failures: int = 5
    share: float = 0.5
    window: int = 20
    pause: float = 5.0
    longest_pause: float = 20.0
    ramp: float = 10.0
    trial: float = 60.0
    """Seconds after which a trial call that never reported back is forgotten."""


_LOOK_AGAIN = 0.1
"""Seconds after which to ask again how a trial went."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    """One call at a time is on trial."""
    RAMPING = "ramping"
    """The trial succeeded; calls come back little by little."""


class Breaker:
    """Times are in seconds of one monotonic clock."""

    __slots__ = (
        "_in_a_row",
        "_limits",
        "_open_until",
        "_pause",
        "_ramp_from",
        "_recent",
        "_since",
        "_trial_from",
        "_tripped",
    )

    def __init__(self, limits: BreakerLimits = BreakerLimits()) -> None:
        self._limits = limits
        self._recent: deque[bool] = deque(maxlen=limits.window)
        self._in_a_row = 0
        self._pause = limits.pause
        self._open_until: float | None = None
        self._trial_from: float | None = None
        self._ramp_from: float | None = None
        self._tripped = False
        self._since = float("-inf")

    def state(self, now: float) -> BreakerState:
        if self._open_until is not None:
            return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN
        return BreakerState.CLOSED if self.is_closed(now) else BreakerState.RAMPING

    def is_closed(self, now: float) -> bool:
        if self._open_until is not None:
            return False
        return self._ramp_from is None or now >= self._ramp_from + self._limits.ramp

    def ready_at(self, now: float) -> float:
        """When a call may be tried: now, the end of the pause, or a moment later while a trial is under way."""
        if self._open_until is None:
            return now
        if self._trial_from is not None and now < self._trial_from + self._limits.trial:
            return now + _LOOK_AGAIN
        return max(now, self._open_until)

    def prefers(self, now: float, draw: float) -> bool:
        """False where another target should go first. `draw` is a random number in [0, 1)."""
        if self.state(now) is not BreakerState.RAMPING or self._ramp_from is None:
            return True
        return draw < 0.1 + 0.9 * (now - self._ramp_from) / self._limits.ramp

    def begin(self, now: float) -> None:
        """A call goes out: in the half-open state it is the trial."""
        if self._open_until is not None:
            self._trial_from = now

    def succeed(self, now: float) -> None:
        if self._open_until is not None:
            self._close(now)
        self._in_a_row = 0
        self._recent.append(True)
        if self._ramp_from is not None and self.is_closed(now):
            self._ramp_from = None
            self._pause = self._limits.pause

    def fail(self, now: float, began: float) -> None:
        """`began` is when the call went out. While it is open, only the trial tells how the target is; once it has
        closed, only calls from then on do. So many calls that fail together make one pause."""
        on_trial = self._open_until is not None
        if began != self._trial_from if on_trial else began < self._since:
            return
        self._in_a_row += 1
        self._recent.append(False)
        if on_trial or self._in_a_row >= self._limits.failures or self._mostly_failing():
            self._open(now)

    def give_up(self, began: float) -> None:
        """A call ends without an outcome; if it was on trial, another may be it."""
        if began == self._trial_from:
            self._trial_from = None

    def trip(self, until: float) -> None:
        """Opens for a reason outside the calls, or stays open longer."""
        self._open_until = until if self._open_until is None else max(self._open_until, until)
        self._trial_from = self._ramp_from = None
        self._tripped = True

    def let_in(self, now: float) -> None:
        """The target is said to be well: what was tripped or waits for a trial takes calls again, few at first."""
        if self._open_until is not None and (self._tripped or now >= self._open_until):
            self._close(now)

    def _close(self, now: float) -> None:
        self._open_until = self._trial_from = None
        self._tripped = False
        self._ramp_from = self._since = now
        self._recent.clear()

    def _mostly_failing(self) -> bool:
        failed = self._recent.count(False)
        return len(self._recent) >= self._limits.window // 2 and failed > self._limits.share * len(self._recent)

    def _open(self, now: float) -> None:
        self._open_until = now + self._pause
        self._pause = min(self._pause * 2, self._limits.longest_pause)
        self._trial_from = self._ramp_from = None
        self._tripped = False
        self._in_a_row = 0
        self._recent.clear()
