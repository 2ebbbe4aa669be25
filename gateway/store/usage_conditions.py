"""Turns a `UsageFilter` into SQL, for the rows and for their hourly sums. Used by the reports."""

from collections.abc import Callable, Iterator
from operator import eq, ge, le
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Integer, Table, and_, cast, func, literal_column, or_

from gateway.store.tables import usage, usage_hours
from gateway.store.usage_rows import HOUR
from gateway.usage.report import GroupBy, UsageFilter
from gateway.usage.types import CLIENT_LEFT

GROUPS: dict[GroupBy, str] = {
    GroupBy.MODEL: "route",
    GroupBy.KEY: "key_id",
    GroupBy.USER: "user_id",
    GroupBy.PROVIDER: "provider_id",
    GroupBy.UPSTREAM_MODEL: "upstream_model",
    GroupBy.OPERATION: "operation",
    GroupBy.STATUS: "status",
}
"""The columns; `status` only rows have."""
_LISTS = {
    "models": "route",
    "key_ids": "key_id",
    "user_ids": "user_id",
    "provider_ids": "provider_id",
    "operations": "operation",
    "error_codes": "error_code",
}


def failed(columns: Any) -> ColumnElement[bool]:
    """`UsageRow.failed`."""
    return and_(columns.status != CLIENT_LEFT, or_(columns.status >= 400, columns.error_code != ""))


def row_conditions(wanted: UsageFilter) -> list[ColumnElement[bool]]:
    columns = usage.c
    found = [columns.at >= wanted.since, columns.at < wanted.until, *_lists(wanted, usage)]
    tokens = func.coalesce(columns.input_tokens, 0) + func.coalesce(columns.output_tokens, 0)
    bounds: list[tuple[Any, ColumnElement[Any], Callable[[Any, Any], Any]]] = [
        (wanted.status_from, columns.status, ge),
        (wanted.status_to, columns.status, le),
        (wanted.stream, columns.stream, eq),
        (wanted.cached, columns.cached, eq),
        (wanted.min_latency_ms, columns.latency_ms, ge),
        (wanted.min_tokens, tokens, ge),
        (wanted.min_cost_nanos, columns.cost_nanos, ge),
    ]
    found += [compare(column, value) for value, column, compare in bounds if value is not None]
    found += _in_index(wanted)
    if wanted.search:
        names = (columns.model, columns.request_id, columns.error_code)
        found.append(or_(*(name.icontains(wanted.search, autoescape=True) for name in names)))
    return found


def _in_index(wanted: UsageFilter) -> Iterator[ColumnElement[bool]]:
    """What follows from the rest, in the words of the indexes that hold only some rows."""
    if wanted.status_from is not None and wanted.status_from >= 400:
        yield usage.c.status >= literal_column("400")
    if wanted.user_ids and all(wanted.user_ids):
        yield usage.c.user_id != literal_column("''")


def hour_conditions(wanted: UsageFilter) -> list[ColumnElement[bool]]:
    """Whole hours: the first one is the one in which the period begins."""
    first = int(wanted.since // HOUR * HOUR)
    return [usage_hours.c.hour >= first, usage_hours.c.hour < wanted.until, *_lists(wanted, usage_hours)]


def step_column(connection: Connection, column: "Column[Any]", seconds: int, shift: int) -> ColumnElement[int]:
    """When the step began, as `usage.report.step_start` says."""
    whole = cast(column, Integer) if connection.dialect.name == "sqlite" else cast(func.floor(column), Integer)
    moved = whole + shift
    return moved - moved % seconds - shift


def _lists(wanted: UsageFilter, table: Table) -> list[ColumnElement[bool]]:
    given = ((column, getattr(wanted, name)) for name, column in _LISTS.items() if column in table.c)
    return [table.c[column].in_(values) for column, values in given if values]
