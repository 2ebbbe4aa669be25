"""Random histories of requests, settlements and clocks: each counter store agrees with a model that only adds up."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access.limits import Amount, BudgetPeriod, CounterStore, Grant, Limits
from gateway.errors import BudgetExceeded, GatewayError, RateLimited
from gateway.settings.periods import period_name
from tests.access.conftest import Make
from tests.access.test_counters import NOON

SCOPES = (
    Limits("key:a", rpm=4, tpm=100, max_parallel=3, budget_nanos=500, budget_period=BudgetPeriod.DAY),
    Limits("key:b", tpm=60, budget_nanos=300),
    Limits("user:u", rpm=6, budget_nanos=700, budget_period=BudgetPeriod.WEEK),
    Limits("global", max_parallel=4, budget_nanos=2000, budget_period=BudgetPeriod.MONTH),
)


@dataclass
class Taken:
    scopes: tuple[Limits, ...]
    at: float
    """Seconds of the steady clock."""
    wall: float
    tokens: int
    nanos: int
    running: bool = True


@dataclass
class Model:
    """Every request there ever was; what counts is summed up anew for each question."""

    taken: list[Taken] = field(default_factory=list)
    steady: float = 0.0
    wall: float = 0.0

    def tick(self, now: float) -> None:
        if now > self.wall:
            self.steady += now % 1 if self.wall == 0 else now - self.wall
            self.wall = now
        elif self.wall - now > 5:
            self.wall = now

    def has_room(self, scopes: tuple[Limits, ...], amount: Amount, now: float, later: float = 0.0) -> bool:
        return all(self._has_room(limits, amount, now, later) for limits in scopes)

    def _has_room(self, limits: Limits, amount: Amount, now: float, later: float) -> bool:
        mine = [one for one in self.taken if limits in one.scopes]
        second = math.floor(self.steady + later)
        lately = [one for one in mine if math.floor(one.at) > second - 61]
        period = period_name(limits.budget_period, now)
        spent = sum(one.nanos for one in mine if period_name(limits.budget_period, one.wall) == period)
        return (
            (limits.rpm is None or len(lately) < limits.rpm)
            and (limits.tpm is None or sum(one.tokens for one in lately) + amount.tokens <= limits.tpm)
            and (limits.max_parallel is None or sum(one.running for one in mine) < limits.max_parallel)
            and (limits.budget_nanos is None or not amount.nanos or spent + amount.nanos <= limits.budget_nanos)
        )


AMOUNTS = st.builds(Amount, st.integers(0, 70), st.integers(0, 250))
SOME = st.sets(st.sampled_from(SCOPES), min_size=1).map(lambda some: tuple(sorted(some, key=lambda one: one.scope)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), SOME, AMOUNTS),
        st.tuples(st.just("reserve"), SOME, AMOUNTS),
        st.tuples(st.just("settle"), st.integers(0, 30), AMOUNTS),
        st.tuples(st.just("move"), st.sampled_from([0.25, 1.0, 7.5, 30.0, 59.5, 61.0, 3000.0]), st.none()),
        st.tuples(st.just("move"), st.sampled_from([-1.0, -60.0, -7200.0, 90_000.0, -90_000.0]), st.none()),
    ),
    max_size=40,
)


async def play(counters: CounterStore, steps: list[Any]) -> None:
    model, now = Model(), NOON + 0.25
    running: list[tuple[Grant, Taken]] = []
    for step, what, amount in steps:
        if step == "move":
            now += what
        elif step == "settle" and running:
            grant, taken = running.pop(what % len(running))
            await counters.settle(grant, amount)
            taken.tokens, taken.nanos, taken.running = amount.tokens, amount.nanos, False
        elif step == "reserve":
            model.tick(now)
            if model.has_room(what, amount, now):
                grant = await counters.reserve(what, amount, now)
                taken = Taken(what, model.steady, now, amount.tokens, amount.nanos)
                model.taken.append(taken)
                running.append((grant, taken))
            else:
                await check_refusal(counters, model, what, amount, now)


async def check_refusal(
    counters: CounterStore, model: Model, scopes: tuple[Limits, ...], amount: Amount, now: float
) -> None:
    with pytest.raises((RateLimited, BudgetExceeded)) as caught:
        await counters.reserve(scopes, amount, now)
    wait = caught.value.retry_after
    slots = any(limits.max_parallel is not None for limits in scopes)
    if isinstance(caught.value, RateLimited) and wait is not None and not slots:
        assert model.has_room(scopes, amount, now, wait)
        assert wait < 1 or not model.has_room(scopes, amount, now, wait - 1)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_store_agrees_with_the_model(make: Make, steps: list[Any]) -> None:
    await play(await make(), steps)


@given(gaps=st.lists(st.floats(0, 40), min_size=20, max_size=80))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_sixty_seconds_ever_hold_more_than_the_limit(make: Make, gaps: list[float]) -> None:
    counters, now, admitted = await make(), NOON, []
    for gap in gaps:
        now += gap
        try:
            await counters.reserve([Limits("key:a", rpm=5)], Amount(), now)
        except GatewayError:
            continue
        admitted.append(now)
    assert all(sum(at - 60 < other <= at for other in admitted) <= 5 for at in admitted)
