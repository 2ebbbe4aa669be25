"""Reads and writes batches inside a transaction that is given. Called by `BatchStore`.

A batch that is not finished belongs to the worker that renews its lease; where the lease ran out, the next one that
asks takes over. Whoever lost a batch finds that out with the next thing it writes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, tuple_, update

from gateway.store import file_rows
from gateway.store.documents import clean, from_json, to_json
from gateway.store.file_rows import Line
from gateway.store.tables import batches


class BatchStatus(StrEnum):
    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


OPEN = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.CANCELLING)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Times are epoch seconds. `due_at` is the end of the window, `expires_at` when the row goes.

    `errors` is what is wrong with the file of one that failed: `code`, `message`, `param` and `line` of each.
    `models` are the first that its requests name, known once they are checked.
    """

    id: str
    owner: str
    endpoint: str
    completion_window: str
    input_id: str
    created_at: float
    due_at: float
    status: BatchStatus = BatchStatus.VALIDATING
    output_id: str = ""
    error_id: str = ""
    begun_at: float | None = None
    cancelling_at: float | None = None
    finalizing_at: float | None = None
    ended_at: float | None = None
    expires_at: float | None = None
    worker: str = ""
    lease_until: float = 0.0
    total: int = 0
    completed: int = 0
    failed: int = 0
    metadata: Mapping[str, str] | None = None
    errors: Sequence[Mapping[str, Any]] = field(default_factory=list)
    output_seconds: float | None = None
    models: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches are wanted; what is left out: any."""

    owners: Collection[str] | None = None
    statuses: Collection[BatchStatus] = ()
    search: str = ""
    """Text that id, endpoint or models contain, in any case."""
    also: Collection[str] = ()
    """Owners whose batches `search` finds too."""


_OPEN = batches.c.status.in_(OPEN)
_DOCUMENTS = ("metadata", "errors", "models")


def add(connection: Connection, row: BatchRow, most: int) -> bool:
    """Whether there was room for it: an owner has at most `most` that are not finished."""
    count = select(func.count()).select_from(batches).where(batches.c.owner == row.owner, _OPEN)
    if connection.execute(count).scalar_one() >= most:
        return False
    connection.execute(insert(batches).values(_stored(asdict(row))))
    return True


def find(connection: Connection, id: str, now: float) -> BatchRow | None:
    found = connection.execute(select(batches).where(batches.c.id == id, _kept(now))).mappings().first()
    return _row(found) if found else None


def listed(
    connection: Connection,
    wanted: BatchFilter,
    limit: int,
    now: float,
    *,
    after: BatchRow | None = None,
    offset: int = 0,
) -> list[BatchRow]:
    """Newest first, behind `after`, without the first `offset`."""
    order = (batches.c.created_at.desc(), batches.c.id.desc())
    page = select(batches).where(*_terms(wanted, now)).order_by(*order).limit(limit).offset(offset)
    if after is not None:
        page = page.where(tuple_(batches.c.created_at, batches.c.id) < tuple_(after.created_at, after.id))
    return [_row(found) for found in connection.execute(page).mappings()]


def count(connection: Connection, wanted: BatchFilter, now: float) -> int:
    found = select(func.count()).select_from(batches).where(*_terms(wanted, now))
    return int(connection.execute(found).scalar_one())


def open_counts(connection: Connection) -> dict[str, int]:
    """How many are in each state before the end; states without any are missing."""
    found = select(batches.c.status, func.count()).where(_OPEN).group_by(batches.c.status)
    return {row.status: int(row[1]) for row in connection.execute(found)}


def reads(connection: Connection, file_id: str) -> str | None:
    """The id of a batch that is not finished and reads this file."""
    wanted = select(batches.c.id).where(batches.c.input_id == file_id, _OPEN).limit(1)
    return connection.execute(wanted).scalar_one_or_none()


def orphan(connection: Connection, now: float) -> str | None:
    """The oldest on which nobody works."""
    wanted = select(batches.c.id).where(_OPEN, batches.c.lease_until < now).order_by(batches.c.created_at).limit(1)
    return connection.execute(wanted).scalar_one_or_none()


def claim(connection: Connection, id: str, worker: str, now: float, until: float) -> BatchRow | None:
    """None where another was quicker."""
    free = and_(batches.c.id == id, _OPEN, batches.c.lease_until < now)
    taken = connection.execute(update(batches).where(free).values(worker=worker, lease_until=until))
    return find(connection, id, now) if taken.rowcount else None


def renew(connection: Connection, worker: str, until: float) -> None:
    connection.execute(update(batches).where(batches.c.worker == worker, _OPEN).values(lease_until=until))


def release(connection: Connection, id: str, worker: str) -> None:
    """For the next worker, at once."""
    connection.execute(update(batches).where(*_of(id, worker)).values(worker="", lease_until=0.0))


def cancel(connection: Connection, id: str, now: float) -> bool:
    """Whoever works on it, or the next who does, ends it. False where there is nothing to cancel any more."""
    may_be = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
    wanted = update(batches).where(batches.c.id == id, batches.c.status.in_(may_be))
    return bool(connection.execute(wanted.values(status=BatchStatus.CANCELLING, cancelling_at=now)).rowcount)


def cancelling(connection: Connection, worker: str) -> list[str]:
    """The batches of a worker that somebody wants cancelled."""
    wanted = select(batches.c.id).where(batches.c.worker == worker, batches.c.status == BatchStatus.CANCELLING)
    return list(connection.execute(wanted).scalars())


def change(connection: Connection, id: str, worker: str, before: BatchStatus, values: Mapping[str, Any]) -> bool:
    """Whether it still is the worker's, and in the state that it had before: else nothing is changed."""
    mine = update(batches).where(*_of(id, worker), batches.c.status == before)
    return bool(connection.execute(mine.values(_stored(values))).rowcount)


def keep(connection: Connection, row: BatchRow, worker: str, right: Sequence[Line], wrong: Sequence[Line]) -> bool:
    """Answers, and their count; whether the batch still is the worker's: else nothing is kept."""
    counts = {"completed": batches.c.completed + len(right), "failed": batches.c.failed + len(wrong)}
    if not connection.execute(update(batches).where(*_of(row.id, worker)).values(counts)).rowcount:
        return False
    file_rows.append(connection, row.output_id, right)
    file_rows.append(connection, row.error_id, wrong)
    return True


def _of(id: str, worker: str) -> tuple[ColumnElement[bool], ...]:
    return batches.c.id == id, batches.c.worker == worker, _OPEN


def _terms(wanted: BatchFilter, now: float) -> list[ColumnElement[bool]]:
    terms = [_kept(now)]
    terms += [batches.c.owner.in_(wanted.owners)] if wanted.owners is not None else []
    terms += [batches.c.status.in_(wanted.statuses)] if wanted.statuses else []
    if wanted.search:
        names = (batches.c.id, batches.c.endpoint, batches.c.models)
        found = [name.icontains(clean(wanted.search), autoescape=True) for name in names]
        terms.append(or_(*found, batches.c.owner.in_(wanted.also)))
    return terms


def _kept(now: float) -> ColumnElement[bool]:
    return or_(batches.c.expires_at.is_(None), batches.c.expires_at > now)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_json(value) if name in _DOCUMENTS else value for name, value in values.items()}


def _row(found: Mapping[Any, Any]) -> BatchRow:
    values = {column.name: found[column.name] for column in batches.c}
    values |= {name: from_json(values[name] or "null") for name in _DOCUMENTS}
    lists = {name: values[name] or [] for name in ("errors", "models")}
    return BatchRow(**values | lists | {"status": BatchStatus(values["status"])})
