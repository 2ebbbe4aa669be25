"""Recent traffic through another policy, reckoned and not sent: what it would cost, how long it would take, who would
answer. Pure; called by `pipeline.reckoning`, which knows routes and prices.

Expected values, no dice: of a request that reaches a set of targets, each takes the share that the policy gives it, and
what fails there (as often as it failed lately) goes on to the others.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.openai_api.call import Usage
from gateway.openai_api.operations import EDITS, IMAGES, OCR, TRANSCRIPTIONS, TRANSLATIONS
from gateway.usage.evidence import Evidence, TargetKey
from gateway.usage.pricing import cost_nanos
from gateway.usage.types import NANOS, Price, UsageRow

ASSUMPTIONS = (
    "Requests that the caller got wrong (4xx), left (499) or that came from the cache stay as they were.",
    "Every target makes as many tokens of a request as were counted, cached ones included.",
    "A price per request is for each page, each piece of a recording, and each picture that was charged by itself.",
    "A target fails as often, and is as fast, as in this period; one that was not asked in it never fails.",
    "A failed attempt goes to the next target; retries of the same target, rests, hedging and queues are left out.",
    "Rules of confidentiality count where settings and models make them; those of keys and callers are left out.",
    "Sessions do not stick to a target; policies that look at load share it by weight.",
)
_RECORDINGS = (TRANSCRIPTIONS.name, TRANSLATIONS.name)
_DRAWN = (IMAGES.name, EDITS.name)
_LEAST = 1e-4
"""Share of the requests that is not followed any further."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A target as the policy sees it: those of the lowest `tier` first. `price` None: nobody told it."""

    provider_id: str
    upstream_model: str
    tier: tuple[int, ...] = (0,)
    weight: float = 1.0
    price: Price | None = None
    rate: float = float("inf")
    """USD per 1 M tokens, as policies that look at prices see it."""

    @property
    def key(self) -> TargetKey:
        return self.provider_id, self.upstream_model


@dataclass(frozen=True, slots=True)
class Expected:
    """Of all replayed requests. `cost_usd` is of the `priced` share, `latency_ms` (mean) of the `timed` share: the
    others go to targets of which that is not known. `failing` is the share that no target answers."""

    cost_usd: float
    priced: float
    latency_ms: float | None
    timed: float
    failing: float
    shares: Mapping[TargetKey, float]


def is_replayed(row: UsageRow) -> bool:
    """Whether another policy could have changed anything about this request."""
    wrong = 400 <= row.status < 500 and row.status != 429
    return not wrong and not row.cached


def shares(
    choices: Sequence[Choice], evidence: Mapping[TargetKey, Evidence], rank: Callable[[Choice], float] | None
) -> tuple[dict[TargetKey, float], float, float]:
    """Who answers which share, the share that fails everywhere, and the mean milliseconds lost in failures.

    `rank`: lower is asked first within a tier; None: by weight.
    """
    answered: dict[TargetKey, float] = defaultdict(float)
    lost = 0.0

    def walk(left: tuple[Choice, ...], mass: float) -> float:
        """The share of `mass` that fails at all that are left."""
        nonlocal lost
        if not left or mass < _LEAST:
            return mass
        failing = 0.0
        for first, share in _first(left, rank):
            known = evidence.get(first.key, Evidence())
            taken = mass * share
            answered[first.key] += taken * (1 - known.failing)
            lost += taken * known.failing * known.failing_ms
            if known.failing:
                failing += walk(tuple(one for one in left if one is not first), taken * known.failing)
        return failing

    failing = walk(tuple(choices), 1.0)
    return dict(answered), failing, lost


def _first(left: Sequence[Choice], rank: Callable[[Choice], float] | None) -> Iterable[tuple[Choice, float]]:
    """Who is asked next, with which probability."""
    tier = min(one.tier for one in left)
    group = [one for one in left if one.tier == tier]
    if rank is not None:
        best = min(map(rank, group))
        group = [one for one in group if rank(one) == best]
    weight = sum(one.weight for one in group)
    return [(one, one.weight / weight) for one in group]


def replay(
    rows: Sequence[UsageRow],
    choices: Sequence[Choice],
    evidence: Mapping[TargetKey, Evidence],
    rank: Callable[[Choice], float] | None = None,
) -> Expected:
    """What these requests would come to. Rows that `is_replayed` denies must be left out."""
    answered, failing, lost = shares(choices, evidence, rank)
    prices = {one.key: one.price for one in choices}
    nanos = priced = milliseconds = timed = 0.0
    for key, share in answered.items():
        known = evidence.get(key, Evidence())
        costs = [cost_nanos(prices[key], _usage(row)) for row in rows]
        nanos += share * sum(cost for cost in costs if cost is not None)
        priced += share * sum(cost is not None for cost in costs)
        if known.speed is not None:
            milliseconds += share * sum(known.speed.ms(row) for row in rows)
            timed += share
    count = len(rows)
    latency = milliseconds / count / timed + lost if count and timed else None
    return Expected(nanos / NANOS, priced / count if count else 0.0, latency, timed, failing, answered)


def by_price(choice: Choice) -> float:
    """Cheapest first."""
    return choice.rate


def by_first_content(evidence: Mapping[TargetKey, Evidence]) -> Callable[[Choice], float]:
    """Quickest to begin first; what was never measured comes before, as the gateway does it to get it measured."""

    def rank(choice: Choice) -> float:
        known = evidence.get(choice.key)
        return known.speed.first_ms if known and known.speed else float("-inf")

    return rank


def by_speed(evidence: Mapping[TargetKey, Evidence]) -> Callable[[Choice], float]:
    """Most output tokens a second first; what was never measured comes before."""

    def rank(choice: Choice) -> float:
        known = evidence.get(choice.key)
        return known.speed.token_ms if known and known.speed else float("-inf")

    return rank


def _usage(row: UsageRow) -> Usage:
    return Usage(row.input_tokens, row.output_tokens, row.cached_tokens, row.seconds, row.pages, _requests(row))


def _requests(row: UsageRow) -> int:
    """That a target is sent for it."""
    if row.operation == OCR.name:
        return row.pages or 1
    if row.operation in _RECORDINGS:
        return max(1, sum(tried.outcome == "200" for tried in row.attempts))
    return _pictures(row) if row.operation in _DRAWN else 1


def _pictures(row: UsageRow) -> int:
    """That were charged by themselves. No row tells how many were drawn, but its cost does where each had a price."""
    each = cost_nanos(Price("", "", per_request=row.price.per_request), None) if row.price else None
    if not each or row.cost_nanos is None:
        return 1
    others = cost_nanos(row.price, Usage(row.input_tokens, row.output_tokens, row.cached_tokens, requests=0)) or 0
    return max(1, round((row.cost_nanos - others) / each))
