"""A clock for windows that never runs back, and the names of budget windows, remembered. Used by the counters."""

from gateway.access.limits import BudgetPeriod, Limits
from gateway.settings.periods import period_end, period_name

_TOLERANCE = 5.0
"""Seconds that callers may be behind one another; further back means that the clock was set back."""


class SteadyClock:
    """Follows `now` forward. When it is set back, time goes on from where it was: nothing is freed, nobody waits."""

    __slots__ = ("latest", "offset")

    def __init__(self, latest: float = 0.0, offset: float = 0.0) -> None:
        self.latest = latest
        self.offset = offset

    def read(self, now: float) -> float:
        steady = now + self.offset
        if steady < self.latest:
            if self.latest - steady > _TOLERANCE:
                self.offset += self.latest - steady
            return self.latest
        self.latest = steady
        return steady


class Periods:
    """`name(period, now)` as `settings.periods` gives it, without making a date for every request."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float, str]] = {}

    def window(self, limits: Limits, now: float) -> str:
        """The name under which the scope's spending is counted: `month:2026-11`, after a reset with its mark."""
        return self.name(limits.budget_period, now) + limits.mark

    def name(self, period: BudgetPeriod, now: float) -> str:
        known = self._known.get(period)
        if known is not None and known[0] <= now < known[1]:
            return known[2]
        end = period_end(period, now)
        name = period_name(period, now)
        self._known[period] = (now, float("inf") if end is None else end, name)
        return name
