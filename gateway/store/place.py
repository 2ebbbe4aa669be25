"""Where the SQLite file is: found, made, or, where STATE_DIR cannot be written, a copy of it elsewhere. At start."""

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from gateway.errors import ConfigError
from gateway.settings.stand_in import stand_in
from gateway.store.engines import Timing, sqlite_engines
from gateway.store.schema import create

FILE = "gateway.db"
_CHECKED_WHOLE = 16 * 2**20
"""Files up to this size are checked from end to end at every start."""
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}
_PAUSES = (0.1, 0.5, 1.5)
"""Seconds before a disk that failed is asked again."""


def locate(wanted: Path, timing: Timing) -> tuple[Path, list[str]]:
    """The path of a database that can be opened for writing, and what the operator must be told.

    Raises ConfigError where the file is damaged: a new one is made only where there is none.
    """
    path, notes = wanted, []
    if not _writable(wanted):
        path = _elsewhere(wanted)
        notes.append(
            f"{wanted} cannot be written: the database is {path}, and ALL CHANGES ARE LOST when that folder goes. "
            "Set STATE_DIR to a folder that can be written, or DATABASE_URL."
        )
    try:
        if not path.exists():
            _make(path, timing)
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


def _make(path: Path, timing: Timing) -> None:
    """A whole new database appears in one step, so that a file found later was once complete."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    os.close(descriptor)
    fresh = Path(name)
    try:
        with closing(sqlite3.connect(fresh)) as connection:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
        engines = sqlite_engines(fresh, timing)
        with engines.writer.begin() as connection_:
            create(connection_)
        engines.dispose()
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
            if "disk I/O" not in str(error):
                raise
        time.sleep(pause)
    return _read_once(path, query)


def _read_once(path: Path, query: str) -> str:
    with closing(sqlite3.connect(f"file:{path.absolute()}?mode=rw", uri=True, timeout=5)) as connection:
        return str(connection.execute(query).fetchone()[0])


def _check(path: Path) -> None:
    remedy = "Put a backup in its place (docs/storage.md); or move it away to start with nothing."
    if path.stat().st_size == 0:
        raise ConfigError(f"the database {path} is empty, and it never should be: data was lost. {remedy}")
    small = path.stat().st_size <= _CHECKED_WHOLE
    try:
        said = _read(path, "PRAGMA quick_check(1)" if small else "SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        raise ConfigError(f"the database {path} cannot be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"the database {path} is damaged: {error}. {remedy}") from error
    if small and said != "ok":
        raise ConfigError(f"the database {path} is damaged: {str(said).splitlines()[0]}. {remedy}")
