"""What was seen of each target lately: its breaker, cooldown, calls in flight, latency and speed. In memory only."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.errors import GatewayError, UpstreamError
from gateway.routing.breaker import Breaker
from gateway.routing.signals import Signals
from gateway.routing.types import Spill, Target

MAX_TARGETS = 10_000
"""Targets remembered; those are forgotten first that had no call since it was last looked for one to forget."""
_PASSES = 32
"""Targets looked at, at most, to forget one."""
_LEAST_TOKENS = 8
"""Shorter answers say nothing of a target's speed."""
_WEIGHT = 0.2
"""Of the newest measurement in a moving average."""
_REMEMBERED, _ENOUGH = 100, 20
"""Answers from which is told how long 95 of 100 take, and the fewest from which it can be told."""


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What an engine says of itself: calls that wait in it, and the share of its key-value cache in use (None where it
    does not tell). `at` is `time.monotonic()`.

    `running` calls; tokens `written` and `read` since it started; what it had of each per second lately;
    `device_memory` in bytes, from it or from the system. None: not told.
    """

    waiting: float
    memory: float | None
    at: float
    running: float | None = None
    written: float | None = None
    read: float | None = None
    output_speed: float | None = None
    input_speed: float | None = None
    device_memory: float | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """How the latest health check of a provider went: the code of its error, empty where it went well. `at` is
    `time.time()`; until `closed_until` (`time.monotonic()`) nothing is sent to the provider."""

    at: float
    error: str = ""
    closed_until: float = 0.0


@dataclass(slots=True)
class Vital:
    """One target. `latency` is seconds to the first content, `speed` output tokens per second; None until measured."""

    breaker: Breaker = field(default_factory=Breaker)
    cooling_until: float = 0.0
    in_flight: int = 0
    calls: int = 0
    failures: int = 0
    latency: float | None = None
    speed: float | None = None
    last_error: str = ""
    spilled: frozenset[Spill] = frozenset()
    """The limits that were reached and not yet left well behind."""
    recent: deque[float] | None = None
    """The latest latencies, kept from the first time that somebody asks for `slow_after`."""
    since: float = 0.0
    """What went out before this moment says nothing of the target."""
    calls_seen: int = 0
    """`calls` when it was last looked for a target to forget."""

    def ready_at(self, now: float) -> float:
        """When this target may be asked."""
        return max(self.cooling_until, self.breaker.ready_at(now))

    def is_calm(self, now: float) -> bool:
        """Nothing speaks against asking it first: it neither rests nor is only coming back."""
        return now >= self.cooling_until and self.breaker.is_closed(now)

    def begin(self, now: float) -> None:
        """A call goes out. Every `begin` is followed by one `end`."""
        self.calls += 1
        self.in_flight += 1
        self.breaker.begin(now)

    def end(self) -> None:
        """The answer is whole, failed or given up: the target is free of this call."""
        self.in_flight -= 1

    def give_up(self, began: float) -> None:
        """Nobody waits for the answer any more; it says nothing of the target, so the next call may be the trial."""
        self.in_flight -= 1
        self.breaker.give_up(began)

    def succeed(self, now: float, latency: float) -> None:
        """The first content is there."""
        self.breaker.succeed(now)
        self.measure(latency)

    def measure(self, latency: float) -> None:
        """An answer began after so many seconds, or would have taken still longer."""
        self.latency = _average(self.latency, latency)
        if self.recent is not None:
            self.recent.append(latency)

    def slow_after(self) -> float | None:
        """Seconds within which 95 of 100 answers began lately; None while too few are known."""
        if self.recent is None:
            self.recent = deque(maxlen=_REMEMBERED)
        if len(self.recent) < _ENOUGH:
            return None
        return sorted(self.recent)[len(self.recent) * 95 // 100]

    def fail(self, now: float, error: GatewayError, began: float) -> None:
        """Before or after the answer began; `began` is when the call went out, or its answer began. One that is not the
        target's fault says nothing of a trial: the next call may be it."""
        if began < self.since:
            return
        self.last_error = error.error_code or type(error).__name__
        if error.counts_against_target:
            self.failures += 1
            self.breaker.fail(now, began)
        else:
            self.breaker.give_up(began)
        if error.retry_after and isinstance(error, UpstreamError):
            self.cooling_until = max(self.cooling_until, now + error.retry_after)

    def renew(self, now: float) -> None:
        """Calls go elsewhere from now on, or with other keys: nothing that was held against the target counts."""
        self.breaker, self.cooling_until, self.last_error = Breaker(), 0.0, ""
        self.since = now

    def streamed(self, tokens: int, seconds: float) -> None:
        if tokens >= _LEAST_TOKENS and seconds > 0:
            self.speed = _average(self.speed, tokens / seconds)

    def state(self, now: float) -> str:
        if now < self.cooling_until:
            return "cooling"
        return self.breaker.state(now).value


class Vitals:
    """All targets by provider and upstream model, shared by every route that leads to them."""

    def __init__(self) -> None:
        self._by_target: OrderedDict[tuple[str, str], Vital] = OrderedDict()
        self.checks: dict[str, Checked] = {}
        """By the id of the provider."""
        self.loads: dict[str, EngineLoad] = {}
        """By the name of the engine, which is its provider's id."""
        self.signals = Signals()

    def __getitem__(self, target: Target) -> Vital:
        key = (target.provider_id, target.upstream_model)
        vital = self._by_target.get(key)
        if vital is None:
            vital = self._by_target[key] = self._new(target.provider_id)
            if len(self._by_target) > MAX_TARGETS:
                self._forget_one()
        return vital

    def unwell(self, provider: str, check: Checked) -> None:
        """A health check failed: no target of this provider is asked before `closed_until`, unless one goes well."""
        self.checks[provider] = check
        for vital in self._of(provider):
            _close(vital, check)

    def well(self, provider: str, check: Checked, now: float) -> None:
        """A health check went well: what rested because of checks, or waits for a trial, gets calls again."""
        self.checks[provider] = check
        for vital in self._of(provider):
            vital.breaker.let_in(now)

    def items(self) -> list[tuple[tuple[str, str], Vital]]:
        """What is known now, by provider and upstream model."""
        return list(self._by_target.items())

    def forget(self, provider: str, upstream_model: str) -> bool:
        """The target starts anew; whether it was known."""
        return self._by_target.pop((provider, upstream_model), None) is not None

    def renew(self, provider: str, now: float) -> None:
        """The provider is configured anew: its targets may be asked at once."""
        self.checks.pop(provider, None)
        for vital in self._of(provider):
            vital.renew(now)

    def clear(self) -> None:
        """Forget everything: every target starts anew."""
        self._by_target.clear()
        self.checks.clear()

    def _forget_one(self) -> None:
        """The oldest that nobody used since the last look; asking for a target stays as cheap as a look into a dict."""
        for _ in range(_PASSES):
            key, vital = self._by_target.popitem(last=False)
            if not vital.in_flight and vital.calls == vital.calls_seen:
                return
            vital.calls_seen = vital.calls
            self._by_target[key] = vital
        self._by_target.popitem(last=False)

    def _of(self, provider: str) -> Iterator[Vital]:
        return (vital for (name, _), vital in self._by_target.items() if name == provider)

    def _new(self, provider: str) -> Vital:
        vital = Vital()
        if (check := self.checks.get(provider)) is not None:
            _close(vital, check)
        return vital


def _close(vital: Vital, check: Checked) -> None:
    if check.closed_until:
        vital.breaker.trip(check.closed_until)
        vital.last_error = check.error


def _average(before: float | None, new: float) -> float:
    return new if before is None else before + _WEIGHT * (new - before)
