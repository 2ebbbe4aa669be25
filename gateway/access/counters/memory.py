"""Counts in this process: exact, and cheap enough to be asked for every request. For one worker without Redis."""

from collections.abc import Mapping, Sequence

from gateway.access.counters.clock import Periods, SteadyClock
from gateway.access.counters.verdicts import WINDOW, Use, refusal
from gateway.access.limits import Amount, Grant, Limits, Remaining

_KEPT_PERIODS = 4
"""Budget windows of one kind that a scope remembers, so that a clock set forth and back frees nothing."""
_SWEEP = 60
"""Seconds after which scopes that count nothing are forgotten."""


class _Scope:
    """What one scope uses. The two rings have a bucket for each second of the window."""

    __slots__ = ("parallel", "requests", "requests_at", "second", "spent", "tokens", "tokens_at")

    def __init__(self, second: int) -> None:
        self.second = second
        self.requests = 0
        self.tokens = 0
        self.parallel = 0
        self.requests_at = [0] * WINDOW
        self.tokens_at = [0] * WINDOW
        self.spent: dict[str, int] = {}

    def advance(self, second: int) -> None:
        """Lets the buckets go that are older than the window."""
        gap = second - self.second
        if gap <= 0:
            return
        for past in range(self.second + 1, self.second + 1 + min(gap, WINDOW)):
            index = past % WINDOW
            self.requests -= self.requests_at[index]
            self.tokens -= self.tokens_at[index]
            self.requests_at[index] = self.tokens_at[index] = 0
        self.second = second

    def spend(self, period: str, nanos: int) -> None:
        if period in self.spent:
            self.spent[period] += nanos
            return
        self.spent[period] = nanos
        kind = _kind(period)
        alike = [name for name in self.spent if _kind(name) == kind]
        for name in alike[:-_KEPT_PERIODS]:
            del self.spent[name]

    def use(self, limits: Limits, tokens: int, period: str, steady: float) -> Use:
        requests_wait = _wait(self.requests_at, self.requests + 1 - (limits.rpm or 0), self.second, steady)
        tokens_wait = _wait(self.tokens_at, self.tokens + tokens - (limits.tpm or 0), self.second, steady)
        spent = self.spent.get(period, 0)
        return Use(self.requests, self.tokens, self.parallel, spent, requests_wait, tokens_wait)


def _kind(window: str) -> str:
    """`day`, `week`, `month` or `total`."""
    return window.partition(":")[0].partition("@")[0]


def _wait(ring: list[int], excess: int, second: int, steady: float) -> float:
    """Seconds until buckets holding `excess` have left the window."""
    for past in range(second - WINDOW + 1, second + 1):
        if excess <= 0:
            break
        excess -= ring[past % WINDOW]
        if excess <= 0:
            return past + WINDOW - steady
    return 0.0


_Taken = list[tuple[_Scope, Limits, str]]


class MemoryCounters:
    """A `CounterStore`. Nothing in it awaits, so a reservation cannot be interrupted half-way."""

    def __init__(self) -> None:
        self._scopes: dict[str, _Scope] = {}
        self._clock = SteadyClock()
        self._periods = Periods()
        self._swept = 0

    @property
    def size(self) -> int:
        """Scopes that are remembered."""
        return len(self._scopes)

    async def reserve(self, scopes: Sequence[Limits], most: Amount, now: float) -> Grant:
        if not scopes:
            return Grant(most)
        steady = self._clock.read(now)
        second = int(steady)
        if second - self._swept >= _SWEEP:
            self._sweep(second)
        tokens, nanos = most.tokens, most.nanos
        taken: _Taken = []
        full = False
        for limits in scopes:
            scope = self._scopes.get(limits.scope)
            if scope is None:
                scope = self._scopes[limits.scope] = _Scope(second)
            elif scope.second < second:
                scope.advance(second)
            period = ""
            budget = limits.budget_nanos
            if budget is not None:
                period = self._periods.window(limits, now)
                full = full or (nanos > 0 and scope.spent.get(period, 0) + nanos > budget)
            full = (
                full
                or (limits.rpm is not None and scope.requests >= limits.rpm)
                or (limits.tpm is not None and scope.tokens + tokens > limits.tpm)
                or (limits.max_parallel is not None and scope.parallel >= limits.max_parallel)
            )
            taken.append((scope, limits, period))
        if full:
            uses = [scope.use(limits, tokens, period, steady) for scope, limits, period in taken]
            raise refusal(scopes, uses, most, now)
        return _book(taken, most, second, WINDOW - now % 1.0)

    async def settle(self, grant: Grant, actual: Amount) -> None:
        self.settle_at_once(grant, actual)

    def settle_at_once(self, grant: Grant, actual: Amount) -> bool:
        if grant.handle is None:
            return True
        assert isinstance(grant.handle, tuple)
        second, taken = grant.handle
        tokens = actual.tokens - grant.reserved.tokens
        nanos = actual.nanos - grant.reserved.nanos
        for scope, limits, period in taken:
            if tokens and limits.tpm is not None and scope.second - second < WINDOW:
                scope.tokens += tokens
                scope.tokens_at[second % WINDOW] += tokens
            if limits.max_parallel is not None:
                scope.parallel -= 1
            if nanos and period:
                scope.spend(period, nanos)
        taken.clear()
        return True

    async def seed(self, scope: str, period: str, nanos: int) -> None:
        found = self._scopes.setdefault(scope, _Scope(int(self._clock.latest)))
        found.spend(period, max(0, nanos - found.spent.get(period, 0)))

    async def seed_all(self, sums: Mapping[tuple[str, str], int]) -> None:
        for (scope, period), nanos in sums.items():
            await self.seed(scope, period, nanos)

    async def forget(self, scope: str, mark: str = "") -> None:
        self._scopes.pop(scope, None)

    async def aclose(self) -> None:
        self._scopes.clear()

    def _sweep(self, second: int) -> None:
        self._swept = second
        for name, scope in list(self._scopes.items()):
            if second - scope.second >= WINDOW and not scope.parallel and not scope.spent:
                del self._scopes[name]


def _book(taken: _Taken, most: Amount, second: int, reset: float) -> Grant:
    requests = tokens = None
    index = second % WINDOW
    for scope, limits, period in taken:
        rpm, tpm = limits.rpm, limits.tpm
        if rpm is not None:
            scope.requests += 1
            scope.requests_at[index] += 1
            left = rpm - scope.requests
            if requests is None or left < requests.remaining:
                requests = Remaining(rpm, left, reset)
        if tpm is not None:
            scope.tokens += most.tokens
            scope.tokens_at[index] += most.tokens
            left = tpm - scope.tokens
            if tokens is None or left < tokens.remaining:
                tokens = Remaining(tpm, left, reset)
        if limits.max_parallel is not None:
            scope.parallel += 1
        if period:
            scope.spend(period, most.nanos)
    return Grant(most, requests, tokens, (second, taken))
