"""SQLAlchemy engines for SQLite and PostgreSQL, and what makes each safe: flushes, locks, time limits. For `Store`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import register_adapter
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import ArgumentError

from gateway.errors import ConfigError, StorageFailed
from gateway.store.rescue import Rescue, identity

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")

_NO_ADDRESS = (
    "DATABASE_URL: not an address: use postgresql://user:password@host:5432/database"
    " (an @ in the password is written as %40)"
)

_ADAPTERS: dict[type, Callable[[Any], Any]] = {bool: int, type(None): {None: None}.get}
"""For values that SQLite takes as they are, but for which the driver looks everywhere as long as it finds none here: a
fifth of the time in which a row of usage is inserted."""

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=1000", "cache_size=-256")
"""Of each connection. 256 kB hold the ends of all tables and indexes, where rows are added, and leave the cache of the
processor to the requests that are served meanwhile."""

Connected = Callable[[Any], None]
"""Told of every new connection of the driver before anything is sent on it, so that it can be cut."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `operation` bounds one call of the store from the caller's side, waiting for its turn included."""

    connect: float = 5
    statement: float = 8
    operation: float = 12
    lock: float = 5
    poll: float = 0.5
    """Between looks at the revision while waiting for a change."""


@dataclass(frozen=True, slots=True)
class Engines:
    writer: Engine
    reader: Engine

    @property
    def is_postgresql(self) -> bool:
        return self.writer.dialect.name == "postgresql"

    def dispose(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def parse_url(url: str) -> URL | Path:
    """The address of a PostgreSQL database, or the path of an SQLite file.

    Raises ConfigError for anything else. The message never shows the password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter where the port is no number
        raise ConfigError(_NO_ADDRESS) from None
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError("DATABASE_URL: sqlite needs a file: use sqlite:///relative.db or sqlite:////absolute.db")
        return Path(parsed.database)
    if parsed.drivername not in _SCHEMES:
        raise ConfigError(
            f"DATABASE_URL: '{parsed.drivername}' is not supported: use postgresql://user:password@host:5432/database "
            "or sqlite:///file.db, or leave it empty for SQLite in STATE_DIR"
        )
    if "@" in (parsed.host or ""):
        raise ConfigError(_NO_ADDRESS)
    return parsed.set(drivername="postgresql+psycopg")


def sqlite_engines(path: Path, timing: Timing, readers: int = 2) -> Engines:
    """The file must exist: it is never created here. A writer takes its lock at the beginning."""
    for kind, adapter in _ADAPTERS.items():
        register_adapter(kind, adapter)
    query = {"mode": "rw", "uri": "true"}
    rescue = Rescue(path)
    address = URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=query)

    def made(begin: str, size: int) -> Engine:
        engine = create_engine(
            address,
            pool_size=size,
            max_overflow=0,
            connect_args={"timeout": timing.lock, "isolation_level": None, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, record: Any) -> None:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            record.info["file"] = identity(path)

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            held = connection.info["file"]
            if held != identity(path):  # what is written now would go where nobody finds it
                raw: Any = connection.connection.driver_connection
                raise StorageFailed(rescue.message(raw, held))
            connection.exec_driver_sql(begin)

        return engine

    return Engines(made("BEGIN IMMEDIATE", 1), made("BEGIN", readers))


def postgresql_engines(url: URL, timing: Timing, connected: Connected, readers: int = 2) -> Engines:
    milliseconds = {
        "statement_timeout": timing.statement,
        "lock_timeout": timing.lock,
        "idle_in_transaction_session_timeout": 2 * timing.operation,
    }
    server_options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in milliseconds.items())
    chosen = url.query.get("options", "")
    options = {
        "connect_timeout": max(2, round(timing.connect)),
        "options": f"{chosen if isinstance(chosen, str) else ' '.join(chosen)} {server_options}".strip(),
        "application_name": "chute-gateway",
        "keepalives_idle": 20,
        "tcp_user_timeout": int(timing.operation * 1000),
    }

    def made(size: int, isolation: Any) -> Engine:
        engine = create_engine(
            url, pool_size=size, max_overflow=0, pool_recycle=1800, connect_args=options, isolation_level=isolation
        )

        @event.listens_for(engine, "do_connect")
        def _connect(dialect: Dialect, record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
            connection = dialect.loaded_dbapi.connect(*arguments, **named)
            connected(connection)
            return connection

        return engine

    return Engines(made(1, "READ COMMITTED"), made(readers, "REPEATABLE READ"))
