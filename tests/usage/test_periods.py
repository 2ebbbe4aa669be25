"""Windows of budgets: named in UTC, each ends where the next begins."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.periods import PERIODS, period_end, period_name

MOMENTS = st.integers(min_value=0, max_value=4_102_444_800)


def test_periods_are_named_as_the_store_names_them() -> None:
    now = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC).timestamp()
    assert [period_name(one, now) for one in PERIODS] == ["day:2026-11-21", "week:2026-W47", "month:2026-11", "total"]


def test_the_first_days_of_january_may_belong_to_the_last_week_of_the_year_before() -> None:
    assert period_name("week", datetime(2027, 1, 1, tzinfo=UTC).timestamp()) == "week:2026-W53"


def test_a_total_never_ends() -> None:
    assert period_end("total", 0) is None


@pytest.mark.parametrize("period", ["day", "week", "month"])
@given(now=MOMENTS)
def test_a_period_lasts_until_its_end_and_not_longer(period: str, now: int) -> None:
    end = period_end(period, now)
    assert end is not None and end > now
    assert period_name(period, end - 1) == period_name(period, now)
    assert period_name(period, end) != period_name(period, now)
