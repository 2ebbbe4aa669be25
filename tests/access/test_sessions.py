"""Sessions, their cookie, and the checks against other sites' pages.

Rows of docs/acceptance.md: A002-34.
"""

import time
from collections.abc import Collection
from dataclasses import replace

import pytest

from gateway.access.cookies import check_csrf, check_origin, csrf_token, read_cookie, set_cookie
from gateway.access.sessions import ABSOLUTE, IDLE, Session, Sessions, token_digest
from gateway.errors import Forbidden


class Kept:
    """A `SessionStore` in memory, as that of the database behaves."""

    def __init__(self) -> None:
        self.kept: dict[str, Session] = {}
        self.touches = 0

    async def add_session(self, session: Session) -> None:
        self.kept[session.digest] = session

    async def find_session(self, digest: str) -> Session | None:
        session = self.kept.get(digest)
        return session if session and session.expires_at > time.time() else None

    async def touch_session(self, digest: str, expires_at: float | None = None) -> bool:
        self.touches += 1
        session = self.kept[digest]
        self.kept[digest] = replace(session, last_seen=time.time(), expires_at=expires_at or session.expires_at)
        return True

    async def delete_session(self, digest: str) -> bool:
        return self.kept.pop(digest, None) is not None

    async def delete_sessions(self, user_id: str, keep: Collection[str] = ()) -> int:
        ended = [one for one in self.kept.values() if one.user_id == user_id and one.digest not in keep]
        for session in ended:
            del self.kept[session.digest]
        return len(ended)

    async def sessions(self, user_id: str | None = None) -> list[Session]:
        return [one for one in self.kept.values() if user_id in (None, one.user_id)]

    def age(self, token: str, seconds: float) -> None:
        """As if the session had begun, and been seen last, so long ago."""
        session = self.kept[token_digest(token)]
        self.kept[session.digest] = replace(
            session,
            created_at=session.created_at - seconds,
            last_seen=session.last_seen - seconds,
            expires_at=session.expires_at - seconds,
        )


@pytest.fixture
def store() -> Kept:
    return Kept()


@pytest.fixture
def sessions(store: Kept) -> Sessions:
    return Sessions(store)


async def test_a_session_is_found_by_its_token_and_the_token_is_nowhere(sessions: Sessions, store: Kept) -> None:
    token, session = await sessions.begin("u1", "admin", "192.0.2.1", "a browser")
    assert await sessions.find(token) == session
    assert len(token) >= 43 and token not in repr(store.kept)
    for wrong in ("", token[:-1], token + "x", session.digest, "\ud800"):
        assert await sessions.find(wrong) is None


async def test_a_session_ends_when_it_is_idle(sessions: Sessions, store: Kept) -> None:
    token, _ = await sessions.begin("u1", "user")
    store.age(token, IDLE - 60)
    assert await sessions.find(token)
    store.age(token, IDLE - 60)
    assert await sessions.find(token)
    store.age(token, IDLE + 1)
    assert await sessions.find(token) is None


async def test_a_session_ends_after_a_week_however_busy(sessions: Sessions, store: Kept) -> None:
    token, _ = await sessions.begin("u1", "user")
    age = 0.0
    while age + 6 * 3600 < ABSOLUTE:
        store.age(token, 6 * 3600)
        age += 6 * 3600
        assert await sessions.find(token)
    store.age(token, ABSOLUTE - age)
    assert await sessions.find(token) is None


async def test_a_session_of_a_clock_that_was_far_ahead_ends_when_it_is_set_back(
    sessions: Sessions, store: Kept
) -> None:
    token, _ = await sessions.begin("anna", "admin")
    store.age(token, -ABSOLUTE / 2)
    assert await sessions.find(token)
    store.age(token, -ABSOLUTE)
    assert await sessions.find(token) is None


async def test_not_every_request_is_a_write(sessions: Sessions, store: Kept) -> None:
    token, _ = await sessions.begin("u1", "user")
    for _ in range(10):
        await sessions.find(token)
    assert store.touches == 0
    store.age(token, 61)
    for _ in range(10):
        await sessions.find(token)
    assert store.touches == 1


async def test_a_login_replaces_the_session_that_the_browser_had(sessions: Sessions) -> None:
    before, _ = await sessions.begin("u1", "user")
    after, _ = await sessions.begin("u1", "user", replacing=before)
    assert await sessions.find(before) is None and await sessions.find(after) and before != after


async def test_a_change_of_password_ends_all_other_sessions(sessions: Sessions) -> None:
    mine, _ = await sessions.begin("u1", "user")
    other, _ = await sessions.begin("u1", "user")
    foreign, _ = await sessions.begin("u2", "user")
    assert await sessions.end_all("u1", keep_token=mine) == 1
    assert await sessions.find(mine) and await sessions.find(foreign) and await sessions.find(other) is None
    assert await sessions.end_all("u1") == 1
    await sessions.end(foreign)
    assert await sessions.listed() == []


async def test_only_ones_own_sessions_can_be_revoked(sessions: Sessions) -> None:
    token, session = await sessions.begin("u1", "user")
    shown = session.digest[:16]
    assert not await sessions.revoke(shown, "u2")
    assert not await sessions.revoke("", "u1") and not await sessions.revoke(shown[:4], "u1")
    assert await sessions.find(token)
    assert await sessions.revoke(shown, "u1")
    assert await sessions.find(token) is None


# --- the cookie ------------------------------------------------------------------------------------------


def test_the_cookie_is_for_this_host_and_for_no_script() -> None:
    assert set_cookie("t0k", secure=True) == (
        "__Host-gateway_session=t0k; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure"
    )
    plain = set_cookie("t0k", secure=False)
    assert plain.startswith("gateway_session=t0k;") and "Secure" not in plain and "HttpOnly" in plain
    assert "Max-Age=0" in set_cookie("", secure=True)


def test_a_planted_cookie_is_not_read() -> None:
    assert read_cookie("a=b; __Host-gateway_session=t0k; c=d", secure=True) == "t0k"
    assert read_cookie("gateway_session=planted", secure=True) == ""
    assert read_cookie("gateway_session=one; gateway_session=two", secure=False) == ""
    assert read_cookie("", secure=True) == "" and read_cookie(";;=;x", secure=True) == ""


# --- other sites -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("presented", ["", "wrong", csrf_token("another session"), "ü", "\ud800"])
def test_a_change_needs_the_sessions_own_token(presented: str) -> None:
    check_csrf("GET", "t0k", presented)
    check_csrf("DELETE", "t0k", csrf_token("t0k"))
    for method in ("POST", "PUT", "PATCH", "DELETE", "post"):
        with pytest.raises(Forbidden) as caught:
            check_csrf(method, "t0k", presented)
        assert caught.value.error_code == "csrf_failed"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://gw.example"},
        {"origin": "https://GW.example"},
        {"origin": "https://ui.example"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_our_own_pages_and_scripts_may_change_things(headers: dict[str, str]) -> None:
    check_origin("POST", {"host": "gw.example", **headers}, ("https://ui.example",))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://gw.example.evil.example"},
        {"origin": "https://gw.example:8443"},
        {"origin": "https://evil.example/?gw.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
def test_other_sites_pages_may_not(headers: dict[str, str]) -> None:
    given = {"host": "gw.example", **headers}
    check_origin("GET", given)
    for method, upgrade in (("POST", False), ("DELETE", False), ("GET", True)):
        with pytest.raises(Forbidden) as caught:
            check_origin(method, given, upgrade=upgrade)
        assert caught.value.error_code == "csrf_failed"
