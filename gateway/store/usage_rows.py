"""Writes usage rows, roll-ups, last uses, spend and prices inside a transaction that is given. Called by `Store`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from gateway.settings.periods import PERIODS, period_name
from gateway.store.buckets import BUCKETS, bucket
from gateway.store.documents import bounded
from gateway.store.tables import HOUR_COUNTS, HOUR_KEYS, HOUR_SUMS, bodies, last_used, prices, spend, usage_hours
from gateway.store.usage_insert import insert_new
from gateway.usage.types import Price, Spend, UsageRow

HOUR = 3600
_PORTION = 1_000
"""Keys asked for at a time: databases take only so many values in one question."""

_BUCKETED = HOUR_COUNTS.index("latency_0")
"""The counts before it are plain."""
_FIGURES = (
    "input_per_million",
    "output_per_million",
    "cached_input_per_million",
    "per_minute",
    "per_page",
    "per_request",
)

_LATER = (
    "INSERT INTO last_used (key_id, at) VALUES ({0}, {0}) "
    "ON CONFLICT (key_id) DO UPDATE SET at = excluded.at WHERE excluded.at > last_used.at"
)

_labels = attrgetter(*HOUR_KEYS[1:])
_counts = attrgetter(*HOUR_COUNTS[:_BUCKETED])
_sums = attrgetter(*HOUR_SUMS)


def append(connection: Connection, rows: Sequence[UsageRow], spends: Sequence[Spend]) -> None:
    """A batch that is sent twice counts once: rows already there add neither to roll-ups nor to spend."""
    new, repeated = insert_new(connection, rows)
    if kept := [_body(row) for row in new if row.request_body is not None or row.response_body is not None]:
        connection.execute(insert_of(connection, bodies).on_conflict_do_nothing(), kept)
    _add_up(connection, usage_hours, len(HOUR_KEYS), _rolled_up(new))
    note_uses(connection, [(row.key_id, row.at) for row in new if row.key_id])
    _add_up(connection, spend, 2, _due(spends, repeated))


def spent(connection: Connection, periods: Sequence[str], scope: str | None) -> dict[tuple[str, str], int]:
    wanted = select(spend).where(spend.c.period.in_(list(periods)))
    rows = connection.execute(wanted if scope is None else wanted.where(spend.c.scope == scope))
    return {(row.scope, row.period): row.nanos for row in rows}


def last_uses(connection: Connection, key_ids: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for n in range(0, len(key_ids), _PORTION):
        wanted = select(last_used).where(last_used.c.key_id.in_(key_ids[n : n + _PORTION]))
        found |= {row.key_id: row.at for row in connection.execute(wanted)}
    return found


def note_uses(connection: Connection, uses: Iterable[tuple[str, float]]) -> None:
    """Of each key the newest stays, in whatever order they come. Sorted for the reason that `_add_up` gives."""
    newest: dict[str, float] = {}
    for key_id, at in uses:
        newest[key_id] = max(at, newest.get(key_id, at))
    if newest:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(_LATER.format(mark), sorted(newest.items()))


def add_prices(connection: Connection, new: Sequence[Price]) -> None:
    """A fact whose figures equal those in force at its time is not repeated."""
    history: dict[tuple[str, str], list[Price]] = defaultdict(list)
    for price in all_prices(connection):
        history[price.provider_id, price.upstream_model].append(price)
    added = []
    for price in sorted(new, key=lambda price: price.valid_from):
        known = history[price.provider_id, price.upstream_model]
        if not _in_force(price, known):
            known.append(price)
            added.append(asdict(price))
    if added:
        connection.execute(insert(prices), added)


def all_prices(connection: Connection) -> list[Price]:
    columns = [column for column in prices.c if column.name != "number"]
    rows = connection.execute(select(*columns).order_by(prices.c.valid_from, prices.c.number))
    return [Price(**row._mapping) for row in rows]


def _in_force(price: Price, history: Sequence[Price]) -> bool:
    """`history` is that of its target."""
    before = [one for one in history if one.valid_from <= price.valid_from]
    if not before:
        return False
    newest = max(before, key=lambda one: one.valid_from)
    return all(getattr(newest, figure) == getattr(price, figure) for figure in _FIGURES)


def _body(row: UsageRow) -> dict[str, Any]:
    size = len(row.request_body or b"") + len(row.response_body or b"")
    return {
        "request_id": row.request_id,
        "at": row.at,
        "size": size,
        "request": row.request_body,
        "response": row.response_body,
    }


def _rolled_up(rows: Sequence[UsageRow]) -> list[tuple[Any, ...]]:
    hours: dict[tuple[Any, ...], _Hour] = {}
    for row in rows:
        key = (int(row.at // HOUR * HOUR), *_labels(row))
        hour = hours.get(key)
        if hour is None:
            hour = hours[key] = _Hour()
        hour.add(row)
    return [(*key, *hour.values()) for key, hour in hours.items()]


class _Hour:
    """The sums of one line of `usage_hours`."""

    __slots__ = (*HOUR_COUNTS[:_BUCKETED], *HOUR_SUMS, "latencies", "ttfts")

    def __init__(self) -> None:
        self.requests = self.errors = self.cached = self.streams = self.unpriced = 0
        self.input_tokens = self.output_tokens = self.cached_tokens = self.pages = self.cost_nanos = 0
        self.ttft_count = self.overhead_count = 0
        self.seconds = self.latency_ms = self.ttft_ms = self.overhead_ms = 0.0
        self.latencies, self.ttfts = [0] * (len(BUCKETS) + 1), [0] * (len(BUCKETS) + 1)

    def add(self, row: UsageRow) -> None:
        self.requests += 1
        self.errors += row.failed
        self.cached += row.cached
        self.streams += row.stream
        self.input_tokens += row.input_tokens or 0
        self.output_tokens += row.output_tokens or 0
        self.cached_tokens += row.cached_tokens or 0
        self.pages += row.pages or 0
        if row.cost_nanos is None:
            self.unpriced += 1
        else:
            self.cost_nanos += row.cost_nanos
        self.seconds += row.seconds or 0.0
        self.latency_ms += row.latency_ms
        self.latencies[bucket(row.latency_ms)] += 1
        if row.ttft_ms is not None:
            self.ttft_ms += row.ttft_ms
            self.ttft_count += 1
            self.ttfts[bucket(row.ttft_ms)] += 1
        if row.overhead_ms is not None:
            self.overhead_ms += row.overhead_ms
            self.overhead_count += 1

    def values(self) -> tuple[Any, ...]:
        """In the order of the columns."""
        return (*map(bounded, _counts(self)), *self.latencies, *self.ttfts, *_sums(self))


def _due(spends: Sequence[Spend], repeated: Sequence[UsageRow]) -> list[tuple[str, str, int | None]]:
    """What to add: the sums of the batch without what its repeated rows had already cost."""
    due: dict[tuple[str, str], int] = {}
    for one in spends:
        due[one.scope, one.period] = due.get((one.scope, one.period), 0) + one.nanos
    for row in repeated:
        for period in PERIODS if row.cost_nanos else ():
            for scope in (f"key:{row.key_id}", f"user:{row.user_id}", "global"):
                counted = (scope, period_name(period, row.at))
                if counted in due:
                    due[counted] = max(0, due[counted] - (row.cost_nanos or 0))
    return [(scope, period, bounded(nanos)) for (scope, period), nanos in due.items() if nanos]


def _add_up(connection: Connection, table: Table, keys: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds to what is there. The first `keys` columns are the key. In the order of the keys, so that two writers
    never wait for each other in a ring."""
    if rows:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(_adding(table, keys, mark), sorted(rows, key=lambda row: row[:keys]))


@cache
def _adding(table: Table, keys: int, mark: str) -> str:
    """Made once: SQLAlchemy takes milliseconds for so many columns, each time."""
    names = table.c.keys()
    marks, sums = (
        ", ".join([mark] * len(names)),
        ", ".join(f"{x} = {table.name}.{x} + excluded.{x}" for x in names[keys:]),
    )
    into = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    return f"{into} ON CONFLICT ({', '.join(names[:keys])}) DO UPDATE SET {sums}"


def insert_of(connection: Connection, table: Table) -> Any:
    """Both dialects have ON CONFLICT, in the same words, but not in the common part of SQLAlchemy.

    The engine has imported its own dialect already; to import the other one too costs 40 ms and memory.
    """
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)
