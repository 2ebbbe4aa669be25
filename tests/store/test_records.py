"""Records, revisions, audit rows and followers: the same on SQLite and PostgreSQL."""

import asyncio
import time

import pytest
from sqlalchemy import text

from gateway.errors import Conflict, InvalidRequest, NotFound, Outdated
from gateway.store import editing
from gateway.store.records import Audit, AuditFilter, Delete, Put, Resource
from gateway.store.store import Store
from tests.store.conftest import TOLD, Home, put


async def test_a_record_comes_back_as_it_was_written(store: Store) -> None:
    before = time.time()
    sealed = {"api_key": "sealed:abc"}
    revision, (record,) = await store.write(
        [Put(Resource.PROVIDERS, "main", {"name": "Main", "none": None}, sealed, "main", 0)], TOLD
    )
    assert (revision, record.version, record.revision) == (1, 1, 1)
    assert before <= record.created_at == record.updated_at <= time.time()
    assert await store.get(Resource.PROVIDERS, "main") == record
    assert await store.read(Resource.PROVIDERS) == [record]
    assert await store.read(Resource.USERS) == []
    assert (record.document, record.secrets, record.handle) == ({"name": "Main", "none": None}, sealed, "main")
    assert "sealed:abc" not in repr(record)


async def test_a_second_write_raises_version_and_revision_and_keeps_the_first_date(store: Store) -> None:
    _, (first,) = await store.write([put("a", 0, n=1)], TOLD)
    revision, (second,) = await store.write([put("a", 1, n=2)], TOLD)
    assert (revision, second.version, second.revision, second.created_at) == (2, 2, 2, first.created_at)
    assert await store.get(Resource.USERS, "a") == second


async def test_several_operations_are_one_revision_and_one_audit_row(store: Store) -> None:
    revision, records = await store.write([put("a"), put("b"), put("c")], TOLD)
    assert revision == 1 and [record.id for record in records] == ["a", "b", "c"]
    assert (await store.audits())[1] == 1


async def test_when_one_operation_is_refused_none_is_kept(store: Store) -> None:
    await store.write([put("old")], TOLD)
    with pytest.raises(Conflict):
        await store.write([put("new"), Delete(Resource.USERS, "old"), put("new", 0)], TOLD)
    assert [record.id for record in await store.read(Resource.USERS)] == ["old"]
    assert await store.revision() == 1 and (await store.audits())[1] == 1


async def test_refusals_name_what_is_wrong(store: Store) -> None:
    await store.write([put("a", handle="anna")], TOLD)
    with pytest.raises(Conflict, match="exists already") as conflict:
        await store.write([put("a", 0)], TOLD)
    assert conflict.value.param == "id"
    with pytest.raises(Conflict, match="same name or key") as conflict:
        await store.write([put("b", 0, handle="anna")], TOLD)
    assert conflict.value.param == "handle"
    with pytest.raises(Outdated, match="version 1, not 7"):
        await store.write([put("a", 7)], TOLD)
    with pytest.raises(Outdated):
        await store.write([Delete(Resource.USERS, "a", 7)], TOLD)
    with pytest.raises(NotFound, match="'z' of users"):
        await store.write([put("z", 1)], TOLD)
    with pytest.raises(NotFound):
        await store.write([Delete(Resource.USERS, "z")], TOLD)
    for bad in ("", "a\0b", "a\nb", "x" * 2000, "\ud800"):
        with pytest.raises(InvalidRequest):
            await store.write([put(bad)], TOLD)
    with pytest.raises(InvalidRequest, match="JSON"):
        await store.write([put("n", value=float("nan"))], TOLD)
    assert await store.revision() == 1


async def test_asking_for_odd_names_is_no_failure_of_the_database(store: Store) -> None:
    for odd in ("", "a\0b", "\ud800", "'; DROP TABLE records; --", "x" * 100_000):
        try:
            assert await store.get(Resource.USERS, odd) is None
        except InvalidRequest:
            assert "\0" in odd or "\ud800" in odd
    with pytest.raises(InvalidRequest):
        await store.audits(limit=10**30)
    assert await store.revision() == 0


async def test_a_handle_is_free_again_when_its_owner_goes_or_changes(store: Store) -> None:
    await store.write([put("a", handle="one"), put("b", handle="two")], TOLD)
    await store.write([Delete(Resource.USERS, "a"), put("b", handle="one")], TOLD)
    await store.write([put("c", handle="two"), Put(Resource.APIKEYS, "k", {}, handle="two")], TOLD)
    assert {(one.id, one.handle) for one in await store.read(Resource.USERS)} == {("b", "one"), ("c", "two")}


async def test_changes_since_a_revision_are_what_is_there_and_what_is_gone(store: Store) -> None:
    await store.write([put("a"), put("b"), put("c")], TOLD)
    await store.write([Delete(Resource.USERS, "a")], TOLD)
    await store.write([put("b", n=2)], TOLD)
    changes = await store.changes_since(1)
    assert changes.revision == 3 and not changes.whole
    assert [record.id for record in changes.records] == ["b"]
    assert changes.deleted == ((Resource.USERS, "a"),)
    everything = await store.changes_since(0)
    assert everything.whole and {record.id for record in everything.records} == {"b", "c"}
    assert (await store.changes_since(3)).records == ()
    await store.write([put("a")], TOLD)
    assert (await store.changes_since(1)).deleted == ()


async def test_followers_from_too_long_ago_or_from_another_past_get_everything(store: Store) -> None:
    for n in range(6):
        await store.write([put(f"u{n}")], TOLD)
    await store.write([Delete(Resource.USERS, "u0")], TOLD)
    await store.change(lambda connection: editing.forget_tombstones(connection, kept=2))
    assert (await store.changes_since(4)).whole
    assert not (await store.changes_since(5)).whole
    assert (await store.changes_since(99)).whole


async def test_records_of_a_kind_that_only_a_newer_gateway_knows_are_left_alone(store: Store) -> None:
    await store.write([put("a"), put("b")], TOLD)
    await store.change(
        lambda connection: connection.execute(text("UPDATE records SET resource = 'plugins' WHERE id = 'b'"))
    )
    assert [record.id for record in (await store.changes_since(0)).records] == ["a"]
    await store.write([put("a")], TOLD)
    left = await store.query(
        lambda connection: connection.execute(text("SELECT resource FROM records")).scalars().all()
    )
    assert sorted(left) == ["plugins", "users"]


async def test_an_audit_row_tells_who_did_what_when_and_at_which_revision(store: Store) -> None:
    told = Audit("anna", "create", "users", "u", {"name": [None, "x"], "password": ["***", "***"]}, "10.0.0.1")
    await store.write([put("u")], told)
    await store.write([], Audit("bob", "login", "users", "bob\0\ud800"))
    (login, create), total = await store.audits()
    assert total == 2 and (create.actor, create.changes, create.revision) == ("anna", told.changes, 1)
    assert time.time() - 60 < create.at <= time.time()
    assert login.action == "login" and login.revision == 0 and await store.revision() == 1
    assert (await store.audits(AuditFilter(actor="anna")))[1] == 1
    assert (await store.audits(AuditFilter(actor="anna", action="login")))[1] == 0
    assert (await store.audits(AuditFilter(since=create.at, until=create.at)))[1] == 0
    rows, total = await store.audits(limit=1, offset=1)
    assert [row.actor for row in rows] == ["anna"] and total == 2


async def test_waiting_for_a_change_ends_with_it(home: Home) -> None:
    ours, theirs = await home.open(), await home.open()
    await ours.write([put("a")], TOLD)
    assert await ours.wait_for_change(0, 5) == 1
    assert await ours.wait_for_change(1, 0.1) == 1
    for writer in (ours, theirs):
        revision = await ours.revision()
        waiting = asyncio.create_task(ours.wait_for_change(revision, 300))
        await asyncio.sleep(0.3)
        await writer.write([put("a")], TOLD)
        assert await asyncio.wait_for(waiting, 60) == revision + 1


async def test_data_is_there_after_closing_and_opening(home: Home) -> None:
    store = await home.open()
    await store.write([put("a", n=1)], TOLD)
    await store.close()
    again = await home.open()
    assert [record.document for record in await again.read(Resource.USERS)] == [{"n": 1}]
    assert await again.revision() == 1
