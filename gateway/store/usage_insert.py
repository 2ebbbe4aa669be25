"""Inserts usage rows many at a time and says which were new. Called by `usage_rows`.

Written in SQL and not with SQLAlchemy's statements: it is done for every request, on the processor that serves them.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from math import isfinite
from operator import add, attrgetter
from typing import Any

import msgspec
import orjson
from sqlalchemy import Connection

from gateway.store.documents import LARGEST, LONGEST_TEXT, bounded, clean, to_json
from gateway.store.tables import usage
from gateway.usage.types import Price, Tried, UsageRow

_TEXTS = (
    *("request_id", "operation", "model", "key_id", "key_name", "user_id"),
    *("route", "provider_id", "upstream_model", "error_code"),
)
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "pages", "cost_nanos")
_TIMES = ("seconds", "ttft_ms", "overhead_ms", "latency_ms")
_DOCUMENTS = ("attempts", "price")
_PLAIN = tuple(str(column.name) for column in usage.c if column.name not in _DOCUMENTS)
_NAMES = (*_PLAIN, *_DOCUMENTS)
_OFTEN_ALIKE = ("stream", "cached", *(str(column.name) for column in usage.c if column.nullable))

_texts = attrgetter(*_TEXTS)
_counts = attrgetter(*_COUNTS)
_times = attrgetter(*_TIMES)
_plain = attrgetter(*_PLAIN)
_often_alike = attrgetter(*_OFTEN_ALIKE)
_attempts, _price = attrgetter("attempts"), attrgetter("price")

_encode = msgspec.json.Encoder().encode

_COLUMNS = ", ".join(_NAMES)
_NEWEST = "SELECT coalesce(max(rowid), 0) FROM usage"
_NEWER = "SELECT request_id FROM usage WHERE rowid > ?"
_LITERALS = {None: "NULL", False: "0", True: "1"}
_LOCK = "SELECT pg_advisory_xact_lock(7239018442)"
_POSTGRESQL = (
    f"INSERT INTO usage ({_COLUMNS}) SELECT {_COLUMNS} FROM json_populate_recordset(NULL::usage, %s::json) "  # noqa: S608
    "ON CONFLICT (request_id) DO NOTHING RETURNING request_id"
)


def insert_new(connection: Connection, rows: Sequence[UsageRow]) -> tuple[Sequence[UsageRow], Sequence[UsageRow]]:
    """What was new, and what was there already or came twice: the rows as they are stored. Takes one row at least.

    Only one transaction at a time does this: on SQLite, writing takes the whole file.
    """
    kept = rows
    if not _as_they_are(rows):
        kept = [row if _as_they_are([row]) else _storable(row) for row in rows]
    insert = _into_postgresql if connection.dialect.name == "postgresql" else _into_sqlite
    ids = insert(connection, kept)
    if ids is None:
        return kept, []
    new, repeated = [], []
    for row in kept:
        if row.request_id in ids:
            ids.discard(row.request_id)
            new.append(row)
        else:
            repeated.append(row)
    return new, repeated


def _into_sqlite(connection: Connection, rows: Sequence[UsageRow]) -> set[str] | None:
    """The ids that are new; None: all of them, which is nearly always so."""
    statement, plain, has_prices = _statement(_alike(rows))
    documents = (_json(list(map(_attempts, rows))), *([_prices(rows)] if has_prices else []))
    values = list(map(add, map(plain, rows), zip(*documents, strict=True)))
    newest = connection.exec_driver_sql(_NEWEST).scalar()
    if connection.exec_driver_sql(statement, values).rowcount == len(rows):
        return None
    return set(connection.exec_driver_sql(_NEWER, (newest,)).scalars())


def _alike(rows: Sequence[UsageRow]) -> tuple[tuple[str, str], ...]:
    """The columns in which all rows have the same flag or nothing, with what that is in SQL. Handed to the driver for
    each row, they would be a seventh of the time that inserting takes."""
    columns = zip(_OFTEN_ALIKE, zip(*map(_often_alike, rows), strict=True), strict=True)
    return tuple(
        [
            (name, _LITERALS[column[0]])
            for name, column in columns
            if (column[0] is None or isinstance(column[0], bool)) and column.count(column[0]) == len(column)
        ]
    )


@lru_cache(maxsize=64)
def _statement(alike: tuple[tuple[str, str], ...]) -> tuple[str, Callable[[UsageRow], tuple[Any, ...]], bool]:
    """How rows are inserted that are alike in some columns: the SQL, what it takes of a row before the documents, and
    whether the price is among these."""
    known = dict(alike)
    values = ", ".join(known.get(name, "?") for name in _NAMES)
    sql = f"INSERT INTO usage ({_COLUMNS}) VALUES ({values}) ON CONFLICT (request_id) DO NOTHING"  # noqa: S608
    return sql, attrgetter(*(name for name in _PLAIN if name not in known)), "price" not in known


def _into_postgresql(connection: Connection, rows: Sequence[UsageRow]) -> set[str] | None:
    documents = zip(_json(list(map(_attempts, rows))), _prices(rows), strict=True)
    values = map(add, map(_plain, rows), documents)
    connection.exec_driver_sql(_LOCK)
    document = orjson.dumps([dict(zip(_NAMES, row, strict=True)) for row in values]).decode()
    ids = connection.exec_driver_sql(_POSTGRESQL, (document,)).scalars().all()
    return None if len(ids) == len(rows) else set(ids)


def _as_they_are(rows: Sequence[UsageRow]) -> bool:
    """Whether nothing in them needs to be made storable, as nearly always; looked at by column, which is quicker."""
    texts = list(map("".join, map(_texts, rows)))
    text = "".join(texts)
    counts = list(filter(None, chain.from_iterable(map(_counts, rows))))
    times = filter(None, chain.from_iterable(map(_times, rows)))
    return (
        (max(map(len, texts)) <= LONGEST_TEXT and text.isascii() and "\0" not in text)
        and 0 <= min(counts, default=0) <= max(counts, default=0) <= LARGEST
        and isfinite(sum(times))
    )


def _storable(row: UsageRow) -> UsageRow:
    """What callers choose is made storable, so that no row spoils its batch."""
    changes: dict[str, Any] = {name: clean(getattr(row, name)) for name in _TEXTS}
    changes |= {name: bounded(getattr(row, name)) for name in _COUNTS}
    changes |= {name: _finite(getattr(row, name)) for name in _TIMES}
    changes["latency_ms"] = changes["latency_ms"] or 0.0
    return msgspec.structs.replace(row, **changes)


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None


def _prices(rows: Iterable[UsageRow]) -> list[str | None]:
    """Written once each: they are few, and each is in many rows."""
    prices = list(map(_price, rows))
    by_id = dict(zip(map(id, prices), prices, strict=True))
    texts = {number: None if price is None else _json([price])[0] for number, price in by_id.items()}
    return [texts[number] for number in map(id, prices)]


def _json(facts: Sequence[tuple[Tried, ...] | Price]) -> list[str]:
    """The text of each."""
    try:
        return list(map(bytes.decode, map(_encode, facts)))
    except UnicodeEncodeError:  # a lone surrogate in a name
        return [to_json(msgspec.to_builtins(one)) for one in facts]
