"""Deletes what is old enough, a little at a time, so that no writer waits long. Called by `Store.prune`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, delete, func, select

from gateway.store.tables import audit, batches, bodies, jobs, usage, usage_hours

BATCH = 500
_ROW_BYTES = 1_000
"""What a usage row takes on disk, indexes included, about."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What goes: all from before these epoch seconds, and the oldest rows beyond these sizes. None: nothing.

    `max_bytes` is of usage rows and bodies together: the bodies' own size and 1,000 bytes a row.
    """

    usage_before: float | None = None
    bodies_before: float | None = None
    hours_before: float | None = None
    audit_before: float | None = None
    jobs_before: float | None = None
    """Jobs and batches whose time was over before."""
    max_rows: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of `table` whose `time` lies before a moment."""

    table: Table
    time: "Column[Any]"
    before: float


def steps(connection: Connection, wanted: Retention) -> list[Step]:
    """What has to go now."""
    usage_before = _latest(
        wanted.usage_before, _row_limit(connection, wanted.max_rows), _size_limit(connection, wanted)
    )
    moments = [
        (usage, usage.c.at, usage_before),
        (bodies, bodies.c.at, _latest(wanted.bodies_before, usage_before)),
        (usage_hours, usage_hours.c.hour, wanted.hours_before),
        (audit, audit.c.at, wanted.audit_before),
        (jobs, jobs.c.expires_at, wanted.jobs_before),
        (batches, batches.c.expires_at, wanted.jobs_before),
    ]
    return [Step(table, time, before) for table, time, before in moments if before is not None]


def remove(connection: Connection, step: Step) -> int:
    """One batch; fewer than `BATCH` rows were removed when it was the last."""
    keys = list(step.table.primary_key.columns)
    oldest = select(*keys).where(step.time < step.before).order_by(step.time).limit(BATCH)
    rows = connection.execute(oldest).all()
    if rows:
        statement = delete(step.table).where(*(key == bindparam(key.name) for key in keys))
        connection.execute(statement, [dict(row._mapping) for row in rows])
    return len(rows)


def shrink(connection: Connection) -> None:
    """Gives a little room of an SQLite file back; PostgreSQL does it by itself."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection  # one page a step, and SQLAlchemy takes one step only
        driver.execute(f"PRAGMA incremental_vacuum({BATCH})").fetchall()


def _row_limit(connection: Connection, most: int | None) -> float | None:
    """The time of the newest row that is one too many, and a moment more."""
    if most is None:
        return None
    beyond = select(usage.c.at).order_by(usage.c.at.desc()).offset(most).limit(1)
    found = connection.execute(beyond).scalar_one_or_none()
    return None if found is None else _just_after(found)


def _size_limit(connection: Connection, wanted: Retention) -> float | None:
    if wanted.max_bytes is None:
        return None
    rows = connection.execute(select(func.count()).select_from(usage)).scalar_one()
    stored = connection.execute(select(func.coalesce(func.sum(bodies.c.size), 0))).scalar_one()
    size = rows * _ROW_BYTES + int(stored)
    if size <= wanted.max_bytes:
        return None
    return _row_limit(connection, int(rows * wanted.max_bytes / size))


def _latest(*moments: float | None) -> float | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _just_after(moment: float) -> float:
    return moment + 1e-6
