"""Makes the tables, or brings older ones up to date, whichever process comes first. Called when a store opens."""

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from secrets import token_hex

from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, inspect, select, text

from gateway.errors import ConfigError
from gateway.store.engines import Engines
from gateway.store.tables import SCHEMA, VERSION_TABLE, meta, metadata

_LOCK = 7_239_018_441
"""Number of the advisory lock; any number that nobody else uses."""

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", Text, primary_key=True))


STEPS = Path(__file__).parent / "migrations"


def prepare(engines: Engines, sqlite_path: Path | None, newest: str = SCHEMA, steps: Path = STEPS) -> None:
    """Leaves the database at `newest`. Raises ConfigError for one that is newer, or that is none of ours.

    An SQLite file is copied before an upgrade; the upgrade itself is one transaction.
    """
    with engines.reader.connect() as connection:
        if _found(connection, newest) == newest:
            return
    with engines.writer.begin() as connection:
        if engines.is_postgresql:
            connection.execute(text("SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '1min'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        version = _found(connection, newest)
        if version == "":
            create(connection)
        elif version != newest:
            if sqlite_path:
                _copy(sqlite_path, sqlite_path.with_name(f"{sqlite_path.name}.schema-{version}"))
            _upgrade(connection, steps)


def create(connection: Connection) -> None:
    metadata.create_all(connection)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=SCHEMA))
    facts = [("revision", 0, None), ("kept_from", 0, None), ("instance", None, token_hex(8))]
    connection.execute(insert(meta), [dict(zip(("name", "number", "text"), fact, strict=True)) for fact in facts])


def _found(connection: Connection, newest: str) -> str:
    """The version that is there; empty where there is nothing yet."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE not in tables:
        if taken := sorted({table.name for table in metadata.sorted_tables}.intersection(tables)):
            raise ConfigError(f"the database has a table '{taken[0]}' that is not the gateway's: use an empty database")
        return ""
    version = connection.execute(select(_version.c.version_num)).scalar_one_or_none()
    if version is None or not version.isdigit() or int(version) > int(newest):
        raise ConfigError(
            f"the database has schema {version}, this gateway knows up to {newest}: start the newer gateway again, "
            "or restore a backup from before the upgrade"
        )
    return str(version)


def _copy(source: Path, copy: Path) -> None:
    """A whole, consistent copy of the file, written beside it before an upgrade."""
    copy.unlink(missing_ok=True)
    copy.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)


def _upgrade(connection: Connection, steps: Path) -> None:
    """Alembic takes half a second to import, so it is imported only where an upgrade is due."""
    import_module("gateway.store.upgrade").upgrade(connection, steps)
