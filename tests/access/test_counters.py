"""The contract of `CounterStore`, held by memory, file and Redis alike."""

import asyncio
import random
from dataclasses import replace

import pytest

from gateway.access.limits import Amount, BudgetPeriod, CounterStore, Grant, Limits, rate_headers
from gateway.errors import BudgetExceeded, GatewayError, RateLimited
from gateway.settings.periods import period_name

NOON = 1_795_262_400.0
"""2026-11-21, 12:00 UTC, a Saturday."""
NOTHING = Amount()


async def refused(counters: CounterStore, limits: list[Limits], most: Amount, now: float) -> GatewayError:
    with pytest.raises((RateLimited, BudgetExceeded)) as caught:
        await counters.reserve(limits, most, now)
    return caught.value


async def admitted(counters: CounterStore, limits: list[Limits], most: Amount, now: float, tries: int) -> int:
    """How many of so many parallel requests get in."""

    async def one() -> bool:
        try:
            await counters.reserve(limits, most, now)
        except GatewayError:
            return False
        return True

    return sum(await asyncio.gather(*(one() for _ in range(tries))))


async def test_two_hundred_at_once_never_overshoot_a_budget_for_ten(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=10_000), Limits("global", budget_nanos=10**12)]
    assert await admitted(counters, limits, Amount(0, 1000), NOON, 200) == 10


async def test_two_hundred_at_once_never_overshoot_any_other_limit(counters: CounterStore) -> None:
    assert await admitted(counters, [Limits("key:a", rpm=10)], NOTHING, NOON, 200) == 10
    assert await admitted(counters, [Limits("key:b", tpm=1000)], Amount(100), NOON, 200) == 10
    assert await admitted(counters, [Limits("key:c", max_parallel=10)], NOTHING, NOON, 200) == 10


async def test_settling_less_makes_room_and_settling_more_takes_it(counters: CounterStore) -> None:
    limits = [Limits("key:a", tpm=100, budget_nanos=100)]
    grant = await counters.reserve(limits, Amount(100, 100), NOON)
    await refused(counters, limits, Amount(1, 1), NOON)
    await counters.settle(grant, Amount(30, 30))
    second = await counters.reserve(limits, Amount(70, 70), NOON)
    await counters.settle(second, Amount(90, 90))
    assert (await refused(counters, limits, Amount(0, 1), NOON)).http_status == 402
    assert (await refused(counters, limits, Amount(1, 0), NOON)).http_status == 429


async def test_what_is_settled_at_once_is_settled_and_nothing_is_done_otherwise(counters: CounterStore) -> None:
    limits = [Limits("key:a", max_parallel=1)]
    grant = await counters.reserve(limits, NOTHING, NOON)
    if not counters.settle_at_once(grant, NOTHING):
        await refused(counters, limits, NOTHING, NOON)
        await counters.settle(grant, NOTHING)
    await counters.reserve(limits, NOTHING, NOON)


async def test_settling_twice_changes_nothing(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=100, max_parallel=2)]
    first = await counters.reserve(limits, Amount(0, 50), NOON)
    await counters.reserve(limits, Amount(0, 50), NOON)
    await counters.settle(first, Amount(0, 50))
    await counters.settle(first, Amount(0, 0))
    await refused(counters, limits, Amount(0, 1), NOON)
    await counters.reserve(limits, NOTHING, NOON)
    await refused(counters, limits, NOTHING, NOON)


async def test_either_every_scope_has_room_or_nothing_is_reserved(counters: CounterStore) -> None:
    key, user = Limits("key:a", rpm=5, tpm=1000, max_parallel=5, budget_nanos=1000), Limits("user:u", max_parallel=1)
    await counters.reserve([user], NOTHING, NOON)
    for _ in range(10):
        await refused(counters, [key, user], Amount(900, 900), NOON)
    grant = await counters.reserve([key], Amount(1000, 1000), NOON)
    assert grant.requests is not None and grant.requests.remaining == 4


async def test_a_parallel_slot_is_free_again_after_settling(counters: CounterStore) -> None:
    limits = [Limits("key:a", max_parallel=1)]
    for _ in range(5):
        grant = await counters.reserve(limits, NOTHING, NOON)
        error = await refused(counters, limits, NOTHING, NOON)
        assert error.retry_after == 1 and error.http_status == 429
        await counters.settle(grant, NOTHING)


async def test_retry_after_tells_when_enough_requests_leave_the_window(counters: CounterStore) -> None:
    limits = [Limits("key:a", rpm=3)]
    for at in (0.25, 10.25, 20.25):
        await counters.reserve(limits, NOTHING, NOON + at)
    error = await refused(counters, limits, NOTHING, NOON + 30.25)
    assert error.retry_after == 31
    await refused(counters, limits, NOTHING, NOON + 60.9)
    await counters.reserve(limits, NOTHING, NOON + 30.25 + error.retry_after)
    assert (await refused(counters, limits, NOTHING, NOON + 62)).retry_after == 9


async def test_retry_after_tells_when_enough_tokens_leave_the_window(counters: CounterStore) -> None:
    limits = [Limits("key:a", tpm=100)]
    for at, tokens in ((0, 10), (5, 40), (9, 50)):
        await counters.reserve(limits, Amount(tokens), NOON + at)
    assert (await refused(counters, limits, Amount(5), NOON + 10)).retry_after == 51
    assert (await refused(counters, limits, Amount(11), NOON + 10)).retry_after == 56
    assert (await refused(counters, limits, Amount(51), NOON + 10)).retry_after == 60
    await counters.reserve(limits, Amount(50), NOON + 66)


async def test_a_request_larger_than_the_limit_is_told_that_it_never_fits(counters: CounterStore) -> None:
    error = await refused(counters, [Limits("key:a", tpm=100)], Amount(101), NOON)
    assert error.http_status == 429 and error.retry_after is None
    assert "never fit" in error.message and "101" in error.message and "100" in error.message


@pytest.mark.parametrize(
    ("period", "seconds"), [("day", 12 * 3600), ("week", 36 * 3600), ("month", (9 * 24 + 12) * 3600)]
)
async def test_a_budget_begins_anew_with_its_period(counters: CounterStore, period: str, seconds: float) -> None:
    limits = [Limits("key:a", budget_nanos=100, budget_period=BudgetPeriod(period))]
    await counters.reserve(limits, Amount(0, 100), NOON)
    error = await refused(counters, limits, Amount(0, 1), NOON)
    assert isinstance(error, BudgetExceeded) and error.retry_after == seconds
    await refused(counters, limits, Amount(0, 1), NOON + seconds - 1)
    await counters.reserve(limits, Amount(0, 100), NOON + seconds)


async def test_a_total_budget_never_begins_anew(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=100)]
    await counters.reserve(limits, Amount(0, 100), NOON)
    error = await refused(counters, limits, Amount(0, 1), NOON + 10 * 365 * 86_400)
    assert isinstance(error, BudgetExceeded) and error.retry_after is None


async def test_what_costs_nothing_meets_no_budget(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=0)]
    await counters.settle(await counters.reserve(limits, Amount(10, 0), NOON), Amount(5, 0))
    await refused(counters, limits, Amount(0, 1), NOON)


async def test_a_seed_raises_what_was_spent_and_never_lowers_it(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=100, budget_period=BudgetPeriod.DAY)]
    await counters.seed("key:a", "day:2026-11-21", 60)
    await counters.seed("key:a", "day:2026-11-20", 100)
    await counters.reserve(limits, Amount(0, 30), NOON)
    await counters.seed("key:a", "day:2026-11-21", 50)
    await refused(counters, limits, Amount(0, 11), NOON)
    await counters.reserve(limits, Amount(0, 10), NOON)


async def test_many_seeds_at_once_all_count(counters: CounterStore) -> None:
    await counters.seed_all({(f"key:{n}", "total"): n for n in range(1200)})
    for n in (0, 1, 499, 500, 1199):
        limits = [Limits(f"key:{n}", budget_nanos=1200)]
        await refused(counters, limits, Amount(0, 1201 - n), NOON)
        await counters.reserve(limits, Amount(0, 1200 - n), NOON)


async def test_what_is_forgotten_counts_no_more(counters: CounterStore) -> None:
    limits = [Limits("key:a", rpm=1, max_parallel=1, budget_nanos=10)]
    await counters.reserve(limits, Amount(0, 10), NOON)
    await counters.forget("key:a")
    await counters.reserve(limits, Amount(0, 10), NOON)


async def test_after_a_reset_nothing_is_spent_and_what_was_reserved_before_counts_there(counters: CounterStore) -> None:
    blocked = [Limits("key:a", rpm=3, budget_nanos=100, budget_period=BudgetPeriod.TOTAL)]
    running = await counters.reserve(blocked, Amount(0, 90), NOON)
    assert isinstance(await refused(counters, blocked, Amount(0, 20), NOON), BudgetExceeded)
    anew = [replace(blocked[0], mark="@1")]
    await counters.seed("key:a", "total@1", 10)
    await counters.settle(await counters.reserve(anew, Amount(0, 90), NOON), Amount(0, 85))
    await counters.settle(running, Amount(0, 5))
    assert isinstance(await refused(counters, anew, Amount(0, 6), NOON), BudgetExceeded)
    await counters.reserve(anew, Amount(0, 5), NOON)
    assert isinstance(await refused(counters, anew, Amount(), NOON), RateLimited), "a minute is not reset"


async def test_what_is_forgotten_after_a_reset_counts_no_more(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=100, mark="@1")]
    await counters.seed("key:a", "total@1", 100)
    await refused(counters, limits, Amount(0, 1), NOON)
    await counters.forget("key:a", "@1")
    assert (await counters.reserve(limits, Amount(0, 100), NOON)).reserved.nanos == 100


async def test_seeds_of_many_days_displace_no_sum_of_a_longer_period(counters: CounterStore) -> None:
    limits = [Limits("key:a", budget_nanos=100, budget_period=BudgetPeriod.WEEK)]
    week = period_name("week", NOON)
    await counters.seed_all({("key:a", week): 60, ("key:a", "total"): 60})
    for day in range(10):
        await counters.seed("key:a", f"day:2020-01-{day + 1:02d}", 1)
    await refused(counters, limits, Amount(0, 41), NOON)


async def test_no_scope_needs_no_counting(counters: CounterStore) -> None:
    grant = await counters.reserve([], Amount(5, 5), NOON)
    assert rate_headers(grant) == []
    await counters.settle(grant, NOTHING)


async def test_the_headers_tell_of_the_tightest_scope(counters: CounterStore) -> None:
    limits = [Limits("key:a", rpm=60, tpm=500), Limits("user:u", rpm=3), Limits("global", tpm=10_000)]
    await counters.reserve(limits, Amount(100), NOON + 0.5)
    grant = await counters.reserve(limits, Amount(150), NOON + 0.5)
    assert dict(rate_headers(grant)) == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "1m1s",
        "x-ratelimit-limit-tokens": "500",
        "x-ratelimit-remaining-tokens": "250",
        "x-ratelimit-reset-tokens": "1m1s",
    }


async def test_a_refusal_has_the_headers_too(counters: CounterStore) -> None:
    limits = [Limits("key:a", rpm=1)]
    await counters.reserve(limits, NOTHING, NOON)
    error = await refused(counters, limits, NOTHING, NOON)
    assert dict(error.headers)["x-ratelimit-remaining-requests"] == "0"


async def test_a_clock_that_is_set_back_locks_nobody_and_frees_no_window(counters: CounterStore) -> None:
    limits = [Limits("key:a", rpm=2, budget_nanos=100)]
    await counters.reserve(limits, Amount(0, 50), NOON)
    await counters.reserve(limits, Amount(0, 40), NOON)
    past = NOON - 3600
    assert (await refused(counters, limits, Amount(0, 1), past)).retry_after == 61
    await refused(counters, limits, Amount(0, 1), past + 59)
    await refused(counters, limits, Amount(0, 20), past + 62)
    await counters.reserve(limits, Amount(0, 10), past + 62)


async def test_a_clock_that_jumps_forth_and_back_frees_no_budget(counters: CounterStore) -> None:
    limits = [Limits("key:a", rpm=100, budget_nanos=100, budget_period=BudgetPeriod.MONTH)]
    await counters.reserve(limits, Amount(0, 100), NOON)
    for days in (40, 400, 80):
        await counters.reserve(limits, Amount(0, 100), NOON + days * 86_400)
        await refused(counters, limits, Amount(0, 1), NOON + 5)


async def test_many_scopes_and_many_requests_stay_exact(counters: CounterStore) -> None:
    chance = random.Random(7)
    scopes = [Limits(f"key:{n}", tpm=1000, max_parallel=3, budget_nanos=5000) for n in range(20)]
    running: list[Grant] = []
    spent: dict[str, int] = {}
    for step in range(300):
        limits = chance.choice(scopes)
        try:
            running.append(await counters.reserve([limits], Amount(10, 300), NOON + step * 3))
            spent[limits.scope] = spent.get(limits.scope, 0) + 100
        except GatewayError:
            pass
        if running and chance.random() < 0.6:
            await counters.settle(running.pop(chance.randrange(len(running))), Amount(10, 100))
    for grant in running:
        await counters.settle(grant, Amount(10, 100))
    for limits in scopes:
        left = 5000 - spent.get(limits.scope, 0)
        await refused(counters, [limits], Amount(0, left + 1), NOON + 2000)
        if left:
            await counters.reserve([limits], Amount(0, left), NOON + 2000)
