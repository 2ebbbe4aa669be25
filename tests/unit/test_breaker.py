"""The breaker and the key ring: pure, with the clock in the test's hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    GatewayError,
    UpstreamCredentials,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamServerError,
)
from gateway.providers.base import Provider, ProviderType
from gateway.routing.breaker import Breaker, BreakerLimits, BreakerState
from gateway.routing.keyring import KeyRing, KeyRings
from gateway.routing.vitals import Vital


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.fail(at, at)
    return breaker


def test_it_opens_after_failures_in_a_row_and_tries_one_call_after_the_pause() -> None:
    breaker = opened()
    assert breaker.state(1) is BreakerState.OPEN and breaker.ready_at(1) == 5
    assert breaker.state(5) is BreakerState.HALF_OPEN and breaker.ready_at(5) == 5
    breaker.begin(5)
    assert breaker.ready_at(5.5) > 5.5, "only one call is on trial"


def test_the_pause_doubles_up_to_its_limit() -> None:
    breaker = opened()
    pauses, now = [], 0.0
    for _ in range(4):
        pauses.append(breaker.ready_at(now) - now)
        now = breaker.ready_at(now)
        breaker.begin(now)
        breaker.fail(now, now)
    assert pauses == [5, 10, 20, 20]


def test_many_calls_that_fail_together_make_one_pause() -> None:
    breaker = Breaker()
    for n in range(100):
        breaker.fail(1 + n / 1000, 0)
    assert breaker.ready_at(1.1) == pytest.approx(6.004)


def test_calls_from_before_a_change_say_nothing_of_the_target_now() -> None:
    breaker = opened()
    breaker.begin(5)
    breaker.give_up(1)
    breaker.fail(5.1, 1)
    assert breaker.state(5.2) is BreakerState.HALF_OPEN and breaker.ready_at(5.2) > 5.2, "another call is on trial"
    breaker.succeed(6)
    for _ in range(5):
        breaker.fail(60, 4)
    assert breaker.state(60) is BreakerState.CLOSED
    for _ in range(5):
        breaker.fail(60, 50)
    assert breaker.state(60) is BreakerState.OPEN


def test_a_failing_call_does_not_end_the_pause_of_a_failed_check() -> None:
    breaker = Breaker()
    breaker.trip(60)
    breaker.fail(2, 1)
    assert breaker.ready_at(2) == 60


def test_after_a_trial_calls_come_back_little_by_little() -> None:
    breaker = opened()
    breaker.begin(5)
    breaker.succeed(5)
    assert breaker.state(5) is BreakerState.RAMPING
    shares = [sum(breaker.prefers(at, n / 100) for n in range(100)) for at in (5, 7.5, 10, 14)]
    assert shares[0] == 10 and shares == sorted(shares) and shares[-1] > 85
    assert breaker.state(15) is BreakerState.CLOSED and breaker.prefers(15, 0.999)


def test_it_opens_when_most_calls_fail_even_if_some_succeed() -> None:
    breaker = Breaker()
    for n in range(30):
        breaker.succeed(n) if n % 3 == 0 else breaker.fail(n, n)
        if breaker.state(n) is BreakerState.OPEN:
            return
    raise AssertionError("never opened")


def test_a_lost_trial_does_not_close_the_door_for_ever() -> None:
    breaker = opened()
    breaker.begin(5)
    assert breaker.ready_at(5 + BreakerLimits().trial) <= 5 + BreakerLimits().trial


@given(st.lists(st.tuples(st.sampled_from(["begin", "succeed", "fail"]), st.floats(0, 30)), max_size=60))
def test_it_always_becomes_ready_again(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for step, pause in steps:
        now += pause
        breaker.fail(now, now) if step == "fail" else getattr(breaker, step)(now)
        assert breaker.ready_at(now) <= now + BreakerLimits().longest_pause
    later = now + BreakerLimits().trial + 1
    assert breaker.ready_at(later) <= later


@pytest.mark.parametrize(
    "error", [UpstreamRefused("x", status=400), UpstreamRateLimited("x"), UpstreamCredentials("x")]
)
def test_a_trial_that_says_nothing_of_the_target_makes_room_for_the_next(error: GatewayError) -> None:
    vital = Vital(opened())
    vital.begin(5)
    assert vital.ready_at(5) > 5
    vital.fail(5, error, began=5)
    assert vital.ready_at(5) == 5 and vital.state(5) == BreakerState.HALF_OPEN


def test_a_target_that_became_another_starts_anew_whatever_calls_from_before_say() -> None:
    vital = Vital(opened(10))
    vital.begin(8)
    vital.fail(10, UpstreamRateLimited("x", retry_after=3600), began=8)
    assert vital.ready_at(11) == 3610
    vital.renew(12)
    for _ in range(5):
        vital.fail(13, UpstreamRateLimited("x", retry_after=3600), began=8)
        vital.fail(13, UpstreamServerError("x"), began=8)
    assert vital.is_calm(13) and vital.in_flight == 1
    vital.fail(14, UpstreamRateLimited("x", retry_after=60), began=13)
    assert vital.ready_at(14) == 74


# --- keys ------------------------------------------------------------------------------------------------

PROVIDER = Provider("p", ProviderType.OPENAI, api_keys=("one", "two", "three"))


def test_keys_are_used_in_turn() -> None:
    ring = KeyRing()
    assert [ring.take(PROVIDER, 0) for _ in range(6)] == [1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (UpstreamRateLimited("x", retry_after=3), 3),
        (UpstreamRateLimited("x"), 30),
        (UpstreamCredentials("x"), 600),
        (UpstreamQuota("x"), 600),
    ],
)
def test_a_limited_or_refused_key_rests_with_its_reason(error: GatewayError, pause: float) -> None:
    ring = KeyRing()
    assert ring.note(1, error, PROVIDER, 0)
    assert {ring.take(PROVIDER, 0.1) for _ in range(9)} == {0, 2}
    assert ring.states[1].reason == error.error_code
    assert 1 in {ring.take(PROVIDER, pause + 1) for _ in range(9)}


def test_other_failures_are_not_the_keys_fault_and_no_free_key_is_said_so() -> None:
    ring = KeyRing()
    assert not ring.note(0, UpstreamServerError("x"), PROVIDER, 0)
    assert [ring.note(n, UpstreamRateLimited("x"), PROVIDER, 0) for n in range(3)] == [True, True, False]


def test_where_no_key_is_free_the_wait_ends_with_the_first_that_is() -> None:
    ring, two = KeyRing(), Provider("p", ProviderType.OPENAI, api_keys=("one", "two"))
    assert ring.note(0, UpstreamRateLimited("x", retry_after=2), two, 0)
    last = UpstreamRateLimited("x", retry_after=3600)
    assert not ring.note(1, last, two, 0.5)
    assert last.retry_after == 1.5
    alone = UpstreamRateLimited("x", retry_after=3600)
    assert not KeyRing().note(0, alone, Provider("p", ProviderType.OPENAI, api_keys=("one",)), 0)
    assert alone.retry_after == 3600


def test_changed_keys_start_anew() -> None:
    rings = KeyRings()
    rings[PROVIDER].note(0, UpstreamCredentials("x"), PROVIDER, 0)
    renewed = Provider("p", ProviderType.OPENAI, api_keys=("four", "two", "three"))
    assert rings.states(PROVIDER) and not rings.states(renewed)
