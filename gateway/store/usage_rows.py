"""Writes usage rows, their hourly roll-ups, spend and prices inside a transaction that is given. Called by `Store`."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from gateway.settings.periods import PERIODS, period_name
from gateway.store.buckets import bucket
from gateway.store.documents import bounded, clean
from gateway.store.tables import HOUR_COUNTS, HOUR_KEYS, HOUR_SUMS, bodies, prices, spend, usage_hours
from gateway.store.usage_insert import Values, insert_new
from gateway.usage.types import Price, Spend, UsageRow

HOUR = 3600
_CLIENT_LEFT = 499

_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "pages", "cost_nanos")
_FIGURES = (
    "input_per_million",
    "output_per_million",
    "cached_input_per_million",
    "per_minute",
    "per_page",
    "per_request",
)


def append(connection: Connection, rows: Sequence[UsageRow], spends: Sequence[Spend]) -> None:
    """A batch that is sent twice counts once: rows already there add neither to roll-ups nor to spend."""
    new, repeated = insert_new(connection, rows)
    ids = {values["request_id"] for values in new}
    kept = [_body(row) for row in rows if row.request_body is not None or row.response_body is not None]
    if kept := [body for body in kept if body["request_id"] in ids]:
        connection.execute(insert_of(connection, bodies).on_conflict_do_nothing(), kept)
    _add_up(connection, usage_hours, HOUR_KEYS, _rolled_up(new))
    _add_up(connection, spend, ("scope", "period"), _due(spends, repeated))


def spent(connection: Connection, periods: Sequence[str]) -> dict[tuple[str, str], int]:
    rows = connection.execute(select(spend).where(spend.c.period.in_(list(periods))))
    return {(row.scope, row.period): row.nanos for row in rows}


def add_prices(connection: Connection, new: Sequence[Price]) -> None:
    """A fact whose figures equal those in force at its time is not repeated."""
    known = {(price.provider_id, price.upstream_model) for price in new}
    history = [price for price in all_prices(connection) if (price.provider_id, price.upstream_model) in known]
    for price in sorted(new, key=lambda price: price.valid_from):
        if not _in_force(price, history):
            history.append(price)
            connection.execute(insert(prices).values(asdict(price)))


def all_prices(connection: Connection) -> list[Price]:
    columns = [column for column in prices.c if column.name != "number"]
    rows = connection.execute(select(*columns).order_by(prices.c.valid_from, prices.c.number))
    return [Price(**row._mapping) for row in rows]


def _in_force(price: Price, history: Sequence[Price]) -> bool:
    target = (price.provider_id, price.upstream_model)
    before = [
        one for one in history if (one.provider_id, one.upstream_model) == target and one.valid_from <= price.valid_from
    ]
    if not before:
        return False
    newest = max(before, key=lambda one: one.valid_from)
    return all(getattr(newest, figure) == getattr(price, figure) for figure in _FIGURES)


def _body(row: UsageRow) -> Values:
    size = len(row.request_body or b"") + len(row.response_body or b"")
    sent, answered = row.request_body, row.response_body
    return {"request_id": clean(row.request_id), "at": row.at, "size": size, "request": sent, "response": answered}


def _rolled_up(rows: Sequence[Values]) -> list[Values]:
    hours: dict[tuple[Any, ...], Values] = {}
    for row in rows:
        hour = int(row["at"] // HOUR * HOUR)
        key = (hour, *(row[name] for name in HOUR_KEYS[1:]))
        if key not in hours:
            zeros = dict.fromkeys(HOUR_COUNTS, 0) | dict.fromkeys(HOUR_SUMS, 0.0)
            hours[key] = dict(zip(HOUR_KEYS, key, strict=True)) | zeros
        _count(hours[key], row)
    return list(hours.values())


def _count(hour: Values, row: Values) -> None:
    hour["requests"] += 1
    hour["errors"] += row["status"] >= 400 and row["status"] != _CLIENT_LEFT
    hour["cached"] += row["cached"]
    hour["streams"] += row["stream"]
    hour["unpriced"] += row["cost_nanos"] is None
    for name in _COUNTS:
        hour[name] = bounded(hour[name] + (row[name] or 0))
    hour["seconds"] += row["seconds"] or 0.0
    hour["latency_ms"] += row["latency_ms"]
    hour[f"latency_{bucket(row['latency_ms'])}"] += 1
    if row["ttft_ms"] is not None:
        hour["ttft_ms"] += row["ttft_ms"]
        hour["ttft_count"] += 1
        hour[f"ttft_{bucket(row['ttft_ms'])}"] += 1
    if row["overhead_ms"] is not None:
        hour["overhead_ms"] += row["overhead_ms"]
        hour["overhead_count"] += 1


def _due(spends: Sequence[Spend], repeated: Sequence[Values]) -> list[Values]:
    """What to add: the sums of the batch without what its repeated rows had already cost."""
    due: dict[tuple[str, str], int] = {}
    for one in spends:
        due[one.scope, one.period] = due.get((one.scope, one.period), 0) + one.nanos
    for row in repeated:
        for period in PERIODS if row["cost_nanos"] else ():
            for scope in (f"key:{row['key_id']}", f"user:{row['user_id']}", "global"):
                counted = (scope, period_name(period, row["at"]))
                if counted in due:
                    due[counted] = max(0, due[counted] - row["cost_nanos"])
    return [
        {"scope": scope, "period": period, "nanos": bounded(nanos)} for (scope, period), nanos in due.items() if nanos
    ]


def _add_up(connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Adds to what is there. In the order of the keys, so that two writers never wait for each other in a ring."""
    if not rows:
        return
    statement = insert_of(connection, table)
    sums = {column.name: column + statement.excluded[column.name] for column in table.c if column.name not in keys}
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=sums), ordered)


def insert_of(connection: Connection, table: Table) -> Any:
    """Both dialects have ON CONFLICT, in the same words, but not in the common part of SQLAlchemy.

    The engine has imported its own dialect already; to import the other one too costs 40 ms and memory.
    """
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)
