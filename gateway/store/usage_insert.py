"""Inserts usage rows many at a time and says which were new. Called by `usage_rows`.

Written in SQL and not with SQLAlchemy's statements: it is done for every request, on the processor that serves them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from gateway.store.documents import bounded, clean, to_json
from gateway.store.tables import usage
from gateway.usage.types import Price, Tried, UsageRow

Values = dict[str, Any]

_TEXTS = (
    *("request_id", "operation", "model", "key_id", "key_name", "user_id"),
    *("route", "provider_id", "upstream_model", "error_code"),
)
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "pages", "cost_nanos")
_TIMES = ("seconds", "ttft_ms", "overhead_ms")
_SAME = ("at", "status", "stream", "cached")
_COLUMNS = ", ".join(usage.c.keys())


class _Dialect(NamedTuple):
    """`known` takes the ids and gives those that are there; `insert` takes rows as one JSON list or as tuples."""

    lock: str
    known: str
    insert: str


_SQLITE = _Dialect(
    lock="",  # a transaction that writes has the whole file
    known="SELECT request_id FROM usage WHERE request_id IN (SELECT value FROM json_each(?))",
    insert=f"INSERT INTO usage ({_COLUMNS}) VALUES ({', '.join('?' * len(usage.c))})",  # noqa: S608
)
_POSTGRESQL = _Dialect(
    lock="SELECT pg_advisory_xact_lock(7239018442)",
    known="SELECT request_id FROM usage WHERE request_id = ANY(%s)",
    insert=f"INSERT INTO usage ({_COLUMNS}) SELECT {_COLUMNS} FROM json_populate_recordset(NULL::usage, %s::json)",  # noqa: S608
)


def insert_new(connection: Connection, rows: Iterable[UsageRow]) -> tuple[list[Values], list[Values]]:
    """What was new, and what was there already or came twice: the values as they are stored.

    Only one transaction at a time does this, so that no row can appear between looking and inserting.
    """
    by_id: dict[str, Values] = {}
    repeated = []
    prices: dict[int, str] = {}
    for row in rows:
        values = _values(row, prices)
        if by_id.setdefault(values["request_id"], values) is not values:
            repeated.append(values)
    if not by_id:
        return [], []
    ids = list(by_id)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_POSTGRESQL.lock)
        known = set(connection.exec_driver_sql(_POSTGRESQL.known, (ids,)).scalars())
    else:
        known = set(connection.exec_driver_sql(_SQLITE.known, (orjson.dumps(ids).decode(),)).scalars())
    new = [values for id, values in by_id.items() if id not in known]
    _insert(connection, new)
    return new, [*repeated, *(by_id[id] for id in known)]


def _insert(connection: Connection, new: Sequence[Values]) -> None:
    if not new:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_POSTGRESQL.insert, (orjson.dumps(new).decode(),))
    else:
        columns = usage.c.keys()
        connection.exec_driver_sql(_SQLITE.insert, [tuple([values[name] for name in columns]) for values in new])


def _values(row: UsageRow, prices: dict[int, str]) -> Values:
    """What callers choose is made storable, so that no row spoils its batch. `prices` are those met before."""
    values: Values = {name: clean(getattr(row, name)) for name in _TEXTS}
    for name in _SAME:
        values[name] = getattr(row, name)
    for name in _COUNTS:
        values[name] = bounded(getattr(row, name))
    for name in _TIMES:
        values[name] = _finite(getattr(row, name))
    values["latency_ms"] = _finite(row.latency_ms) or 0.0
    values["attempts"] = _json(row.attempts)
    values["price"] = None
    if row.price is not None:
        if id(row.price) not in prices:
            prices[id(row.price)] = _json(row.price)
        values["price"] = prices[id(row.price)]
    return values


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None


def _json(facts: tuple[Tried, ...] | Price) -> str:
    try:
        text = orjson.dumps(facts).decode()
    except orjson.JSONEncodeError:  # a lone surrogate in a name
        return to_json([asdict(one) for one in facts] if isinstance(facts, tuple) else asdict(facts))
    return text
