"""What was seen of each target lately: its breaker, cooldown, calls in flight, latency and speed. In memory only."""

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.errors import GatewayError, UpstreamError
from gateway.routing.breaker import Breaker
from gateway.routing.types import Target

MAX_TARGETS = 10_000
"""Targets remembered; the one unused for longest is forgotten first."""
_LEAST_TOKENS = 8
"""Shorter answers say nothing of a target's speed."""
_WEIGHT = 0.2
"""Of the newest measurement in a moving average."""


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

    def ready_at(self, now: float) -> float:
        """When this target may be asked."""
        return max(self.cooling_until, self.breaker.ready_at(now))

    def begin(self, now: float) -> None:
        """A call goes out. Every `begin` is followed by one `end`."""
        self.calls += 1
        self.in_flight += 1
        self.breaker.begin(now)

    def end(self) -> None:
        """The answer is whole, failed or given up: the target is free of this call."""
        self.in_flight -= 1

    def succeed(self, now: float, latency: float) -> None:
        """The first content is there."""
        self.breaker.succeed(now)
        self.latency = _average(self.latency, latency)

    def fail(self, now: float, error: GatewayError) -> None:
        """Before or after the answer began."""
        self.last_error = error.error_code or type(error).__name__
        if error.counts_against_target:
            self.failures += 1
            self.breaker.fail(now)
        if error.retry_after and isinstance(error, UpstreamError):
            self.cooling_until = max(self.cooling_until, now + error.retry_after)

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

    def __getitem__(self, target: Target) -> Vital:
        key = (target.provider_id, target.upstream_model)
        vital = self._by_target.get(key)
        if vital is None:
            vital = self._by_target[key] = Vital()
            if len(self._by_target) > MAX_TARGETS:
                self._by_target.popitem(last=False)
        return vital

    def clear(self) -> None:
        """Forget everything: every target starts anew."""
        self._by_target.clear()


def _average(before: float | None, new: float) -> float:
    return new if before is None else before + _WEIGHT * (new - before)
