"""Reads and writes batches inside a transaction that is given. Called by `BatchStore`.

A batch that is not finished belongs to the worker that renews its lease; where the lease ran out, the next one that
asks takes over. Whoever lost a batch finds that out with the next thing it writes.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, or_, select, tuple_, update

from gateway.errors import NotFound
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

INPUTS = select(batches.c.input_id).where(_OPEN)
"""The ids of files that batches still read."""


def add(connection: Connection, row: BatchRow, most: int) -> bool:
    """Whether there was room for it: an owner has at most `most` that are not finished. Raises NotFound where its file
    has just gone."""
    file_rows.count_alone(connection)
    count = select(func.count()).select_from(batches).where(batches.c.owner == row.owner, _OPEN)
    if connection.execute(count).scalar_one() >= most:
        return False
    if not file_rows.hold(connection, row.input_id, row.created_at):
        raise NotFound("There is no such file any more.", param="input_file_id")
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


def orphan(connection: Connection, busy: Collection[str]) -> tuple[str, bool] | None:
    """The one on which nobody works that waits for the longest, and whether its owner is one of the `busy`: they come
    last."""
    is_busy = case((batches.c.owner.in_(busy), 1), else_=0)
    created, lease = batches.c.created_at, batches.c.lease_until
    waits_since = case((lease > created, lease), else_=created)
    free = and_(_OPEN, lease < _clock(connection))
    wanted = select(batches.c.id, is_busy).where(free).order_by(is_busy, waits_since, created).limit(1)
    found = connection.execute(wanted).first()
    return None if found is None else (found[0], bool(found[1]))


def claim(connection: Connection, id: str, worker: str, lease: float, now: float) -> BatchRow | None:
    """None where another was quicker."""
    clock = _clock(connection)
    free = and_(batches.c.id == id, _OPEN, batches.c.lease_until < clock)
    taken = connection.execute(update(batches).where(free).values(worker=worker, lease_until=clock + lease))
    return find(connection, id, now) if taken.rowcount else None


def renew(connection: Connection, worker: str, ids: Collection[str], lease: float) -> None:
    mine = update(batches).where(batches.c.worker == worker, batches.c.id.in_(ids), _OPEN)
    connection.execute(mine.values(lease_until=_clock(connection) + lease))


def release(connection: Connection, id: str, worker: str, last: bool) -> None:
    """For the next worker, at once; where it is not to be the `last`, it waits since it was made."""
    since = _clock(connection) if last else 0.0
    connection.execute(update(batches).where(*_of(id, worker)).values(worker="", lease_until=since))


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
    """Answers, and their count; whether the batch still is the worker's: else nothing is kept. What was kept before,
    as nobody heard that it was, neither changes nor counts again."""
    mine = _of(row.id, worker)
    if connection.execute(select(batches.c.id).where(*mine).with_for_update()).first() is None:
        return False
    of = [number for number, _ in (*right, *wrong)]
    kept = file_rows.numbers(connection, [row.output_id, row.error_id], of)
    right, wrong = ([line for line in lines if line[0] not in kept] for lines in (right, wrong))
    counts = {"completed": batches.c.completed + len(right), "failed": batches.c.failed + len(wrong)}
    connection.execute(update(batches).where(*mine).values(counts))
    file_rows.append(connection, row.output_id, right)
    file_rows.append(connection, row.error_id, wrong)
    return True


def _clock(connection: Connection) -> float:
    """Epoch seconds on the one clock by which all go who lease: those of several machines may differ."""
    if connection.dialect.name != "postgresql":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())


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
