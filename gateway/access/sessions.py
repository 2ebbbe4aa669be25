"""Sessions of people who are logged in: random tokens in a cookie, of which only the hash is stored."""

import hashlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

IDLE = 12 * 3600.0
"""Seconds without a request after which a session ends."""
ABSOLUTE = 7 * 86_400.0
"""Seconds after which it ends in any case."""
_TOUCH = 60.0
"""Seconds between notes that a session is in use: not every request is worth a write."""


@dataclass(frozen=True, slots=True)
class Session:
    """`digest` is of the token, in hex. Times are epoch seconds; from `expires_at` on it is not found any more."""

    digest: str
    user_id: str
    created_at: float
    last_seen: float
    expires_at: float
    role: str = ""
    csrf_digest: str = ""
    address: str = ""
    agent: str = ""


class SessionStore(Protocol):
    """Implemented by `gateway.store.Store`."""

    async def add_session(self, session: Session) -> None: ...

    async def find_session(self, digest: str) -> Session | None:
        """None where it expired."""
        ...

    async def touch_session(self, digest: str, expires_at: float | None = None) -> bool: ...

    async def delete_session(self, digest: str) -> bool: ...

    async def delete_sessions(self, user_id: str, keep: Collection[str] = ()) -> int: ...

    async def sessions(self, user_id: str | None = None) -> list[Session]: ...


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Sessions:
    """Begins, finds and ends sessions. All of its functions raise what the store raises."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def begin(
        self, user_id: str, role: str, address: str = "", agent: str = "", replacing: str = ""
    ) -> tuple[str, Session]:
        """A new token for the cookie, and its session. `replacing` is a token that the browser had: it ends."""
        if replacing:
            await self.end(replacing)
        token, now = secrets.token_urlsafe(32), time.time()
        session = Session(
            token_digest(token), user_id, now, now, now + IDLE, role, address=address[:64], agent=agent[:256]
        )
        await self._store.add_session(session)
        return token, session

    async def find(self, token: str) -> Session | None:
        """The session of a token; None where there is none or it has ended, also one that began far ahead of now, as
        before a clock was set back. Notes that it is in use."""
        if not token:
            return None
        session = await self._store.find_session(token_digest(token))
        now = time.time()
        if session is None or session.expires_at <= now or abs(now - session.created_at) >= ABSOLUTE:
            return None
        if now - session.last_seen >= _TOUCH:
            await self._store.touch_session(session.digest, min(now + IDLE, session.created_at + ABSOLUTE))
        return session

    async def end(self, token: str) -> None:
        await self._store.delete_session(token_digest(token))

    async def end_all(self, user_id: str, keep_token: str = "") -> int:
        """At a change of password (which keeps whoever changes it) and when a user is disabled or deleted."""
        return await self._store.delete_sessions(user_id, (token_digest(keep_token),) if keep_token else ())

    async def listed(self, user_id: str | None = None) -> list[Session]:
        """Last seen first. `digest[:16]` is an id that may be shown; it does not lead back to the token."""
        return await self._store.sessions(user_id)

    async def revoke(self, id: str, user_id: str | None = None) -> bool:
        """Ends the session with this shown id, if it is the user's (None: anybody's). Whether there was one."""
        for session in await self._store.sessions(user_id):
            if len(id) >= 16 and session.digest.startswith(id):
                return await self._store.delete_session(session.digest)
        return False
