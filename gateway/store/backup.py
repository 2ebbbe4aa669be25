"""`backup` writes what a store holds into one file, `restore` puts it back. Called by the CLI and the admin API.

Secrets stay sealed: the file is of use only with the SECRET_KEY they were sealed with.
"""

import asyncio
import os
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import Column, Connection, Table, delete, insert, select

from gateway.errors import ConfigError
from gateway.store import editing
from gateway.store.backup_file import COUNTED, EDITED, BackupReader, BackupWriter, Summary, Values, columns
from gateway.store.records import Audit
from gateway.store.store import Store
from gateway.store.tables import audit, last_used, prices, records, sessions, spend, usage_hours
from gateway.store.usage_rows import insert_of, note_uses

_DEADLINE: Final = 3600.0
_BATCH: Final = 500


async def backup(store: Store, target: Path | BinaryIO, *, usage: bool = True) -> Counter[str]:
    """The state of one moment, while writes go on; how many rows of each table. `usage`: also usage rows and bodies.

    A path is written beside its place and moved there when it is whole, readable by its owner alone.
    """
    if not isinstance(target, Path):
        return await store.query(partial(_dump, target=target, usage=usage), deadline=_DEADLINE)
    return await store.query(partial(_dump_file, path=target, usage=usage), deadline=_DEADLINE)


async def restore(store: Store, source: BinaryIO, told: Audit) -> tuple[int, Summary]:
    """The new revision and what was read. Checks the whole file first: InvalidRequest, and nothing has changed.

    Records are replaced by those of the file and everybody is logged out. What was counted (usage, hourly sums, last
    uses, spend, prices, audit) is added to what is there and never lowered. `source` can be read twice.
    """
    await asyncio.to_thread(verify, source)
    return await store.change(partial(_load, source=source, told=told), deadline=_DEADLINE)


def verify(source: BinaryIO) -> Summary:
    """Reads the whole file. Raises InvalidRequest for one that is damaged, cut, newer or something else."""
    source.seek(0)
    reader = BackupReader(source)
    for _ in reader:
        pass
    return reader.summary


def _dump_file(connection: Connection, path: Path, usage: bool) -> Counter[str]:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            rows = _dump(connection, file, usage)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"the backup cannot be written to {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return rows


def _dump(connection: Connection, target: BinaryIO, usage: bool) -> Counter[str]:
    writer = BackupWriter(target, editing.revision(connection), usage)
    for table in (*EDITED, *COUNTED) if usage else EDITED:
        order = table.primary_key.columns
        wanted = select(*columns(table)).order_by(*order)
        for row in connection.execute(wanted.execution_options(yield_per=_BATCH)):
            writer.add(table, row)
    writer.finish()
    return writer.rows


def _load(connection: Connection, source: BinaryIO, told: Audit) -> tuple[int, Summary]:
    source.seek(0)
    reader = BackupReader(source)
    revision = editing.start_over(connection, reader.summary.revision)
    loader = _Loader(connection)
    rows = iter(reader)
    while batch := list(islice(rows, _BATCH)):
        for table in dict.fromkeys(table for table, _ in batch):
            loader.load(table, [values for one, values in batch if one is table])
    changes = {"rows": dict(reader.summary.rows), "made_at": reader.summary.made_at}
    editing.add_audit(connection, replace(told, changes={**told.changes, **changes}, revision=revision))
    return revision, reader.summary


class _Loader:
    """Knows what was there before, so that versions only rise and nothing counted comes twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        known = connection.execute(select(records.c.resource, records.c.id, records.c.version))
        self._versions = {(row.resource, row.id): row.version for row in known}
        self._facts = {table: self._all(table) for table in (audit, prices)}
        connection.execute(delete(records))
        connection.execute(delete(sessions))

    def load(self, table: Table, rows: list[Values]) -> None:
        if table is records:
            rows = [{**row, "version": self._version(row)} for row in rows]
            self._connection.execute(insert(records), rows)
        elif table in self._facts:
            new = [row for row in rows if _fact(table, row) not in self._facts[table]]
            if new:
                self._connection.execute(insert(table), new)
        elif table is spend:
            self._raise(spend, spend.c.nanos, rows)
        elif table is usage_hours:
            self._raise(usage_hours, usage_hours.c.requests, rows)
        elif table is last_used:
            note_uses(self._connection, [(row["key_id"], row["at"]) for row in rows])
        else:
            self._connection.execute(insert_of(self._connection, table).on_conflict_do_nothing(), rows)

    def _version(self, row: Values) -> int:
        """Above both, so that nobody's ETag from before the restore fits what is there after it."""
        known: int = self._versions.get((row["resource"], row["id"]), 0)
        return max(int(row["version"]), known) + 1

    def _raise(self, table: Table, figure: "Column[int]", rows: list[Values]) -> None:
        """Of a row of the file and the one that is there, that with the larger figure stays."""
        statement = insert_of(self._connection, table)
        keys = [column.name for column in table.primary_key]
        larger = statement.on_conflict_do_update(
            index_elements=keys,
            set_={column.name: statement.excluded[column.name] for column in table.c if column.name not in keys},
            where=statement.excluded[figure.name] > figure,
        )
        self._connection.execute(larger, rows)

    def _all(self, table: Table) -> set[tuple[Any, ...]]:
        return {tuple(row) for row in self._connection.execute(select(*columns(table)))}


def _fact(table: Table, row: Values) -> tuple[Any, ...]:
    return tuple(row.get(column.name) for column in columns(table))
