"""Sessions of people who are logged in: kept by the digest of their token, never the token. Called by `Store`."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.access.sessions import Session
from gateway.store.documents import clean
from gateway.store.tables import sessions


def add(connection: Connection, session: Session) -> None:
    """Expired sessions of anybody go at the same time."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= session.created_at))
    values = {**asdict(session), "agent": clean(session.agent), "address": clean(session.address)}
    connection.execute(insert(sessions).values(values))


def find(connection: Connection, digest: str, now: float) -> Session | None:
    wanted = select(sessions).where(sessions.c.digest == digest, sessions.c.expires_at > now)
    row = connection.execute(wanted).one_or_none()
    return _session(row) if row else None


def touch(connection: Connection, digest: str, seen: float, expires_at: float | None) -> bool:
    """Whether it was there. `expires_at` None leaves the end as it is."""
    values = {"last_seen": seen} | ({} if expires_at is None else {"expires_at": expires_at})
    alive = update(sessions).where(sessions.c.digest == digest, sessions.c.expires_at > seen)
    return connection.execute(alive.values(values)).rowcount > 0


def remove(connection: Connection, digest: str) -> bool:
    return connection.execute(delete(sessions).where(sessions.c.digest == digest)).rowcount > 0


def remove_of_user(connection: Connection, user_id: str, kept: Collection[str]) -> int:
    """How many ended. `kept` are digests, such as that of whoever changes a password."""
    ended = delete(sessions).where(sessions.c.user_id == user_id, sessions.c.digest.not_in(list(kept)))
    return connection.execute(ended).rowcount


def listed(connection: Connection, user_id: str | None, now: float) -> list[Session]:
    """Last seen first; of everybody where `user_id` is None."""
    alive = select(sessions).where(sessions.c.expires_at > now).order_by(sessions.c.last_seen.desc())
    wanted = alive if user_id is None else alive.where(sessions.c.user_id == user_id)
    return [_session(row) for row in connection.execute(wanted)]


def prune(connection: Connection, now: float) -> int:
    return connection.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount


def _session(row: Row[Any]) -> Session:
    return Session(**row._mapping)
