"""`Limits` of a key, a user or everybody, and the protocol that counts against them: reserve before, settle after.

The pipeline calls `reserve` and `settle`, the administration `seed` and `forget`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import msgspec

_FIGURES = ("limit", "remaining", "reset")
_OF_REQUESTS, _OF_TOKENS = ([f"x-ratelimit-{one}-{what}" for one in _FIGURES] for what in ("requests", "tokens"))


class BudgetPeriod(StrEnum):
    """UTC windows; `total` never ends."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one scope may use. `scope` is `key:<id>`, `user:<id>`, `ip:<site>` or `global`; None: unlimited."""

    scope: str
    rpm: int | None = None
    """Requests in any 60 seconds."""
    tpm: int | None = None
    """Tokens, in and out, in any 60 seconds."""
    max_parallel: int | None = None
    budget_nanos: int | None = None
    """Nano-dollars per `budget_period`."""
    budget_period: BudgetPeriod = BudgetPeriod.TOTAL
    mark: str = ""
    """Ends the names of the budget's windows. With another one nothing was spent yet."""

    @property
    def limits_nothing(self) -> bool:
        return self.rpm is None and self.tpm is None and self.max_parallel is None and self.budget_nanos is None


class Amount(msgspec.Struct, frozen=True):
    """What one request uses, or at most will: tokens in and out, and nano-dollars."""

    tokens: int = 0
    nanos: int = 0


class Remaining(msgspec.Struct, frozen=True):
    """For the headers `x-ratelimit-limit-*`, `-remaining-*` and `-reset-*` of the tightest scope; resets in seconds."""

    limit: int
    remaining: int
    reset: float


class Grant(msgspec.Struct, frozen=True):
    """A reservation, to be settled exactly once. `handle` is the counter store's own."""

    reserved: Amount
    requests: Remaining | None = None
    tokens: Remaining | None = None
    handle: object = None


class CounterStore(Protocol):
    """Counts for all scopes of a request together: either every one of them has room, or nothing is reserved."""

    async def reserve(self, scopes: Sequence[Limits], most: Amount, now: float) -> Grant:
        """`most` is the most the request can use; `now` is `time.time()`.

        Raises RateLimited (429) or BudgetExceeded (402), both with `retry_after` in seconds.
        """
        ...

    async def settle(self, grant: Grant, actual: Amount) -> None:
        """Puts the actual amount in place of the reserved one and frees the parallel slot."""
        ...

    def settle_at_once(self, grant: Grant, actual: Amount) -> bool:
        """`settle`, where nobody else has to be told; False: where it must be awaited, and nothing is done yet."""
        ...

    async def seed(self, scope: str, period: str, nanos: int) -> None:
        """What was spent before this process began; never lowers what is already counted. `period` is the name of a
        window, with the mark of the scope's limits."""
        ...

    async def seed_all(self, sums: Mapping[tuple[str, str], int]) -> None:
        """The same for many at once: `{(scope, period): nanos}`, as `UsageStore.spent` gives it."""
        ...

    async def forget(self, scope: str, mark: str = "") -> None:
        """Drops what is counted for a key or a user that was deleted. `mark` is that of its limits."""
        ...

    async def aclose(self) -> None: ...


def rate_headers(grant: Grant) -> list[tuple[str, str]]:
    """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, as OpenAI names them, for the tightest scopes."""
    headers: list[tuple[str, str]] = []
    for names, figures in ((_OF_REQUESTS, grant.requests), (_OF_TOKENS, grant.tokens)):
        if figures is not None:
            told = str(figures.limit), str(figures.remaining), duration(figures.reset)
            headers += zip(names, told, strict=True)
    return headers


def duration(seconds: float) -> str:
    """As OpenAI writes it: `0s`, `20ms`, `1s`, `6m0s`, `1h0m0s`; rounded up."""
    if 0 < seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    return _whole(max(0, math.ceil(seconds)))


@lru_cache(maxsize=256)
def _whole(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
