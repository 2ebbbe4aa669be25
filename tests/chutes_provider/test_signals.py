"""The order of targets by what Chutes tells, step by step down the ladder; without any network."""

from dataclasses import replace
from random import Random

import pytest

from gateway.providers.base import Provider, ProviderType
from gateway.routing.forecast import Window
from gateway.routing.order import displaced, order
from gateway.routing.signals import LIVE, SPEED_STALE, STALE, Account, Load, Signals, Speed
from gateway.routing.types import Policy, Route, Target
from gateway.routing.vitals import Vitals

PROVIDERS = {
    "chutes": Provider("chutes", ProviderType.CHUTES),
    "other": Provider("other", ProviderType.OPENAI),
    "local": Provider("local", ProviderType.LOCAL),
}
A, B, OTHER, LOCAL = Target("chutes", "org/A"), Target("chutes", "org/B"), Target("other", "m"), Target("local", "m")


class Never(Random):
    """Draws that never explore, and keep the order of targets."""

    def __init__(self) -> None:
        super().__init__(0)
        self._next = 1.0

    def random(self) -> float:
        self._next *= 0.999
        return self._next


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vitals(clock: Clock) -> Vitals:
    made = Vitals()
    made.signals = Signals(clock)
    made.signals.watched = frozenset({"chutes"})
    return made


def ordered(policy: Policy, vitals: Vitals, *targets: Target) -> list[Target]:
    return order(Route("m", targets, policy=policy), PROVIDERS, vitals, Never(), clock=vitals.signals.clock)


def loads(vitals: Vitals, **rows: Load) -> None:
    vitals.signals.take_loads((f"id-{name}", f"org/{name}", load) for name, load in rows.items())


def speeds(vitals: Vitals, **rows: Speed) -> None:
    vitals.signals.take_speeds((f"id-{name}", f"org/{name}", speed) for name, speed in rows.items())


@pytest.mark.parametrize("policy", [Policy.LOWEST_LATENCY, Policy.HIGHEST_THROUGHPUT])
def test_statistics_stand_in_for_few_measurements(vitals: Vitals, clock: Clock, policy: Policy) -> None:
    speeds(vitals, A=Speed(clock.now, 2.0, 10.0), B=Speed(clock.now, 0.5, 80.0))
    vitals[A].calls, vitals[A].latency, vitals[A].speed = 2, 0.1, 500.0
    assert ordered(policy, vitals, A, B) == [B, A]
    vitals[A].calls = 5
    assert ordered(policy, vitals, A, B) == [A, B], "our own measurements count once they are enough"


@pytest.mark.parametrize(
    ("after", "expected"), [(SPEED_STALE - 1, [B, A]), (SPEED_STALE + 1, [A, B])], ids=["stale", "forgotten"]
)
def test_old_statistics_count_until_they_are_forgotten(
    vitals: Vitals, clock: Clock, after: float, expected: list[Target]
) -> None:
    speeds(vitals, A=Speed(clock.now, 2.0), B=Speed(clock.now, 0.5))
    clock.now += after
    assert ordered(Policy.LOWEST_LATENCY, vitals, A, B) == expected


def test_without_any_signal_the_static_order_holds(vitals: Vitals) -> None:
    for policy in (Policy.LOWEST_LATENCY, Policy.HIGHEST_THROUGHPUT, Policy.LEAST_BUSY, Policy.CHEAPEST_NOW):
        assert ordered(policy, vitals, A, B) == [A, B]


@pytest.mark.parametrize("full", [Load(1000.0, 2, 0.97), Load(1000.0, 2, 0.3, 0.4)], ids=["busy", "turning away"])
def test_least_busy_leaves_crowded_chutes(vitals: Vitals, full: Load) -> None:
    loads(vitals, A=full, B=Load(1000.0, 2, 0.9))
    vitals[B].in_flight = 3
    assert ordered(Policy.LEAST_BUSY, vitals, A, B) == [B, A]


def test_least_busy_asks_the_emptier_chute_of_two_with_equal_calls(vitals: Vitals) -> None:
    loads(vitals, A=Load(1000.0, 2, 0.6), B=Load(1000.0, 2, 0.2))
    assert ordered(Policy.LEAST_BUSY, vitals, A, B) == [B, A]
    vitals[B].in_flight = 1
    assert ordered(Policy.LEAST_BUSY, vitals, A, B) == [A, B], "our own calls are known better"


def test_what_is_crowded_is_no_bargain(vitals: Vitals) -> None:
    cheap, dear = replace(A, price=0.1), replace(B, price=1.0)
    assert ordered(Policy.CHEAPEST_NOW, vitals, dear, cheap) == [cheap, dear]
    loads(vitals, A=Load(1000.0, 2, 1.0))
    assert ordered(Policy.CHEAPEST_NOW, vitals, dear, cheap) == [dear, cheap]


@pytest.mark.parametrize("policy", list(Policy))
def test_cold_chutes_come_last_whatever_the_policy(vitals: Vitals, policy: Policy) -> None:
    second = replace(B, priority=1)
    loads(vitals, A=Load(1000.0, 0, 0.0), B=Load(1000.0, 1, 0.5))
    assert ordered(policy, vitals, A, second) == [second, A]


def test_only_live_news_of_the_cold_count(vitals: Vitals, clock: Clock) -> None:
    loads(vitals, A=Load(clock.now, 0))
    clock.now += LIVE + 1
    assert vitals.signals.hot(A) is None
    assert vitals.signals.load(A) is not None
    clock.now += STALE
    assert vitals.signals.load(A) is None
    assert vitals.signals.facts(A) == []


def test_what_a_call_met_is_newer_than_the_last_poll(vitals: Vitals, clock: Clock) -> None:
    loads(vitals, A=Load(clock.now, 3))
    clock.now += 10
    vitals.signals.note_warmth(A, hot=False)
    assert vitals.signals.cold(A)
    clock.now += 10
    loads(vitals, A=Load(clock.now, 3))
    assert vitals.signals.hot(A) is True


def test_the_estimate_learns_from_starts_and_counts_down(vitals: Vitals, clock: Clock) -> None:
    signals = vitals.signals
    signals.cold_start = 100.0
    signals.note_warmth(A, hot=False)
    clock.now += 30
    assert signals.eta(A) == 70
    clock.now += 500
    assert signals.eta(A) == 5
    signals.cold_start = 100.0
    signals.note_warmth(A, hot=True)
    assert 100 < signals.cold_start < 530
    assert not signals.cold(A)


def test_displaced_are_the_cold_ones_that_would_come_first(vitals: Vitals) -> None:
    loads(vitals, A=Load(1000.0, 0), B=Load(1000.0, 0))
    first, last = replace(A, priority=0), replace(B, priority=9)
    other = replace(OTHER, priority=1)
    route = Route("m", (first, other, last))
    assert displaced([other, first, last], route, PROVIDERS, vitals) == [first]
    local_first = replace(route, policy=Policy.LOCAL_FIRST, targets=(first, replace(LOCAL, priority=5)))
    assert displaced([replace(LOCAL, priority=5), first], local_first, PROVIDERS, vitals) == []


THRIFTY = {Policy.CHEAPEST, Policy.CHEAPEST_NOW, Policy.LOCAL_FIRST, Policy.REMOTE_FIRST}


@pytest.mark.parametrize("policy", list(Policy))
def test_a_cap_that_is_nearly_used_moves_calls_elsewhere_where_money_matters(vitals: Vitals, policy: Policy) -> None:
    cheap, dear = replace(A, price=0.1), replace(OTHER, price=0.2)
    full = Window("monthly cap", 57.0, 60.0, "USD", 2e9)
    before = ordered(policy, vitals, cheap, dear)
    assert before == [cheap, dear]
    vitals.signals.take_account("chutes", Account(1e9, True, True, 1.0, (full,)))
    assert ordered(policy, vitals, cheap, dear) == ([dear, cheap] if policy in THRIFTY else [cheap, dear])
    assert vitals.signals.facts(cheap) == ["monthly cap 95% used"]


def test_signals_are_about_watched_providers_only(vitals: Vitals) -> None:
    loads(vitals, A=Load(1000.0, 0, 1.0))
    vitals.signals.watched = frozenset()
    assert (vitals.signals.hot(A), vitals.signals.load(A), vitals.signals.facts(A)) == (None, None, [])
    assert ordered(Policy.ORDERED, vitals, A, B) == [A, B]


@pytest.mark.parametrize(
    "target",
    [
        Target("chutes", "org/A"),
        Target("chutes", "chutes/org/a"),
        Target("chutes", "org/A:THINKING"),
        Target("chutes", "ID-A"),
        Target("chutes", "whatever", base_url="https://chutes-org-a.chutes.ai/v1"),
    ],
)
def test_a_chute_is_known_by_all_its_names(vitals: Vitals, target: Target) -> None:
    loads(vitals, A=Load(1000.0, 2, 0.25))
    found = vitals.signals.load(target)
    assert found is not None
    assert found.utilization == 0.25
    assert vitals.signals.facts(target) == ["hot", "2 instances", "25% busy"]


def test_of_two_chutes_of_one_name_the_larger_one_counts(vitals: Vitals) -> None:
    rows = [("one", "org/A", Load(1000.0, 5, 0.5)), ("two", "org/A", Load(1000.0, 0, 0.0))]
    for given in (rows, rows[::-1]):
        vitals.signals.take_loads(given)
        assert vitals.signals.hot(A) is True
