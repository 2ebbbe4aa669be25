"""Writes usage rows, roll-ups, last uses, spend and prices inside a transaction that is given. Called by `Store`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache, partial
from importlib import import_module
from operator import attrgetter, is_not, itemgetter
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from gateway.settings.periods import PERIODS, period_name
from gateway.store.buckets import spread
from gateway.store.documents import bounded
from gateway.store.tables import HOUR_KEYS, bodies, last_used, prices, spend, usage_hours
from gateway.store.usage_insert import insert_new
from gateway.usage.types import Price, Spend, UsageRow

HOUR = 3600
_AT_A_TIME = 500
"""Rows looked at together."""
_PORTION = 1_000
"""Keys asked for at a time: databases take only so many values in one question."""

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
_figures = attrgetter(
    *("status", "error_code", "cached", "stream"),
    *("input_tokens", "output_tokens", "cached_tokens", "pages", "cost_nanos"),
    *("seconds", "latency_ms", "ttft_ms", "overhead_ms"),
)
_use, _key = attrgetter("key_id", "at"), itemgetter(0)
_known = partial(is_not, None)


def append(connection: Connection, rows: Sequence[UsageRow], spends: Sequence[Spend]) -> None:
    """A batch that is sent twice counts once: rows already there add neither to roll-ups nor to spend.

    Portion by portion: all of this looks at a row several times, and a batch has no room in the processor's cache.
    """
    hours: list[tuple[Any, ...]] = []
    uses: list[tuple[str, float]] = []
    repeated: list[UsageRow] = []
    for start in range(0, len(rows), _AT_A_TIME):
        new, old = insert_new(connection, rows[start : start + _AT_A_TIME])
        if kept := [_body(row) for row in new if row.request_body is not None or row.response_body is not None]:
            connection.execute(insert_of(connection, bodies).on_conflict_do_nothing(), kept)
        hours += _rolled_up(new)
        uses += filter(_key, map(_use, new))
        repeated += old
    _add_up(connection, usage_hours, len(HOUR_KEYS), hours)
    note_uses(connection, uses)
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
    newest = dict(sorted(uses, key=itemgetter(1)))
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
    hours: dict[tuple[Any, ...], list[UsageRow]] = defaultdict(list)
    for row in rows:
        hours[(int(row.at // HOUR * HOUR), *_labels(row))].append(row)
    return [(*key, *_summed(alike)) for key, alike in hours.items()]


def _summed(rows: Sequence[UsageRow]) -> tuple[Any, ...]:
    """In the order of the columns. Rows are added up by column, since most of a batch are alike."""
    statuses, codes, cached, streams, *counted, costs, seconds, latencies, ttfts, overheads = zip(
        *map(_figures, rows), strict=True
    )
    errors = sum([row.failed for row in rows]) if max(statuses) >= 400 or any(codes) else 0
    counts = (len(rows), errors, sum(cached), sum(streams), costs.count(None), *map(_sum, (*counted, costs)))
    first, own = list(filter(_known, ttfts)), list(filter(_known, overheads))
    sums = (_sum(seconds), sum(latencies), sum(first), sum(own))
    return (*map(bounded, (*counts, len(first), len(own))), *spread(latencies), *spread(first), *sums)


def _sum(column: Iterable[float | None]) -> float:
    return sum(filter(None, column))


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
