"""What a process still holds of a database file that was taken from its place: made whole, and kept where it was
deleted. Called by `engines` before each transaction that finds it gone, and by `place` at the next start."""

import os
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from threading import Lock

from gateway.errors import ConfigError

Identity = tuple[int, int]
"""Device and inode."""
_NOTHING = "while it was used: nothing was written."
_OPEN_FILES = Path("/dev/fd")


def identity(path: Path) -> Identity | None:
    """Which file that is; None where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def rescued(path: Path) -> list[Path]:
    """The copies of databases that were at `path`, oldest first."""
    return sorted(path.parent.glob(f"{escape(path.name)}.rescued-*"))


class Rescue:
    """For all connections of this process to the file at `path`, in any thread."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._since = path, Lock(), time.time()

    def message(self, connection: sqlite3.Connection, held: Identity) -> str:
        """What became of the file that `connection` holds. Its log is written into it, so that it is whole wherever it
        is now and nothing of it is left for another file in its place; one without a name is copied, once."""
        with self._lock:
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if not _is_deleted(held):
                return (
                    f"The database file {self._path.name} was moved {_NOTHING} Put it back, and no restart is needed."
                )
            with suppress(OSError, sqlite3.Error):
                if not self._copies():
                    _copy(connection, self._path)
            return self._told()

    def _copies(self) -> list[Path]:
        """Those of this file: another worker may have been first."""
        return [copy for copy in rescued(self._path) if copy.stat().st_mtime >= self._since]

    def _told(self) -> str:
        name, copies = self._path.name, self._copies()
        kept = (
            f"What it held is in {copies[-1].name}" if copies else "What it held could not be copied, for want of room"
        )
        if self._path.exists():
            return f"The database file {name} was replaced {_NOTHING} {kept}. Restart the gateway."
        if copies:
            return (
                f"The database file {name} was deleted {_NOTHING} {kept}: stop the gateway, rename it to {name}, start."
            )
        return f"The database file {name} was deleted {_NOTHING} {kept}, and is lost when the gateway stops: make room."


def check_gone(path: Path) -> None:
    """Raises ConfigError where what is left says that there was a database, which a new one would hide or damage."""
    log, copies = path.with_name(f"{path.name}-wal"), rescued(path)
    if copies:
        left = copies[-1]
        message = f"the database {path} was deleted while it was used: {left} is what it held: rename it to {path.name}"
    elif log.exists() and log.stat().st_size:
        left = log
        message = f"the database {path} is gone, but its log {log} is not: put the database back"
    else:
        return
    if not path.exists():  # another process may have made it by now
        raise ConfigError(f"{message}, or move {left.name} away to start with nothing (docs/storage.md)")


def _is_deleted(held: Identity) -> bool:
    """Whether the file has no name any more; unknown counts as no."""
    for file in list(_OPEN_FILES.iterdir()) if _OPEN_FILES.exists() else ():
        with suppress(OSError, ValueError):
            facts = os.fstat(int(file.name))
            if (facts.st_dev, facts.st_ino) == held:
                return facts.st_nlink == 0
    return False


def _copy(connection: sqlite3.Connection, path: Path) -> None:
    """Appears whole or not at all."""
    copy = path.with_name(f"{path.name}.rescued-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with closing(sqlite3.connect(draft)) as target:
            connection.backup(target)
        os.fsync(descriptor)
        with suppress(FileExistsError):  # of another worker, which held the same
            os.link(draft, copy)
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
