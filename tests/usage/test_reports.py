"""Reports on both databases: what is counted, grouped, compared and exported, from rows and from hourly sums.

Rows of docs/acceptance.md: A000-16.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.errors import InvalidRequest
from gateway.store.retention import Retention
from gateway.store.store import Store
from gateway.store.usage_reports import Exactness, UsageReports, _portion
from gateway.usage.export import COLUMNS, csv_text, json_lines
from gateway.usage.report import (
    OTHER,
    Figures,
    GroupBy,
    SortBy,
    Step,
    UsageFilter,
    change,
    filled,
    previous,
    step_start,
)
from gateway.usage.types import Price, Tried, UsageRow
from tests.usage.conftest import NOON, row

HOUR, DAY = 3_600, 86_400
TODAY = UsageFilter(NOON - DAY / 2, NOON + DAY / 2)
PRICE = Price("main", "big", 0.08, 0.24, valid_from=5.0, source="configuration")


@pytest.fixture
def reports(store: Store) -> UsageReports:
    return UsageReports(store)


def day_of_traffic() -> Iterator[UsageRow]:
    """300 requests over ten hours, as they may be."""
    random = Random(7)
    for n in range(300):
        status = random.choice([200] * 8 + [429, 499, 502])
        answered = status == 200
        latency = random.expovariate(1 / 800)
        yield row(
            f"r{n:03}",
            NOON - 5 * HOUR + n * 120.5,
            model=random.choice(["fast", "slow", "50%_off"]),
            route=random.choice(["fast", "slow", ""]),
            key_id=random.choice(["k1", "k2"]),
            user_id=random.choice(["u1", ""]),
            provider_id=random.choice(["main", "other"]) if answered else "",
            status=status,
            error_code=f"code_{status}" if not answered or n % 31 == 0 else "",
            stream=n % 2 == 0,
            cached=n % 17 == 0,
            input_tokens=random.randrange(1000) if answered else None,
            output_tokens=random.randrange(1, 500) if answered else None,
            cost_nanos=random.randrange(10**6) if answered else None,
            latency_ms=latency,
            ttft_ms=latency / 2 if answered and n % 2 == 0 else None,
            overhead_ms=0.5,
            attempts=tuple(Tried("main", "big", "502", 3.0) for _ in range(n % 3)),
        )


TRAFFIC = list(day_of_traffic())


def nearest(values: Sequence[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def check(figures: Figures, rows: Sequence[UsageRow]) -> None:
    """Against the same sums in plain Python."""
    assert figures.requests == len(rows)
    assert figures.errors == sum(one.error_code != "" and one.status != 499 for one in rows)
    assert figures.cached == sum(one.cached for one in rows)
    assert figures.streams == sum(one.stream for one in rows)
    assert figures.unpriced == sum(one.cost_nanos is None for one in rows)
    assert figures.input_tokens == sum(one.input_tokens or 0 for one in rows)
    assert figures.cost_nanos == sum(one.cost_nanos or 0 for one in rows)
    latencies = [one.latency_ms for one in rows]
    assert figures.latency.mean == pytest.approx(sum(latencies) / len(rows))
    if figures.exact:
        assert figures.latency.p50 == nearest(latencies, 0.5)
        assert figures.latency.p95 == nearest(latencies, 0.95)
        assert figures.latency.p99 == nearest(latencies, 0.99)
        assert figures.retried == sum(len(one.attempts) > 1 for one in rows)
        firsts = [one.ttft_ms for one in rows if one.ttft_ms is not None]
        assert figures.first_token.p95 == (nearest(firsts, 0.95) if firsts else None)
    else:
        assert figures.latency.p50 == pytest.approx(nearest(latencies, 0.5), rel=0.5)


# --- totals, groups and series ---------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
async def test_figures_are_those_of_the_rows(store: Store, exact: bool) -> None:
    await store.append(TRAFFIC, [])
    reports = UsageReports(store, Exactness() if exact else Exactness(seconds=0))
    totals = await reports.totals(TODAY)
    assert totals.exact is exact
    check(totals, TRAFFIC)
    assert totals.overhead_mean_ms == pytest.approx(0.5)
    assert (totals.tokens_per_second is not None) is exact
    for by, name in ((GroupBy.MODEL, "route"), (GroupBy.KEY, "key_id"), (GroupBy.PROVIDER, "provider_id")):
        groups = await reports.groups(TODAY, by)
        assert {group.label for group in groups} == {getattr(one, name) for one in TRAFFIC}
        assert [group.figures.requests for group in groups] == sorted(
            (group.figures.requests for group in groups), reverse=True
        )
        for group in groups:
            check(group.figures, [one for one in TRAFFIC if getattr(one, name) == group.label])
    points = await reports.series(TODAY, Step.HOUR, GroupBy.KEY, limit=1)
    assert len(points) == 24
    for point in points:
        rows = [one for one in TRAFFIC if point.at <= one.at < point.at + HOUR]
        assert point.figures.requests == len(rows)
        if rows:
            check(point.figures, rows)
            assert sum(one.requests for one in point.groups.values()) == len(rows)
            assert point.groups.keys() <= {"k1", "k2", OTHER}
    assert {label for point in points for label in point.groups} & {"k1", "k2"} != {"k1", "k2"}


async def test_users_see_only_their_own(store: Store, reports: UsageReports) -> None:
    await store.append(TRAFFIC, [])
    mine = [one for one in TRAFFIC if one.user_id == "u1"]
    check(await reports.totals(replace(TODAY, user_ids=("u1",))), mine)
    page = await reports.requests(replace(TODAY, user_ids=("u1",)), limit=1000)
    assert {one.request_id for one in page.rows} == {one.request_id for one in mine}


async def test_days_begin_at_the_midnight_of_a_zone(store: Store, reports: UsageReports) -> None:
    await store.append([row("a", NOON + 11.5 * HOUR), row("b", NOON + 12.5 * HOUR)], [])
    wanted = UsageFilter(NOON - DAY, NOON + DAY)
    utc = await reports.series(wanted, Step.DAY)
    assert [point.figures.requests for point in utc] == [0, 1, 1]
    east = await reports.series(wanted, Step.DAY, shift=2 * HOUR)
    assert [point.figures.requests for point in east] == [0, 0, 2]
    assert east[0].at % DAY == 22 * HOUR


async def test_status_groups_and_errors_come_from_the_rows(store: Store) -> None:
    await store.append(TRAFFIC, [])
    reports = UsageReports(store, Exactness(seconds=0))
    groups = {group.label: group.figures.requests for group in await reports.groups(TODAY, GroupBy.STATUS)}
    assert groups == {str(code): sum(one.status == code for one in TRAFFIC) for code in (200, 429, 499, 502)}
    errors = await reports.top_errors(TODAY)
    assert {(one.code, one.status, one.requests) for one in errors} == {
        (f"code_{code}", code, sum(one.error_code == f"code_{code}" for one in TRAFFIC))
        for code in (200, 429, 499, 502)
    }
    assert errors[0].requests == max(one.requests for one in errors)


async def test_success_is_what_callers_saw_and_their_leaving_is_none_of_it(store: Store, reports: UsageReports) -> None:
    tried = (Tried("main", "big", "502", 1.0), Tried("other", "big", "200", 2.0))
    broken = row("e", stream=True, error_code="upstream_bad_response")
    await store.append([row("a", attempts=tried), row("b", status=499), row("c", status=502), row("d"), broken], [])
    totals = await reports.totals(TODAY)
    assert totals.success == 0.6
    assert totals.retried == 1


async def test_nothing_is_asked_of_no_requests(reports: UsageReports) -> None:
    totals = await reports.totals(TODAY)
    assert totals == Figures(retried=0)
    assert totals.success is None
    assert await reports.groups(TODAY, GroupBy.MODEL) == []
    assert all(point.figures.requests == 0 for point in await reports.series(TODAY, Step.HOUR, GroupBy.MODEL))
    assert [page async for page in reports.export(TODAY)] == []


async def test_the_period_before_is_as_long(store: Store, reports: UsageReports) -> None:
    await store.append([row("a"), row("b"), row("c", NOON - DAY)], [])
    compared = await reports.compared(TODAY)
    assert (compared.now.requests, compared.before.requests) == (2, 1)
    assert change(compared.now.requests, compared.before.requests) == 1.0
    assert change(1, 0) is None
    assert previous(TODAY) == (NOON - 1.5 * DAY, NOON - 0.5 * DAY)


async def test_hourly_sums_answer_where_the_rows_are_gone(store: Store, reports: UsageReports) -> None:
    await store.append(TRAFFIC, [])
    assert (await reports.totals(TODAY)).exact
    await store.prune(Retention(usage_before=NOON))
    totals = await reports.totals(TODAY)
    assert (totals.requests, totals.exact) == (300, False)
    assert (await reports.totals(replace(TODAY, since=NOON))).exact


async def test_many_rows_are_not_sorted(store: Store) -> None:
    await store.append(TRAFFIC, [])
    assert (await UsageReports(store, Exactness(rows=299)).totals(TODAY)).exact is False
    assert (await UsageReports(store, Exactness(rows=300)).totals(TODAY)).exact is True


async def test_rows_that_are_too_many_to_sort_have_means_but_no_percentiles(store: Store) -> None:
    await store.append(TRAFFIC, [])
    reports = UsageReports(store, Exactness(rows=100))
    fast = [one for one in TRAFFIC if one.latency_ms >= 1.0]
    totals = await reports.totals(replace(TODAY, min_latency_ms=1.0))
    assert (totals.requests, totals.exact, totals.latency.p50) == (len(fast), False, None)
    assert totals.latency.mean == pytest.approx(sum(one.latency_ms for one in fast) / len(fast))
    minutes = await reports.series(TODAY, Step.MINUTE)
    assert sum(point.figures.requests for point in minutes) == 300


# --- requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", list(SortBy))
@pytest.mark.parametrize("ascending", [True, False])
async def test_requests_are_sorted_and_paged(
    store: Store, reports: UsageReports, sort: SortBy, ascending: bool
) -> None:
    await store.append(TRAFFIC, [])
    pages = [await reports.requests(TODAY, sort, ascending=ascending, limit=70, offset=at) for at in range(0, 300, 70)]
    rows = [one for page in pages for one in page.rows]
    assert {page.total for page in pages} == {300}
    assert {one.request_id for one in rows} == {one.request_id for one in TRAFFIC}
    if sort is not SortBy.MODEL:  # whose order is the database's own
        values = [getattr(one, sort.value) for one in rows]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=not ascending)
        assert values == known + [None] * (len(values) - len(known))


async def test_filters_leave_what_fits(store: Store, reports: UsageReports) -> None:
    await store.append(TRAFFIC, [])
    filters: dict[str, tuple[Any, Callable[[UsageRow], bool | None]]] = {
        "models": (("fast",), lambda one: one.route == "fast"),
        "status_from": (429, lambda one: one.status >= 429),
        "status_to": (429, lambda one: one.status <= 429),
        "error_codes": (("code_502",), lambda one: one.error_code == "code_502"),
        "stream": (True, lambda one: one.stream),
        "cached": (False, lambda one: not one.cached),
        "min_latency_ms": (900.0, lambda one: one.latency_ms >= 900),
        "min_tokens": (700, lambda one: (one.input_tokens or 0) + (one.output_tokens or 0) >= 700),
        "min_cost_nanos": (500_000, lambda one: (one.cost_nanos or 0) >= 500_000),
        "search": ("0%_OFF", lambda one: one.model == "50%_off"),
    }
    for name, (value, fits) in filters.items():
        page = await reports.requests(replace(TODAY, **{name: value}), limit=1000)
        assert {one.request_id for one in page.rows} == {one.request_id for one in TRAFFIC if fits(one)}, name
        assert 0 < page.total < 300, name


async def test_one_request_is_found_whole(store: Store, reports: UsageReports) -> None:
    tried = (Tried("main", "big", "502", 1.5, 0.25), Tried("other", "big", "200", 2.0, 3.0))
    whole = row("a", attempts=tried, price=PRICE, cost_nanos=7, request_body=b"{}", response_body=b"\xff")
    await store.append([whole], [])
    assert await reports.request("a") == whole
    assert await reports.request("b") is None


# --- export ----------------------------------------------------------------------------------------------


async def test_an_export_has_every_row_once_in_order(store: Store, reports: UsageReports) -> None:
    rows = [row(f"r{n:04}", NOON + n // 7) for n in range(2_345)]
    for start in range(0, len(rows), 500):
        await store.append(rows[start : start + 500], [])
    portions = [portion async for portion in reports.export(TODAY)]
    assert max(map(len, portions)) == 1_000
    assert [one.request_id for portion in portions for one in portion] == [one.request_id for one in rows]


async def test_late_portions_of_an_export_cost_no_more_than_early_ones(tmp_path: Path) -> None:
    """In steps of SQLite's machine, as times say little on a busy one."""
    store = await Store.open(None, tmp_path / "state")
    for start in range(0, 20_000, 2_000):
        await store.append([row(f"r{n:05}", NOON + n) for n in range(start, start + 2_000)], [])
    wanted = UsageFilter(NOON, NOON + 20_000)

    def steps(connection: Connection, place: int) -> int:
        ticks: list[None] = []
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: ticks.append(None), 100)
        rows = _portion(connection, wanted, (NOON + place, f"r{place:05}"))
        driver.set_progress_handler(None, 100)
        assert [one.request_id for one in rows] == [f"r{n:05}" for n in range(place + 1, place + 1_001)]
        return len(ticks)

    early, late = [await store.query(partial(steps, place=place)) for place in (0, 18_999)]
    await store.close()
    assert 0 < late < 1.5 * early


def test_csv_holds_no_formula_and_no_broken_line() -> None:
    bad = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", 'quote " comma, line\nend']
    rows = [row(f"r{n}", model=text, cost_nanos=1_000_000_001) for n, text in enumerate(bad)]
    table = list(csv.DictReader(io.StringIO(csv_text(rows, head=True), newline="")))
    assert [one["model"] for one in table] == [f"'{text}" for text in bad[:-1]] + [bad[-1]]
    assert {one["cost_usd"] for one in table} == {"1.000000001"}
    assert table[0]["time"] == "2026-11-21T12:00:00.000+00:00"
    assert tuple(table[0]) == COLUMNS
    assert csv_text(rows).count("request_id") == 0


def test_json_lines_keep_attempts_and_price() -> None:
    tried = (Tried("main", "big", "200", 1.0),)
    lines = json_lines([row("a", attempts=tried, price=PRICE), row("b")]).splitlines()
    one, other = (json.loads(line) for line in lines)
    assert one["attempts"][0]["provider_id"] == "main"
    assert one["price"]["input_per_million"] == 0.08
    assert (other["price"], other["cost_usd"]) == (None, None)


# --- shapes ----------------------------------------------------------------------------------------------


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="before"):
        UsageFilter(2.0, 2.0)


async def test_too_many_points_are_refused(reports: UsageReports) -> None:
    with pytest.raises(InvalidRequest, match="larger step"):
        await reports.series(UsageFilter(NOON, NOON + 2 * DAY), Step.MINUTE)


def test_a_series_has_a_point_for_every_step() -> None:
    points = filled([], UsageFilter(90, 200), Step.MINUTE)
    assert [point.at for point in points] == [60, 120, 180]
    assert step_start(90, Step.MINUTE, shift=30) == 90
