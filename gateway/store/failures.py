"""What the database drivers raise, told as one of our errors. Called by `database` and at start."""

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError

from gateway.errors import ConfigError, GatewayError, InvalidRequest, StorageFailed, StorageUnavailable

UNSTORABLE = "A value holds characters or numbers that the database cannot hold."
_FULL = "The database has no room left: nothing was written. Make room; no restart is needed."
_READ_ONLY = "The database is read-only: nothing was written."
_DAMAGED = "The database file is damaged: nothing was written. Restore a backup."
_GONE = "The database cannot be reached. Try again in a moment."

_SQLITE: dict[int, tuple[type[GatewayError], str]] = {
    sqlite3.SQLITE_FULL: (StorageFailed, _FULL),
    sqlite3.SQLITE_IOERR: (StorageFailed, "The database file cannot be written: nothing was. Look at the disk."),
    sqlite3.SQLITE_READONLY: (StorageFailed, _READ_ONLY),
    sqlite3.SQLITE_CORRUPT: (StorageFailed, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (StorageFailed, _DAMAGED),
    sqlite3.SQLITE_CANTOPEN: (StorageUnavailable, "The database file cannot be opened."),
    sqlite3.SQLITE_BUSY: (StorageUnavailable, "The database is busy. Try again in a moment."),
    sqlite3.SQLITE_LOCKED: (StorageUnavailable, "The database is busy. Try again in a moment."),
}
"""By primary result code. Source: sqlite.org/rescode.html."""

_POSTGRESQL: dict[str, tuple[type[GatewayError], str]] = {
    "53100": (StorageFailed, _FULL),
    "25006": (StorageUnavailable, _READ_ONLY),
    "42501": (StorageFailed, "The database user may not do that: nothing was written. Grant it the tables."),
    "57014": (StorageUnavailable, "The database is too slow: the statement was stopped. Try again in a moment."),
    "55P03": (StorageUnavailable, "The database is busy. Try again in a moment."),
    "28P01": (ConfigError, "DATABASE_URL: the server refuses the user or the password"),
    "28000": (ConfigError, "DATABASE_URL: the server refuses the user, the password or this machine"),
    "3D000": (ConfigError, "DATABASE_URL: the server has no database of that name: create it first"),
}
"""By SQLSTATE. Source: postgresql.org/docs/current/errcodes-appendix.html."""

_REFUSALS = {
    "password authentication failed": "28P01",
    "no pg_hba.conf entry": "28000",
    "no password supplied": "28P01",
    "does not exist": "3D000",
}
"""libpq gives no SQLSTATE for what is refused while connecting, only the words of the server."""


def translated(error: DBAPIError) -> GatewayError:
    """The message says what happened and holds no statement, value, path or password."""
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
        kind, message = _SQLITE.get(code, (StorageFailed, "The database refused: nothing was written."))
        return kind(message)
    state = getattr(origin, "sqlstate", None) or _refusal(str(origin))
    if isinstance(error, DataError):
        return InvalidRequest(UNSTORABLE)
    if state is None or (state[:2] in ("08", "57", "53", "40") and state not in _POSTGRESQL):
        return StorageUnavailable(_GONE)
    kind, message = _POSTGRESQL.get(state, (StorageFailed, f"The database refused ({state}): nothing was written."))
    return kind(message)


def collided(error: DBAPIError) -> bool:
    """PostgreSQL ended the transaction because of another one: it may be tried again."""
    return (getattr(error.orig, "sqlstate", None) or "").startswith("40")


def _refusal(words: str) -> str | None:
    return next((state for part, state in _REFUSALS.items() if part in words), None)
