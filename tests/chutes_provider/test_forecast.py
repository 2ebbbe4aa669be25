"""When caps run out: a pure function of what was seen of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.forecast import Forecast, Sample, Window, forecast, nearly_used

NOW = 1_000_000.0


def cap(used: float, limit: float = 3.0, resets_in: float | None = 4 * 3600) -> Window:
    return Window("4-hour cap", used, limit, "USD", None if resets_in is None else NOW + resets_in)


def seen(*pairs: tuple[float, float]) -> list[Sample]:
    """Seconds ago, and what was used then."""
    return [Sample(NOW - ago, used) for ago, used in pairs]


def test_goes_on_at_the_pace_of_late() -> None:
    found = forecast(seen((1800, 1.0), (900, 1.25), (0, 1.5)), cap(1.5), NOW)
    assert found.per_hour == pytest.approx(1.0)
    assert found.runs_out_at == pytest.approx(NOW + 1.5 * 3600)


def test_a_cap_that_lasts_until_its_reset_does_not_run_out() -> None:
    assert forecast(seen((1800, 1.0), (0, 1.5)), cap(1.5, resets_in=3600), NOW).runs_out_at is None


@pytest.mark.parametrize("samples", [[], seen((0, 1.5)), seen((30, 1.0), (0, 1.5))])
def test_too_little_history_tells_no_pace(samples: list[Sample]) -> None:
    assert forecast(samples, cap(1.5), NOW) == Forecast()


def test_what_lies_before_a_reset_does_not_count() -> None:
    found = forecast(seen((3000, 2.9), (1800, 0.0), (0, 0.5)), cap(0.5), NOW)
    assert found.per_hour == pytest.approx(1.0)


def test_what_is_older_than_an_hour_does_not_count() -> None:
    found = forecast(seen((7200, 0.0), (1800, 1.0), (0, 1.0)), cap(1.0), NOW)
    assert found == Forecast(0.0)


def test_a_used_up_cap_has_run_out_now() -> None:
    assert forecast([], cap(3.0), NOW).runs_out_at == NOW


@pytest.mark.parametrize(
    ("window", "found", "expected"),
    [
        (cap(2.8), Forecast(), True),
        (cap(1.6), Forecast(1.0, NOW + 60), True),
        (cap(1.6), Forecast(1.0), False),
        (cap(1.0), Forecast(9.0, NOW + 60), False),
        (cap(1.6, resets_in=None), Forecast(1.0, NOW + 60), False),
        (cap(0.0, 0.0), Forecast(), True),
    ],
)
def test_what_counts_as_nearly_used(window: Window, found: Forecast, expected: bool) -> None:
    assert nearly_used(window, found) is expected


@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e6)), max_size=20),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
)
def test_a_forecast_never_lies_in_the_past(pairs: list[tuple[float, float]], used: float, limit: float) -> None:
    samples = sorted((Sample(NOW - ago, value) for ago, value in pairs), key=lambda one: one.at)
    found = forecast(samples, Window("w", used, limit, "USD", NOW + 3600), NOW)
    assert found.runs_out_at is None or NOW <= found.runs_out_at <= NOW + 3600
    assert found.per_hour is None or found.per_hour >= 0
