"""Where the SQLite file is: found, made, or, where STATE_DIR cannot be written, a copy of it elsewhere. At start."""

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import NullPool, create_engine

from gateway.errors import ConfigError
from gateway.settings.stand_in import stand_in
from gateway.store.rescue import check_gone
from gateway.store.schema import create

FILE = "gateway.db"
_OF_A_START_BEFORE = "secret_key"
"""Is made beside the file once there is one."""
_CHECKED_WHOLE = 16 * 2**20
"""Files up to this size are checked from end to end at every start."""
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}
_PAUSES = (0.1, 0.5, 1.5)
"""Seconds before a disk that failed is asked again."""


def locate(wanted: Path) -> tuple[Path, list[str]]:
    """The path of a database that can be opened for writing, and what the operator must be told.

    Raises ConfigError where the file is damaged or lost: a new one is made only where there was none.
    """
    path, notes = wanted, []
    if not _writable(wanted):
        path = _elsewhere(wanted)
        notes.append(
            f"{wanted} cannot be written: the database is {path}, and ALL CHANGES ARE LOST when that folder goes. "
            "Set STATE_DIR to a folder that can be written, or DATABASE_URL."
        )
    try:
        was_started = path.with_name(_OF_A_START_BEFORE).exists()  # asked first: another worker may be just beginning
        if not path.exists():
            check_gone(path)
            _make(path)
            if was_started:
                notes.append(
                    f"There was no database {path}, although the gateway was started here before: it begins with "
                    "nothing. If that is not what you want, stop it and put a backup in its place (docs/storage.md)."
                )
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"the database {path} cannot be made ({error}): is there room?") from error
    _check(path)
    return path, notes


def _writable(path: Path) -> bool:
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=".probe-", dir=folder)
        os.close(descriptor)
        Path(name).unlink()
    except OSError as error:
        if error.errno in _NOT_WRITABLE:
            return False
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):  # a full disk can still be read
            raise ConfigError(f"the database folder {folder} cannot be used: {error.strerror}") from error
    return not path.exists() or os.access(path, os.W_OK)


def _elsewhere(path: Path) -> Path:
    """In a private folder for temporary files, the same for all workers, and with what the file had."""
    folder = stand_in(path)
    copy = folder / path.name
    if path.exists() and not copy.exists():
        for ending in ("-wal", ""):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
                Path(f"{copy}{ending}").chmod(0o600)
    return copy


def _make(path: Path) -> None:
    """A whole new database appears in one step, so that a file found later was once complete.

    It is no write-ahead log yet: SQLite shares what it knows of a log between all connections to one file, also those
    that came by its former name and may be left for the garbage collector. A reader by the new name would then look
    into a log that is not there (SQLITE_IOERR_SHORT_READ).
    """
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    os.close(descriptor)
    fresh = Path(name)
    try:
        engine = create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(fresh, isolation_level=None), poolclass=NullPool
        )
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
            connection.exec_driver_sql("BEGIN")
            create(connection)
        with suppress(FileExistsError):  # another process was first: its file counts
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _read(path: Path, query: str) -> str:
    """A disk that fails for a moment is asked again: it must not keep the gateway from starting."""
    for pause in _PAUSES:
        try:
            return _read_once(path, query)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_IOERR:
                raise
        time.sleep(pause)
    return _read_once(path, query)


def _read_once(path: Path, query: str) -> str:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)) as connection:
        return str(connection.execute(query).fetchone()[0])


def _check(path: Path) -> None:
    remedy = "Put a backup in its place (docs/storage.md); or move it away to start with nothing."
    if path.stat().st_size == 0:
        raise ConfigError(f"the database {path} is empty, and it never should be: data was lost. {remedy}")
    small = path.stat().st_size <= _CHECKED_WHOLE
    try:
        said = _read(path, "PRAGMA quick_check(1)" if small else "SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        said = f"{error} ({error.sqlite_errorname})"  # without the name, a full disk is told as a broken one
        raise ConfigError(f"the database {path} cannot be opened: {said}: is there room?") from error
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"the database {path} is damaged: {error}. {remedy}") from error
    if small and said != "ok":
        raise ConfigError(f"the database {path} is damaged: {str(said).splitlines()[0]}. {remedy}")
