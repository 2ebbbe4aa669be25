"""Sessions outlive the process and end when they should."""

import time

from gateway.access.sessions import Session
from gateway.store.store import Store


def session(digest: str, user: str = "anna", lasts: float = 1000, seen: float = 0) -> Session:
    now = time.time()
    return Session(digest, user, now, now + seen, now + lasts, "admin", "csrf", "127.0.0.1", "Browser")


async def test_a_session_is_found_until_it_expires_or_is_deleted(store: Store) -> None:
    alive, expired = session("a"), session("b", lasts=-1)
    await store.add_session(alive)
    await store.add_session(expired)
    assert await store.find_session("a") == alive
    assert await store.find_session("b") is None and await store.find_session("c") is None
    assert await store.delete_session("a") and not await store.delete_session("a")
    assert await store.find_session("a") is None


async def test_touching_notes_the_time_and_moves_the_end(store: Store) -> None:
    await store.add_session(session("a", seen=-50))
    end = time.time() + 500
    assert await store.touch_session("a", end)
    found = await store.find_session("a")
    assert found and found.expires_at == end and abs(found.last_seen - time.time()) < 30
    assert await store.touch_session("a")
    found = await store.find_session("a")
    assert found and found.expires_at == end
    assert not await store.touch_session("gone")
    await store.add_session(session("late", lasts=-1))
    assert not await store.touch_session("late", end), "an expired session must not come back"


async def test_all_sessions_of_a_user_end_but_those_kept(store: Store) -> None:
    for digest, user in (("a", "anna"), ("b", "anna"), ("c", "anna"), ("d", "bob")):
        await store.add_session(session(digest, user, seen=ord(digest)))
    assert [one.digest for one in await store.sessions("anna")] == ["c", "b", "a"]
    assert await store.delete_sessions("anna", keep=["b"]) == 2
    assert [one.digest for one in await store.sessions()] == ["d", "b"]
    assert await store.delete_sessions("anna") == 1


async def test_odd_browser_names_are_kept_as_far_as_they_can_be(store: Store) -> None:
    now = time.time()
    await store.add_session(Session("a", "anna", now, now, now + 900, agent="x\0\ud800" + "y" * 5000))
    found = await store.find_session("a")
    assert found and found.agent.startswith("x") and len(found.agent) <= 1000
