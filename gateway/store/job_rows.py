"""Reads and writes jobs inside a transaction that is given. Called by `JobStore`.

A job that runs belongs to a worker that renews its lease. Where the lease ran out and stays as it is, the worker is
gone, and the job has failed: `interrupt` says so. Whom to tell of it is kept beside it, until that is done.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, tuple_, update

from gateway.store.documents import from_json, to_json
from gateway.store.tables import hooks, jobs


class JobStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


INTERRUPTED: Mapping[str, Any] = {
    "message": "The gateway was stopped before the answer was there. Ask again.",
    "type": "api_error",
    "param": None,
    "code": "job_interrupted",
}


@dataclass(frozen=True, slots=True)
class JobRow:
    """A request that was handed over. Times are epoch seconds.

    `error` is the OpenAI error object of one that failed; `http_status`, `headers` and `size` are of its answer, and
    are None, empty and 0 where there is none.
    """

    id: str
    owner: str
    request_id: str
    operation: str
    model: str
    worker: str
    created_at: float
    lease_until: float
    status: JobStatus = JobStatus.RUNNING
    finished_at: float | None = None
    expires_at: float | None = None
    cancelled: bool = False
    http_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0

    @property
    def is_open(self) -> bool:
        return self.status is JobStatus.RUNNING


@dataclass(frozen=True, slots=True)
class Left:
    """A hook of another worker; of one that gave it back the worker is empty."""

    job_id: str
    worker: str
    lease_until: float


_COLUMNS = [column for column in jobs.c if column.name != "body"]
_MOST_HOOKS = 1_000
"""Hooks that are looked at together."""
_RUNS = jobs.c.status == JobStatus.RUNNING


def add(connection: Connection, row: JobRow, most: int, receiver: str) -> bool:
    """Whether there was room for it: an owner has at most `most` that run. `receiver` is sealed; empty: nobody."""
    if count_open(connection, row.owner, row.created_at) >= most:
        return False
    values = asdict(row) | {"headers": to_json(row.headers), "error": to_json(row.error)}
    connection.execute(insert(jobs).values(values))
    if receiver:
        hook = {"job_id": row.id, "receiver": receiver, "worker": row.worker, "lease_until": row.lease_until}
        connection.execute(insert(hooks).values(hook))
    return True


def count_open(connection: Connection, owner: str, now: float) -> int:
    alive = and_(jobs.c.owner == owner, _RUNS, jobs.c.lease_until >= now)
    return int(connection.execute(select(func.count()).select_from(jobs).where(alive)).scalar_one())


def find(connection: Connection, id: str, now: float) -> JobRow | None:
    found = connection.execute(select(*_COLUMNS).where(jobs.c.id == id, _kept(now))).mappings().first()
    return _row(found) if found else None


def listed(connection: Connection, owner: str | None, limit: int, after: JobRow | None, now: float) -> list[JobRow]:
    """Newest first, behind `after`; of everybody where no owner is named."""
    wanted = select(*_COLUMNS).where(_kept(now)).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
    if owner is not None:
        wanted = wanted.where(jobs.c.owner == owner)
    if after is not None:
        wanted = wanted.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(after.created_at, after.id))
    return [_row(found) for found in connection.execute(wanted).mappings()]


def read_body(connection: Connection, id: str) -> bytes:
    return connection.execute(select(jobs.c.body).where(jobs.c.id == id)).scalar_one_or_none() or b""


def finish(connection: Connection, row: JobRow, body: bytes | None) -> None:
    """The end of a job, whatever was thought of it before: who worked on it knows best."""
    names = ("status", "finished_at", "expires_at", "http_status", "size")
    values = {name: getattr(row, name) for name in names} | {"body": body}
    values |= {"headers": to_json(row.headers), "error": to_json(row.error)}
    connection.execute(update(jobs).where(jobs.c.id == row.id).values(values))


def renew(connection: Connection, worker: str, until: float) -> None:
    connection.execute(update(jobs).where(jobs.c.worker == worker, _RUNS).values(lease_until=until))
    connection.execute(update(hooks).where(hooks.c.worker == worker).values(lease_until=until))


def wish_cancelled(connection: Connection, id: str) -> None:
    connection.execute(update(jobs).where(jobs.c.id == id, _RUNS).values(cancelled=True))


def wished(connection: Connection, worker: str) -> list[str]:
    """The jobs of a worker that somebody wants cancelled."""
    wanted = select(jobs.c.id).where(jobs.c.worker == worker, _RUNS, jobs.c.cancelled)
    return list(connection.execute(wanted).scalars())


def interrupt(connection: Connection, gone: ColumnElement[bool], now: float, expires_at: float) -> int:
    """Marks the jobs whose worker is gone; how many there were."""
    values = {"status": JobStatus.FAILED, "finished_at": now, "expires_at": expires_at, "error": to_json(INTERRUPTED)}
    return connection.execute(update(jobs).where(_RUNS, gone).values(values)).rowcount


def hooks_of_others(connection: Connection, worker: str) -> list[Left]:
    wanted = select(hooks.c.job_id, hooks.c.worker, hooks.c.lease_until).where(hooks.c.worker != worker)
    wanted = wanted.order_by(hooks.c.lease_until, hooks.c.job_id).limit(_MOST_HOOKS)
    return [Left(*found) for found in connection.execute(wanted)]


def take_hook(connection: Connection, left: Left, worker: str, until: float) -> str | None:
    """The receiver, sealed; None where its worker lives, or another was faster."""
    as_seen = and_(
        hooks.c.job_id == left.job_id, hooks.c.worker == left.worker, hooks.c.lease_until == left.lease_until
    )
    if not connection.execute(update(hooks).where(as_seen).values(worker=worker, lease_until=until)).rowcount:
        return None
    receiver: str = connection.execute(select(hooks.c.receiver).where(hooks.c.job_id == left.job_id)).scalar_one()
    return receiver


def give_hooks_back(connection: Connection, whose: ColumnElement[bool]) -> None:
    connection.execute(update(hooks).where(whose).values(worker=""))


def remove_hook(connection: Connection, job_id: str) -> None:
    connection.execute(delete(hooks).where(hooks.c.job_id == job_id))


def remove(connection: Connection, id: str) -> None:
    connection.execute(delete(jobs).where(jobs.c.id == id))
    remove_hook(connection, id)


def trim(connection: Connection, owner: str, most: int) -> int:
    """Removes an owner's oldest answers, never the newest, until all have at most `most` bytes; how many went."""
    kept = select(jobs.c.id, jobs.c.size).where(jobs.c.owner == owner, jobs.c.size > 0)
    total, gone = 0, []
    for id, size in connection.execute(kept.order_by(jobs.c.finished_at.desc(), jobs.c.id)):
        total += size
        if total > most and total > size:
            gone.append(id)
    if gone:
        connection.execute(delete(jobs).where(jobs.c.id.in_(gone)))
    return len(gone)


def _kept(now: float) -> ColumnElement[bool]:
    return or_(jobs.c.expires_at.is_(None), jobs.c.expires_at > now)


def _row(found: Mapping[Any, Any]) -> JobRow:
    values = {column.name: found[column.name] for column in _COLUMNS}
    values |= {"status": JobStatus(values["status"])}
    values |= {"headers": from_json(values["headers"] or "{}"), "error": from_json(values["error"] or "{}")}
    return JobRow(**values)
