"""Reads and writes records, audit rows and revisions inside a transaction that is given. Called by `Store`."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, tuple_, update

from gateway.errors import Conflict, NotFound, Outdated
from gateway.store.documents import clean, from_json, storable, to_json
from gateway.store.records import Audit, AuditFilter, Changes, Delete, Put, Record, Resource
from gateway.store.tables import audit, meta, records, tombstones

_KEPT_TOMBSTONES: Final = 10_000
_KNOWN: Final = tuple(Resource)
"""A newer gateway may have written others: they stay, unseen."""


def revision(connection: Connection) -> int:
    return _number(connection, "revision")


def write(connection: Connection, operations: Sequence[Put | Delete], told: Audit) -> tuple[int, tuple[Record, ...]]:
    """One revision for all. Without operations only the audit row is added, and the revision stays.

    The revision is raised first: it is the lock that lets one writer in at a time.
    """
    now = time.time()
    if operations:
        connection.execute(update(meta).where(meta.c.name == "revision").values(number=meta.c.number + 1))
    current = revision(connection)
    written = []
    for operation in operations:
        if isinstance(operation, Delete):
            _delete(connection, operation, current)
        else:
            written.append(_put(connection, operation, current, now))
    add_audit(connection, replace(told, revision=current if operations else 0))
    return current, tuple(written)


def read(connection: Connection, resource: Resource) -> list[Record]:
    """In the order they were created."""
    rows = select(records).where(records.c.resource == resource).order_by(records.c.created_at, records.c.id)
    return [_record(row) for row in connection.execute(rows)]


def get(connection: Connection, resource: Resource, id: str) -> Record | None:
    row = connection.execute(select(records).where(_is(resource, id))).one_or_none()
    return _record(row) if row else None


def changes_since(connection: Connection, after: int) -> Changes:
    current = revision(connection)
    whole = not _number(connection, "kept_from") <= after <= current or after == 0
    wanted = select(records).where(records.c.resource.in_(_KNOWN)).order_by(records.c.revision, records.c.id)
    gone = select(tombstones).where(tombstones.c.revision > after, tombstones.c.resource.in_(_KNOWN))
    found = connection.execute(wanted if whole else wanted.where(records.c.revision > after))
    deleted = () if whole else tuple((Resource(row.resource), row.id) for row in connection.execute(gone))
    return Changes(current, tuple(_record(row) for row in found), deleted, whole)


def forget_tombstones(connection: Connection, kept: int = _KEPT_TOMBSTONES) -> int:
    """Whoever asks for changes from before what is kept gets the whole set."""
    oldest = revision(connection) - kept
    if oldest <= _number(connection, "kept_from"):
        return 0
    connection.execute(update(meta).where(meta.c.name == "kept_from").values(number=oldest))
    return connection.execute(delete(tombstones).where(tombstones.c.revision <= oldest)).rowcount


def start_over(connection: Connection, at_least: int) -> int:
    """A new revision above both the current one and `at_least`, whose followers read everything again."""
    current = max(revision(connection), at_least) + 1
    connection.execute(update(meta).where(meta.c.name.in_(("revision", "kept_from"))).values(number=current))
    connection.execute(delete(tombstones))
    return current


def add_audit(connection: Connection, told: Audit) -> None:
    connection.execute(
        insert(audit).values(
            at=told.at or time.time(),
            actor=clean(told.actor),
            action=clean(told.action),
            resource=clean(told.resource),
            resource_id=clean(told.resource_id),
            changes=to_json(told.changes),
            address=clean(told.address),
            revision=told.revision,
        )
    )


def audits(connection: Connection, wanted: AuditFilter, limit: int, offset: int) -> tuple[list[Audit], int]:
    """Newest first, and how many there are."""
    equal = {name: getattr(wanted, name) for name in ("actor", "action", "resource", "resource_id", "address")}
    terms = [audit.c[name] == value for name, value in equal.items() if value is not None]
    terms += [audit.c.at >= wanted.since] if wanted.since is not None else []
    terms += [audit.c.at < wanted.until] if wanted.until is not None else []
    if wanted.search:
        names = (audit.c.actor, audit.c.action, audit.c.resource, audit.c.resource_id)
        found = [name.icontains(clean(wanted.search), autoescape=True) for name in names]
        found += [tuple_(audit.c.resource, audit.c.resource_id).in_(wanted.also)] if wanted.also else []
        terms.append(or_(*found))
    total = connection.execute(select(func.count()).select_from(audit).where(*terms)).scalar_one()
    page = select(audit).where(*terms).order_by(audit.c.at.desc(), audit.c.number.desc()).limit(limit).offset(offset)
    return [_told(row) for row in connection.execute(page)], total


def _put(connection: Connection, put: Put, current: int, now: float) -> Record:
    storable(put.id, "id")
    before = get(connection, put.resource, put.id)
    _check(put, before)
    if put.handle is not None:
        storable(put.handle, "handle")
        owner = select(records.c.id).where(records.c.resource == put.resource, records.c.handle == put.handle)
        if (taken := connection.execute(owner).scalar_one_or_none()) not in (None, put.id):
            raise Conflict(f"'{taken}' of {put.resource} has the same name or key.", param="handle")
    record = Record(
        resource=put.resource,
        id=put.id,
        document=from_json(to_json(put.document)),
        secrets=dict(put.secrets),
        handle=put.handle,
        version=before.version + 1 if before else 1,
        revision=current,
        created_at=before.created_at if before else now,
        updated_at=now,
    )
    values = _values(record)
    if before:
        connection.execute(update(records).where(_is(put.resource, put.id)).values(values))
    else:
        connection.execute(insert(records).values(values))
        gone = and_(tombstones.c.resource == put.resource, tombstones.c.id == put.id)
        connection.execute(delete(tombstones).where(gone))
    return record


def _delete(connection: Connection, operation: Delete, current: int) -> None:
    before = get(connection, operation.resource, operation.id)
    if before is None:
        raise NotFound(f"'{operation.id}' of {operation.resource} does not exist.")
    _check(operation, before)
    connection.execute(delete(records).where(_is(operation.resource, operation.id)))
    row = {"resource": operation.resource, "id": operation.id, "revision": current}
    connection.execute(insert(tombstones).values(row))


def _check(operation: Put | Delete, before: Record | None) -> None:
    expected = operation.expected
    name = f"'{operation.id}' of {operation.resource}"
    if expected == 0 and before:
        raise Conflict(f"{name} exists already.", param="id")
    if expected and before is None:
        raise NotFound(f"{name} does not exist.")
    if expected and before and before.version != expected:
        raise Outdated(f"{name} was changed meanwhile: it has version {before.version}, not {expected}. Read it again.")


def _is(resource: Resource, id: str) -> Any:
    return and_(records.c.resource == resource, records.c.id == id)


def _number(connection: Connection, name: str) -> int:
    return int(connection.execute(select(meta.c.number).where(meta.c.name == name)).scalar_one())


def _values(record: Record) -> dict[str, Any]:
    return {
        "resource": str(record.resource),
        "id": record.id,
        "handle": record.handle,
        "document": to_json(record.document),
        "secrets": to_json(record.secrets),
        "version": record.version,
        "revision": record.revision,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _record(row: Row[Any]) -> Record:
    return Record(
        resource=Resource(row.resource),
        id=row.id,
        document=from_json(row.document),
        secrets=from_json(row.secrets),
        handle=row.handle,
        version=row.version,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _told(row: Row[Any]) -> Audit:
    return Audit(
        actor=row.actor,
        action=row.action,
        resource=row.resource,
        resource_id=row.resource_id,
        changes=from_json(row.changes),
        address=row.address,
        at=row.at,
        revision=row.revision,
    )
