"""Reads and writes files, line by line, inside a transaction that is given. Called by `FileStore` and `BatchStore`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, tuple_, update

from gateway.store.documents import clean
from gateway.store.tables import file_lines, files
from gateway.store.usage_rows import insert_of

Line = tuple[int, bytes]
"""Its number, from 1, and its bytes with the line end."""

_PORTION = 500
"""Lines deleted at a time, so that no writer waits long."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """Times are epoch seconds, `size` is in bytes. Nobody sees one that is not `ready` or past `expires_at`."""

    id: str
    owner: str
    name: str
    purpose: str
    created_at: float
    expires_at: float
    ready: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files are wanted; what is left out: any."""

    owners: Collection[str] | None = None
    purpose: str = ""
    search: str = ""
    """Text that id or name contain, in any case."""
    also: Collection[str] = ()
    """Owners whose files `search` finds too."""


def add(connection: Connection, row: FileRow) -> None:
    connection.execute(insert(files).values(asdict(row)))


def append(connection: Connection, file_id: str, lines: Iterable[Line]) -> None:
    """Lines that are there already stay as they are."""
    values = [{"file_id": file_id, "number": number, "body": body} for number, body in lines]
    if values:
        connection.execute(insert_of(connection, file_lines).on_conflict_do_nothing(), values)


def finish(connection: Connection, id: str, expires_at: float) -> int:
    """Shows the file, which is whole now; its size."""
    sizes = select(func.coalesce(func.sum(func.length(file_lines.c.body)), 0)).where(file_lines.c.file_id == id)
    size = int(connection.execute(sizes).scalar_one())
    connection.execute(update(files).where(files.c.id == id).values(ready=True, size=size, expires_at=expires_at))
    return size


def find(connection: Connection, id: str, now: float) -> FileRow | None:
    found = connection.execute(select(files).where(files.c.id == id, *_seen(now))).mappings().first()
    return _row(found) if found else None


def listed(
    connection: Connection,
    wanted: FileFilter,
    limit: int,
    now: float,
    *,
    newest: bool = True,
    after: FileRow | None = None,
    offset: int = 0,
) -> list[FileRow]:
    """In the order they were made, behind `after`, without the first `offset`."""
    place = tuple_(files.c.created_at, files.c.id)
    order = [files.c.created_at.desc(), files.c.id.desc()] if newest else [files.c.created_at, files.c.id]
    page = select(files).where(*_terms(wanted, now)).order_by(*order).limit(limit).offset(offset)
    if after is not None:
        behind = tuple_(after.created_at, after.id)
        page = page.where(place < behind if newest else place > behind)
    return [_row(found) for found in connection.execute(page).mappings()]


def totals(connection: Connection, wanted: FileFilter, now: float) -> tuple[int, int]:
    """How many there are, and their bytes."""
    sums = select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(*_terms(wanted, now))
    number, size = connection.execute(sums).one()
    return int(number), int(size)


def sizes(connection: Connection, ids: Collection[str], now: float) -> dict[str, int]:
    """Bytes of those that are still there, by id."""
    found = select(files.c.id, files.c.size).where(files.c.id.in_(ids), *_seen(now))
    return {row.id: row.size for row in connection.execute(found)}


def read_lines(connection: Connection, id: str, behind: int, limit: int) -> list[Line]:
    """The next ones behind a number."""
    wanted = select(file_lines.c.number, file_lines.c.body).where(file_lines.c.file_id == id)
    rows = connection.execute(wanted.where(file_lines.c.number > behind).order_by(file_lines.c.number).limit(limit))
    return [(number, bytes(body)) for number, body in rows]


def numbers(connection: Connection, ids: Sequence[str], first: int, last: int) -> set[int]:
    """Which of these numbers any of the files has."""
    wanted = select(file_lines.c.number).where(file_lines.c.file_id.in_(ids))
    return set(connection.execute(wanted.where(file_lines.c.number.between(first, last))).scalars())


def forget(connection: Connection, id: str) -> None:
    """From now on nobody sees it; `sweep` removes it."""
    connection.execute(update(files).where(files.c.id == id).values(ready=False, expires_at=0.0))


def sweep(connection: Connection, now: float) -> bool:
    """Removes a portion of a file whose time is over, and the file with its last one; whether there was one."""
    over = select(files.c.id).where(files.c.expires_at < now).order_by(files.c.expires_at).limit(1)
    id = connection.execute(over).scalar_one_or_none()
    if id is None:
        return False
    some = select(file_lines.c.number).where(file_lines.c.file_id == id).limit(_PORTION)
    gone = list(connection.execute(some).scalars())
    connection.execute(delete(file_lines).where(file_lines.c.file_id == id, file_lines.c.number.in_(gone)))
    if len(gone) < _PORTION:
        connection.execute(delete(files).where(files.c.id == id))
    return True


def _terms(wanted: FileFilter, now: float) -> list[ColumnElement[bool]]:
    terms = [*_seen(now)]
    terms += [files.c.owner.in_(wanted.owners)] if wanted.owners is not None else []
    terms += [files.c.purpose == wanted.purpose] if wanted.purpose else []
    if wanted.search:
        found = [name.icontains(clean(wanted.search), autoescape=True) for name in (files.c.id, files.c.name)]
        terms.append(or_(*found, files.c.owner.in_(wanted.also)))
    return terms


def _seen(now: float) -> tuple[Any, ...]:
    return files.c.ready.is_(True), files.c.expires_at > now


def _row(found: Mapping[Any, Any]) -> FileRow:
    return FileRow(**{column.name: found[column.name] for column in files.c})
