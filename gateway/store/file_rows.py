"""Reads and writes files, line by line, inside a transaction that is given. Called by `FileStore` and `BatchStore`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, or_, select, text, tuple_, update

from gateway.store.documents import clean
from gateway.store.tables import file_lines, files
from gateway.store.usage_rows import insert_of

Line = tuple[int, bytes]
"""Its number, from 1, and its bytes with the line end."""

_PORTION = 500
"""Lines deleted at a time, so that no writer waits long."""
_MOST_READ = 8 * 2**20
"""Bytes read at a time, where one line alone has no more."""
_LOCK = 7_239_018_444
"""Number of the advisory lock; any number that nobody else uses."""


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


def count_alone(connection: Connection) -> None:
    """Until the end of the transaction nobody else counts what an owner has and adds to it. On SQLite, writing takes
    the whole file anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def add(connection: Connection, row: FileRow) -> None:
    connection.execute(insert(files).values(asdict(row)))


def add_within(connection: Connection, row: FileRow, most: int, most_bytes: int) -> bool:
    """Whether there was room for it, beside all of the owner's files of its purpose, those included that are being
    written."""
    count_alone(connection)
    sums = select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(
        files.c.owner == row.owner, files.c.purpose == row.purpose, files.c.expires_at > row.created_at
    )
    number, size = connection.execute(sums).one()
    if number >= most or size + row.size > most_bytes:
        return False
    add(connection, row)
    return True


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


def hold(connection: Connection, id: str, now: float) -> bool:
    """Nobody removes it until the end of the transaction. False where nobody sees it."""
    wanted = select(files.c.id).where(files.c.id == id, *_seen(now)).with_for_update()
    return connection.execute(wanted).first() is not None


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
    """The next ones behind a number; fewer where they are long."""
    number, body = file_lines.c.number, file_lines.c.body
    sizes = select(number, func.length(body)).where(file_lines.c.file_id == id, number > behind)
    last, room = behind, _MOST_READ
    for next_one, size in connection.execute(sizes.order_by(number).limit(limit)).all():
        room -= size
        if room < 0 and last != behind:
            break
        last = next_one
    wanted = select(number, body).where(file_lines.c.file_id == id, number > behind, number <= last).order_by(number)
    return [(found, bytes(content)) for found, content in connection.execute(wanted)]


def numbers(connection: Connection, ids: Sequence[str], of: Collection[int]) -> set[int]:
    """Which of these numbers any of the files has."""
    wanted = select(file_lines.c.number).where(file_lines.c.file_id.in_(ids), file_lines.c.number.in_(of))
    return set(connection.execute(wanted).scalars())


def forget(connection: Connection, id: str) -> None:
    """From now on nobody sees it; `sweep` removes it."""
    connection.execute(update(files).where(files.c.id == id).values(ready=False, expires_at=0.0))


def sweep(connection: Connection, now: float, in_use: Select[tuple[str]]) -> bool:
    """Removes a portion of a file whose time is over, and the file with its last one; whether there was one. `in_use`
    are the ids of those that stay all the same."""
    over = select(files.c.id).where(files.c.expires_at < now, files.c.id.not_in(in_use))
    id = connection.execute(over.order_by(files.c.expires_at).limit(1)).scalar_one_or_none()
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
