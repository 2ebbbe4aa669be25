"""Small things that the counters and the secrets rest on."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.access.counters.clock import Periods, SteadyClock
from gateway.access.kept import read_or_make
from gateway.access.limits import BudgetPeriod, Limits, duration
from gateway.settings import load_settings
from gateway.settings.periods import period_name


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.0195, "20ms"),
        (0.9999, "1000ms"),
        (1, "1s"),
        (1.2, "2s"),
        (59.5, "1m0s"),
        (360, "6m0s"),
        (3661, "1h1m1s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_limits_without_a_limit_limit_nothing() -> None:
    assert Limits("key:a").limits_nothing
    assert not Limits("key:a", budget_nanos=0).limits_nothing


def test_remembered_names_of_periods_are_the_right_ones_wherever_the_clock_goes() -> None:
    periods, chance = Periods(), random.Random(3)
    now = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp()
    for _ in range(5000):
        now += chance.choice([0.1, 0.5, -0.3, 1, 86_400, -86_400, 31 * 86_400, -31 * 86_400])
        for period in BudgetPeriod:
            assert periods.name(period, now) == period_name(period, now)


def test_a_steady_clock_never_runs_back_and_never_stands_still_for_long() -> None:
    clock, chance, now, before = SteadyClock(), random.Random(5), 1000.0, 0.0
    for _ in range(5000):
        now += chance.choice([0.1, 1.0, -0.2, -1.0, -3600.0, 50.0])
        read = clock.read(now)
        assert read >= before
        before = read
    assert clock.read(now + 6) > before


def test_a_secret_is_made_once_however_many_start_together(tmp_path: Path) -> None:
    def make(_: int) -> str:
        return read_or_make(tmp_path / "secret", lambda: os.urandom(8).hex())[0]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(make, range(64)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_limits_and_keys_are_read_from_file_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "limits: {rpm: 600, budget_usd: 2.5, budget_period: day}\n"
        "keys: [{name: a, key: 0123456789abcdefgh, expiresAt: 2027-01-01, allowed_ips: '192.0.2.0/24, ::1', rpm: 5}]\n"
    )
    environ = {"LIMITS_RPM": "60", "SECRET_KEY_PREVIOUS": "one, two,", "TRUSTED_PROXIES": "10.0.0.0/8"}
    settings = load_settings(environ, path).settings
    assert (settings.limits.rpm, settings.limits.budget_usd, settings.limits.budget_period) == (60, 2.5, "day")
    assert settings.previous_secret_keys == ("one", "two") and settings.trusted_proxies == ("10.0.0.0/8",)
    (key,) = settings.keys
    assert key.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert key.allowed_ips == ("192.0.2.0/24", "::1") and key.rpm == 5
