"""Figures of requests, grouped by any columns: exactly from the rows, or from hourly sums. Used by the reports."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, cast, func, select

from gateway.store.buckets import BUCKETS, percentile
from gateway.store.tables import HOUR_COUNTS, HOUR_SUMS, usage, usage_hours
from gateway.store.usage_conditions import failed, hour_conditions, row_conditions
from gateway.store.usage_rows import HOUR
from gateway.usage.report import Figures, Times, UsageFilter

Key = tuple[Any, ...]
Columns = Sequence[ColumnElement[Any]]

_SHARES = (0.5, 0.95, 0.99)
_MORE_THAN_ONE = "%},{%"
"""In the JSON of the attempts."""


class Source(StrEnum):
    ROWS = "rows"
    UNSORTED = "unsorted"
    """Only rows can answer, but they are too many to be sorted: there are no percentiles."""
    HOURS = "hours"


def figures_of_rows(
    connection: Connection, wanted: UsageFilter, by: Columns = (), *, percentiles: bool = True
) -> dict[Key, Figures]:
    """Percentiles are real latencies: the nearest one at or above the share."""
    rows = select(usage, *_keys(by)).where(*row_conditions(wanted)).subquery()
    keys = [rows.c[f"key{n}"] for n in range(len(by))]
    latency = _percentiles(connection, rows, "latency_ms", keys) if percentiles else {}
    first_token = _percentiles(connection, rows, "ttft_ms", keys) if percentiles else {}
    statement = select(*keys, *_sums(rows.c)).group_by(*keys)
    found = {}
    for row in connection.execute(statement).mappings():
        key = tuple(row[f"key{n}"] for n in range(len(by)))
        figures = _exact(row, latency.get(key, ()), first_token.get(key, ()))
        found[key] = figures if percentiles else replace(figures, exact=False)
    return found


def figures_of_hours(connection: Connection, wanted: UsageFilter, by: Columns = ()) -> dict[Key, Figures]:
    hours = select(usage_hours, *_keys(by)).where(*hour_conditions(wanted)).subquery()
    keys = [hours.c[f"key{n}"] for n in range(len(by))]
    sums = [func.coalesce(func.sum(hours.c[name]), 0).label(name) for name in (*HOUR_COUNTS, *HOUR_SUMS)]
    statement = select(*keys, *sums).group_by(*keys)
    return {
        tuple(row[f"key{n}"] for n in range(len(by))): _rolled_up(row)
        for row in connection.execute(statement).mappings()
    }


def _keys(by: Columns) -> list[ColumnElement[Any]]:
    """Named below a subquery, so that every database sees the same expression in SELECT and GROUP BY."""
    return [column.label(f"key{n}") for n, column in enumerate(by)]


def _sums(columns: Any) -> list[ColumnElement[Any]]:
    def count(condition: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(cast(case((condition, 1), else_=0), Integer)), 0)

    def total(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(column), 0)

    names = ("input_tokens", "output_tokens", "cached_tokens", "seconds", "pages", "cost_nanos")
    spoke = and_(columns.ttft_ms.is_not(None), columns.output_tokens > 0, columns.latency_ms > columns.ttft_ms)
    return [
        func.count().label("requests"),
        count(failed(columns)).label("errors"),
        count(columns.cached).label("cached"),
        count(columns.stream).label("streams"),
        count(columns.cost_nanos.is_(None)).label("unpriced"),
        count(columns.attempts.like(_MORE_THAN_ONE)).label("retried"),
        *(total(columns[name]).label(name) for name in names),
        *(func.avg(columns[name]).label(name) for name in ("latency_ms", "ttft_ms", "overhead_ms")),
        total(case((spoke, columns.output_tokens), else_=0)).label("spoken"),
        total(case((spoke, columns.latency_ms - columns.ttft_ms), else_=0)).label("speaking_ms"),
    ]


def _percentiles(connection: Connection, rows: Any, name: str, keys: Columns) -> dict[Key, tuple[float | None, ...]]:
    value = rows.c[name]
    place = func.row_number().over(partition_by=keys or None, order_by=value)
    count = func.count().over(partition_by=keys or None)
    ranked = (
        select(*keys, value.label("value"), place.label("place"), count.label("count"))
        .where(value.is_not(None))
        .subquery()
    )
    below = [ranked.c[f"key{n}"] for n in range(len(keys))]
    at = [func.min(case((ranked.c.place >= share * ranked.c.count, ranked.c.value))) for share in _SHARES]
    found = connection.execute(select(*below, *at).group_by(*below))
    return {tuple(row[: len(keys)]): tuple(row[len(keys) :]) for row in found}


def _exact(row: Mapping[Any, Any], latency: Sequence[float | None], first_token: Sequence[float | None]) -> Figures:
    return Figures(
        **_counts(row),
        latency=Times(row["latency_ms"], *latency),
        first_token=Times(row["ttft_ms"], *first_token),
        overhead_mean_ms=row["overhead_ms"],
        retried=int(row["retried"]),
        tokens_per_second=float(row["spoken"]) / row["speaking_ms"] * 1000 if row["speaking_ms"] else None,
    )


def _rolled_up(row: Mapping[Any, Any]) -> Figures:
    return Figures(
        **_counts(row),
        latency=_times(row, "latency", row["latency_ms"], row["requests"]),
        first_token=_times(row, "ttft", row["ttft_ms"], row["ttft_count"]),
        overhead_mean_ms=row["overhead_ms"] / float(row["overhead_count"]) if row["overhead_count"] else None,
        exact=False,
    )


def _counts(row: Mapping[Any, Any]) -> dict[str, Any]:
    """PostgreSQL sums big integers into decimals."""
    names = ("requests", "errors", "cached", "streams", "unpriced", "pages")
    amounts = ("input_tokens", "output_tokens", "cached_tokens", "cost_nanos")
    return {name: int(row[name]) for name in (*names, *amounts)} | {"seconds": float(row["seconds"])}


def _times(row: Mapping[Any, Any], name: str, total: float, count: Any) -> Times:
    counts = [int(row[f"{name}_{n}"]) for n in range(len(BUCKETS) + 1)]
    if not any(counts):
        return Times()
    return Times(total / float(count), *(percentile(counts, share) for share in _SHARES))


def best_source(
    connection: Connection, wanted: UsageFilter, exact_seconds: float, exact_rows: int, *, only_rows: bool = False
) -> Source:
    """Rows where those of the whole period are still there and few enough to be sorted. `only_rows`: whatever it
    costs, hours would not do."""
    if wanted.needs_rows or only_rows:
        return Source.ROWS if _few(connection, wanted, exact_rows) else Source.UNSORTED
    if wanted.until - wanted.since > exact_seconds or _some_are_gone(connection, wanted):
        return Source.HOURS
    return Source.ROWS if _few(connection, wanted, exact_rows) else Source.HOURS


def _some_are_gone(connection: Connection, wanted: UsageFilter) -> bool:
    oldest = connection.execute(select(func.min(usage.c.at))).scalar()
    pruned = select(usage_hours.c.hour).where(*hour_conditions(wanted))
    if oldest is not None:
        pruned = pruned.where(usage_hours.c.hour < oldest - oldest % HOUR)
    return connection.execute(pruned.limit(1)).first() is not None


def _few(connection: Connection, wanted: UsageFilter, most: int) -> bool:
    some = select(usage.c.request_id).where(*row_conditions(wanted)).limit(most + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one()) <= most
