"""`UsageReports`: requests, totals, groups, series and errors out of the database. Called by admin and user pages."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, asc, case, desc, func, or_, select, tuple_

from gateway.store.documents import from_json
from gateway.store.store import Store
from gateway.store.tables import bodies, usage, usage_hours
from gateway.store.usage_conditions import GROUPS, hour_conditions, row_conditions, step_column
from gateway.store.usage_figures import Columns, Key, Source, best_source, figures_of_hours, figures_of_rows
from gateway.usage.report import (
    OTHER,
    Comparison,
    ErrorCount,
    Figures,
    Group,
    GroupBy,
    Page,
    Point,
    SortBy,
    Step,
    UsageFilter,
    check_points,
    filled,
    previous,
)
from gateway.usage.types import Price, Tried, UsageRow

_COLUMNS = [column for column in usage.c if column.name not in ("attempts", "price")]
_PORTION = 1_000
"""Rows of an export in memory at a time."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Exactness:
    """Periods up to `seconds` with up to `rows` requests are answered from the rows, longer ones from hourly sums."""

    seconds: float = 48 * 3600
    rows: int = 50_000


class UsageReports:
    """Reads only. Every method raises StorageUnavailable while the database cannot be reached."""

    def __init__(self, store: Store, exactness: Exactness = Exactness(), deadline: float = 30.0) -> None:
        self._store, self._exactness, self._deadline = store, exactness, deadline

    async def requests(
        self,
        wanted: UsageFilter,
        sort: SortBy = SortBy.AT,
        *,
        ascending: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> Page:
        """Without bodies. Rows that lack the figure come last."""
        return await self._read(
            partial(_requests, wanted=wanted, sort=sort, ascending=ascending, limit=limit, offset=offset)
        )

    async def request(self, request_id: str) -> UsageRow | None:
        """With its attempts, its price and, where they were kept, its bodies."""
        return await self._read(partial(_request, request_id=request_id))

    async def totals(self, wanted: UsageFilter) -> Figures:
        found = await self._read(partial(_figures, wanted=wanted, exact=self._exactness))
        return found.get((), Figures())

    async def compared(self, wanted: UsageFilter) -> Comparison:
        since, until = previous(wanted)
        return Comparison(await self.totals(wanted), await self.totals(replace(wanted, since=since, until=until)))

    async def groups(self, wanted: UsageFilter, by: GroupBy, limit: int = 50) -> list[Group]:
        """Those with the most requests, first."""
        return await self._read(partial(_groups, wanted=_for(wanted, by), by=by, limit=limit, exact=self._exactness))

    async def series(
        self, wanted: UsageFilter, step: Step, by: GroupBy | None = None, *, limit: int = 10, shift: int = 0
    ) -> list[Point]:
        """A point for every step. The `limit` groups with the most requests stand alone, the others together as
        `(other)`. `shift`: the zone's distance from UTC in seconds. Raises InvalidRequest for too many points."""
        check_points(wanted, step)
        work = partial(_series, wanted=wanted, step=step, by=by, limit=limit, shift=shift, exact=self._exactness)
        return filled(await self._read(work), wanted, step, shift)

    async def top_errors(self, wanted: UsageFilter, limit: int = 20) -> list[ErrorCount]:
        return await self._read(partial(_top_errors, wanted=wanted, limit=limit))

    async def export(self, wanted: UsageFilter) -> AsyncIterator[Sequence[UsageRow]]:
        """All rows, oldest first, in portions. Without bodies."""
        after: tuple[float, str] | None = None
        while portion := await self._read(partial(_portion, wanted=wanted, after=after)):
            yield portion
            after = (portion[-1].at, portion[-1].request_id)

    async def _read(self, work: Callable[[Connection], Result]) -> Result:
        return await self._store.query(work, deadline=self._deadline)


def _for(wanted: UsageFilter, by: GroupBy) -> UsageFilter:
    """Hours know no status."""
    return replace(wanted, status_from=wanted.status_from or 0) if by is GroupBy.STATUS else wanted


def _figures(connection: Connection, wanted: UsageFilter, exact: Exactness) -> dict[Key, Figures]:
    return _from(best_source(connection, wanted, exact.seconds, exact.rows), connection, wanted, [])


def _from(source: Source, connection: Connection, wanted: UsageFilter, by: Columns) -> dict[Key, Figures]:
    if source is Source.HOURS:
        return figures_of_hours(connection, wanted, by)
    return figures_of_rows(connection, wanted, by, percentiles=source is Source.ROWS)


def _groups(connection: Connection, wanted: UsageFilter, by: GroupBy, limit: int, exact: Exactness) -> list[Group]:
    source = best_source(connection, wanted, exact.seconds, exact.rows)
    top = _top(connection, wanted, GROUPS[by], limit, source)
    found = _from(source, connection, wanted, [_folded(_table(source).c[GROUPS[by]], top)])
    return [Group(str(label), found[label,]) for label in top if (label,) in found]


def _series(
    connection: Connection,
    wanted: UsageFilter,
    step: Step,
    by: GroupBy | None,
    limit: int,
    shift: int,
    exact: Exactness,
) -> list[Point]:
    """Hourly sums have no minutes."""
    if by is not None:
        wanted = _for(wanted, by)
    source = best_source(connection, wanted, exact.seconds, exact.rows, only_rows=step is Step.MINUTE)
    table = _table(source)
    time = step_column(connection, table.c["hour" if source is Source.HOURS else "at"], step.seconds, shift)
    points = {int(key[0]): Point(int(key[0]), one) for key, one in _from(source, connection, wanted, [time]).items()}
    if by is None:
        return list(points.values())
    top = _top(connection, wanted, GROUPS[by], limit, source)
    groups: dict[int, dict[str, Figures]] = {at: {} for at in points}
    keys: Columns = [time, _folded(table.c[GROUPS[by]], top)]
    for (at, label), one in _from(source, connection, wanted, keys).items():
        groups[int(at)][OTHER if label is None else str(label)] = one
    return [replace(point, groups=groups[at]) for at, point in points.items()]


def _table(source: Source) -> Table:
    return usage_hours if source is Source.HOURS else usage


def _top(connection: Connection, wanted: UsageFilter, name: str, limit: int, source: Source) -> list[Any]:
    """The labels with the most requests."""
    hours = source is Source.HOURS
    column = _table(source).c[name]
    count: ColumnElement[Any] = func.sum(usage_hours.c.requests) if hours else func.count()
    conditions = hour_conditions(wanted) if hours else row_conditions(wanted)
    statement = select(column).where(*conditions).group_by(column).order_by(count.desc(), column).limit(limit)
    return list(connection.execute(statement).scalars())


def _folded(column: ColumnElement[Any], labels: Sequence[Any]) -> ColumnElement[Any]:
    """NULL for what is none of these."""
    return case((column.in_(labels), column))


def _requests(
    connection: Connection, wanted: UsageFilter, sort: SortBy, ascending: bool, limit: int, offset: int
) -> Page:
    conditions = row_conditions(wanted)
    column = usage.c[sort.value]
    order = (asc if ascending else desc)(column).nulls_last()
    statement = select(usage).where(*conditions).order_by(order, usage.c.at.desc(), usage.c.request_id)
    total = connection.execute(select(func.count()).select_from(usage).where(*conditions)).scalar_one()
    return Page([_row(row) for row in connection.execute(statement.limit(limit).offset(offset)).mappings()], total)


def _request(connection: Connection, request_id: str) -> UsageRow | None:
    found = connection.execute(select(usage).where(usage.c.request_id == request_id)).mappings().first()
    if found is None:
        return None
    row = _row(found)
    if kept := connection.execute(select(bodies).where(bodies.c.request_id == request_id)).mappings().first():
        row.request_body, row.response_body = kept["request"], kept["response"]
    return row


def _top_errors(connection: Connection, wanted: UsageFilter, limit: int) -> list[ErrorCount]:
    columns = (usage.c.error_code, usage.c.status)
    statement = (
        select(*columns, func.count(), func.max(usage.c.at))
        .where(*row_conditions(wanted), or_(usage.c.status >= 400, usage.c.error_code != ""))
        .group_by(*columns)
        .order_by(func.count().desc(), *columns)
        .limit(limit)
    )
    return [ErrorCount(*row) for row in connection.execute(statement)]


def _portion(connection: Connection, wanted: UsageFilter, after: tuple[float, str] | None) -> list[UsageRow]:
    """What comes behind `after` is found without going over what comes before it."""
    place = (usage.c.at, usage.c.request_id)
    wanted = wanted if after is None else replace(wanted, since=after[0])
    statement = select(usage).where(*row_conditions(wanted)).order_by(*place).limit(_PORTION)
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    return [_row(row) for row in connection.execute(statement).mappings()]


def _row(found: Mapping[Any, Any]) -> UsageRow:
    plain = {column.name: found[column.name] for column in _COLUMNS}
    price = Price(**from_json(found["price"])) if found["price"] else None
    attempts = tuple(Tried(**one) for one in from_json(found["attempts"] or "[]"))
    return UsageRow(**plain, attempts=attempts, price=price)
