"""How providers did lately: health checks, and what requests met there, minute by minute. In memory, bounded.

`background.health` and the recorder's listener write it; the admin API reads it. The request path never touches it.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

MINUTES = 180
"""Minutes remembered of each provider."""
_CHECKS = 200
_PROVIDERS = 500
_TIMES = 200
"""Times kept of one minute, from which its median is told; later ones of a busier minute are not looked at."""


@dataclass(frozen=True, slots=True)
class Check:
    """`at` is `time.time()`; `error` is a code, empty where it went well."""

    at: float
    ms: float
    error: str = ""


@dataclass(slots=True)
class Minute:
    """Tries of the minute that begins at `at` (epoch seconds). `failures` are the provider's fault, `refused` the fault
    of requests. `times` are milliseconds until answers began."""

    at: float
    tries: int = 0
    failures: int = 0
    refused: int = 0
    last_error: str = ""
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return sorted(self.times)[len(self.times) // 2] if self.times else None


@dataclass(slots=True)
class Past:
    """Of one provider, oldest first; minutes without a try are left out. `last_error` is of the latest try or check
    that failed, at `error_at`."""

    minutes: deque[Minute] = field(default_factory=lambda: deque(maxlen=MINUTES))
    checks: deque[Check] = field(default_factory=lambda: deque(maxlen=_CHECKS))
    last_error: str = ""
    error_at: float | None = None


class History:
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._by_provider: OrderedDict[str, Past] = OrderedDict()

    def note_check(self, provider: str, ms: float, error: str = "") -> None:
        past, now = self._of(provider), self._clock()
        past.checks.append(Check(now, ms, error))
        if error:
            past.last_error, past.error_at = error, now

    def note_answers(self, provider: str, times: Sequence[float]) -> None:
        """`times` are milliseconds until each began."""
        minute = self._minute(self._of(provider), self._clock())
        minute.tries += len(times)
        minute.times.extend(times[: _TIMES - len(minute.times)])

    def note_failure(self, provider: str, error: str, *, refused: bool = False) -> None:
        """`refused`: the request was at fault."""
        past, now = self._of(provider), self._clock()
        minute = self._minute(past, now)
        minute.tries += 1
        if refused:
            minute.refused += 1
        else:
            minute.failures += 1
            minute.last_error = past.last_error = error
            past.error_at = now

    def read(self, provider: str) -> Past:
        """What is known; empty for whom nobody asked."""
        return self._by_provider.get(provider) or Past()

    def minutes(self, provider: str, count: int) -> Sequence[Minute]:
        """The latest `count`, one for each, up to the present one."""
        known = {minute.at: minute for minute in self.read(provider).minutes}
        last = _beginning(self._clock())
        return [known.get(at) or Minute(at) for at in (last - 60.0 * n for n in range(count - 1, -1, -1))]

    def _of(self, provider: str) -> Past:
        past = self._by_provider.get(provider)
        if past is None:
            past = self._by_provider[provider] = Past()
            if len(self._by_provider) > _PROVIDERS:
                self._by_provider.popitem(last=False)
        return past

    def _minute(self, past: Past, now: float) -> Minute:
        at = _beginning(now)
        if not past.minutes or past.minutes[-1].at < at:
            past.minutes.append(Minute(at))
        return past.minutes[-1]


def _beginning(now: float) -> float:
    return now - now % 60.0
