"""Backups: whole, of one moment, readable by either database; a file that is not whole changes nothing."""

import asyncio
import gzip
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count as count_up
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from gateway.errors import ConfigError, InvalidRequest, StorageFailed
from gateway.store.backup import backup, restore, verify
from gateway.store.records import Audit, Delete, Put, Resource
from gateway.store.store import Store
from gateway.store.tables import usage, usage_hours
from gateway.usage.types import Price
from tests.store.conftest import TOLD, Home, put
from tests.store.test_sessions import session
from tests.store.test_usage_rows import AT, all_of, count, row, spends

RESTORED = Audit("root", "restore", "backup", "file")


async def filled(store: Store) -> bytes:
    """A store with something in every table, and its backup."""
    secrets = {"api_key": "sealed:xyz"}
    await store.write([Put(Resource.PROVIDERS, "p", {"name": "ü\0\ud83d"}, secrets, "p"), put("anna", n=1)], TOLD)
    await store.write([put("gone")], TOLD)
    await store.write([Delete(Resource.USERS, "gone")], TOLD)
    rows = [row("r1", request_body=b"\0\xff", response_body=b""), row("r2", cost_nanos=None)]
    await store.append(rows, spends(*rows))
    await store.add_prices([Price("p", "m", 1.5, valid_from=3)])
    await store.add_session(session("s"))
    file = io.BytesIO()
    counts = await backup(store, file)
    assert counts == {
        "records": 2,
        "audit": 3,
        "spend": 6,
        "last_used": 1,
        "prices": 1,
        "usage": 2,
        "usage_hours": 1,
        "bodies": 1,
    }
    return file.getvalue()


async def whole(store: Store) -> dict[str, Any]:
    """Everything a backup would hold, without versions and what a restore itself notes."""
    file = io.BytesIO()
    await backup(store, file)
    lines = [json.loads(line) for line in gzip.decompress(file.getvalue()).splitlines()]
    version = lines[0]["columns"]["records"].index("version")
    found: dict[str, Any] = {}
    for table, values in lines[1:-1]:
        if table == "records":
            values[version] = 0
        if "restore" not in values:
            found.setdefault(table, []).append(values)
    return found


async def test_what_was_backed_up_comes_back_in_an_empty_store(home: Home, tmp_path: Path) -> None:
    source = await home.open()
    data = await filled(source)
    other = await Store.open(None, tmp_path / "other")
    try:
        revision, summary = await restore(other, io.BytesIO(data), RESTORED)
        assert summary.rows["usage"] == 2 and summary.usage and revision == 4 == await other.revision()
        assert await whole(other) == await whole(source)
        assert await other.sessions() == []
        assert (await other.changes_since(3)).whole
        (told, *_), _ = await other.audits()
        assert (told.actor, told.action, told.revision) == ("root", "restore", 4)
        again = io.BytesIO()
        await backup(other, again)
        await restore(source, again, RESTORED)
        assert await whole(other) == await whole(source)
    finally:
        await other.close()


async def test_a_restore_replaces_records_and_lowers_nothing_that_was_counted(store: Store) -> None:
    data = await filled(store)
    before = await store.get(Resource.USERS, "anna")
    await store.write([put("anna", n=2), put("new")], TOLD)
    late = row("r3", at=AT + 60)
    await store.append([late], spends(late))
    follower = await store.revision()
    revision, _ = await restore(store, io.BytesIO(data), RESTORED)
    assert revision == follower + 1
    changes = await store.changes_since(follower)
    assert changes.whole and {record.id for record in changes.records} == {"p", "anna"}
    after = await store.get(Resource.USERS, "anna")
    assert before and after and after.document == before.document and after.version > 2
    assert (await store.spent(["total"]))["global", "total"] == 20
    assert await store.last_used(["k"]) == {"k": AT + 60}
    assert (await store.audits())[1] == 5 and len(await store.prices()) == 1
    assert await store.sessions() == []
    await restore(store, io.BytesIO(data), RESTORED)
    assert (await store.audits())[1] == 6


async def test_of_an_hour_the_sums_with_more_requests_stay(store: Store) -> None:
    """As where a gateway began anew, and got a backup of the same hour after its first request."""
    rows = [row("r1"), row("r2"), row("r3", cost_nanos=7)]
    await store.append(rows, [])
    file = io.BytesIO()
    await backup(store, file)
    kept = await all_of(store, usage_hours)
    for table in (usage, usage_hours):
        await store.change(lambda connection, table=table: connection.execute(delete(table)))  # type: ignore[misc]
    await store.append([row("r4")], [])
    await restore(store, file, RESTORED)
    assert await all_of(store, usage_hours) == kept and await count(store, usage) == 4
    await store.append([row("r5")], [])
    await restore(store, file, RESTORED)
    assert [hour.requests for hour in await all_of(store, usage_hours)] == [4]


async def test_usage_can_be_left_out(store: Store) -> None:
    await filled(store)
    file = io.BytesIO()
    counts = await backup(store, file, usage=False)
    assert "usage" not in counts and counts["spend"] == 6
    await restore(store, file, RESTORED)
    assert "usage" in await whole(store)


async def test_a_file_is_written_whole_and_private(store: Store, tmp_path: Path) -> None:
    await filled(store)
    path = tmp_path / "gateway.backup"
    await backup(store, path)
    assert path.stat().st_mode & 0o777 == 0o600 and [one.name for one in tmp_path.glob("*backup*")] == [path.name]
    with path.open("rb") as file:
        assert verify(file).rows["records"] == 2
    assert b"sealed:xyz" in gzip.decompress(path.read_bytes())
    with pytest.raises(ConfigError, match="cannot be written"):
        await backup(store, tmp_path / "missing" / "file")


def edited(data: bytes, change: Callable[[list[Any]], None]) -> bytes:
    """The backup with other lines and a right checksum."""
    lines = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    change(lines)
    text = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines[:-1]]
    lines[-1]["sha256"] = hashlib.sha256(b"".join(text)).hexdigest()
    return gzip.compress(b"".join([*text, json.dumps(lines[-1]).encode() + b"\n"]))


def _newer_format(lines: list[Any]) -> None:
    lines[0]["version"] = 2


def _newer_schema(lines: list[Any]) -> None:
    lines[0]["schema"] = "9000"


def _unknown_table(lines: list[Any]) -> None:
    lines[0]["columns"]["secrets"] = ["x"]


def _unknown_column(lines: list[Any]) -> None:
    lines[0]["columns"]["records"][0] = "nonsense"


def _no_record(lines: list[Any]) -> None:
    lines[1][1][0] = "nonsense"


def _short_row(lines: list[Any]) -> None:
    lines[1][1].pop()


def _text_for_a_number(lines: list[Any]) -> None:
    lines[1][1][-1] = "today"


def _missing_row(lines: list[Any]) -> None:
    lines.pop(1)


def _no_end(lines: list[Any]) -> None:
    lines.insert(1, ["records"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_newer_format, "newer gateway"),
        (_newer_schema, "newer gateway"),
        (_unknown_table, "header"),
        (_unknown_column, "header"),
        (_no_record, "record that cannot be read"),
        (_short_row, "values, not"),
        (_text_for_a_number, "something else"),
        (_missing_row, "checksum"),
        (_no_end, "no row"),
    ],
)
async def test_a_file_that_is_not_right_is_refused_and_changes_nothing(
    store: Store, change: Callable[[list[Any]], None], words: str
) -> None:
    data = await filled(store)
    before, revision = await whole(store), await store.revision()
    with pytest.raises(InvalidRequest, match=words):
        await restore(store, io.BytesIO(edited(data, change)), RESTORED)
    assert await whole(store) == before and await store.revision() == revision


async def test_other_files_are_refused(store: Store) -> None:
    data = await filled(store)
    for other in (b"", b"hello", gzip.compress(b""), gzip.compress(b"{}\n"), gzip.compress(b"[" * 10**6), data[:-3]):
        with pytest.raises(InvalidRequest):
            await restore(store, io.BytesIO(other), RESTORED)
    with pytest.raises(InvalidRequest, match="follows"):
        await restore(store, io.BytesIO(data + gzip.compress(b"more")), RESTORED)


async def test_no_cut_and_no_changed_byte_goes_unseen(file_home: Home) -> None:
    data = await filled(await file_home.open())

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, len(data) - 1), st.integers(1, 255))
    def check(place: int, change: int) -> None:
        with pytest.raises(InvalidRequest):
            verify(io.BytesIO(data[:place]))
        changed = data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]
        try:
            verify(io.BytesIO(changed))
        except InvalidRequest:
            return
        assert gzip.decompress(changed) == gzip.decompress(data), (
            "some bits of gzip mean nothing: time, system, padding"
        )

    await asyncio.to_thread(check)


async def test_a_restore_that_the_database_refuses_changes_nothing(store: Store) -> None:
    data = await filled(store)

    def twice(lines: list[Any]) -> None:
        lines.insert(1, lines[1])
        lines[-1]["rows"]["records"] += 1

    before = await whole(store)
    with pytest.raises(StorageFailed):
        await restore(store, io.BytesIO(edited(data, twice)), RESTORED)
    assert await whole(store) == before


async def write_on(store: Store, enough: asyncio.Event) -> None:
    """Two records that are always the same."""
    for n in count_up():
        if enough.is_set():
            return
        await store.write([put("a", n=n), put("b", n=n)], TOLD)


async def test_a_backup_while_writes_go_on_is_of_one_moment(store: Store) -> None:
    await store.write([put("a", n=0), put("b", n=0)], TOLD)
    enough, seen = asyncio.Event(), set[str]()
    writing = asyncio.create_task(write_on(store, enough))
    while len(seen) < 5 and not writing.done():
        file = io.BytesIO()
        await backup(store, file)
        lines = [json.loads(line) for line in gzip.decompress(file.getvalue()).splitlines()]
        place = lines[0]["columns"]["records"].index("document")
        documents = [line[1][place] for line in lines[1:-1] if line[0] == "records"]
        assert documents[0] == documents[1]
        seen.add(documents[0])
    enough.set()
    await writing


async def test_a_copy_by_sqlite_itself_is_whole_while_writes_go_on(file_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    enough = asyncio.Event()

    def copy() -> None:
        with closing(sqlite3.connect(file_home.file)) as connection:
            connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))

    writing = asyncio.create_task(write_on(store, enough))
    while await store.revision() < 10:
        assert not writing.done()
    await asyncio.to_thread(copy)
    enough.set()
    await writing
    (tmp_path / "second").mkdir()
    shutil.copy(tmp_path / "copy.db", tmp_path / "second" / "gateway.db")
    second = await Store.open(None, tmp_path / "second")
    try:
        first, other = await second.read(Resource.USERS)
        assert first.document == other.document and first.revision == await second.revision()
    finally:
        await second.close()


async def test_a_plain_copy_of_a_closed_store_is_a_backup(file_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    await store.write([put("a", n=1)], TOLD)
    await store.close()
    assert [path.name for path in file_home.folder.iterdir()] == ["gateway.db"]
    shutil.copytree(file_home.folder, tmp_path / "copy")
    copied = await Store.open(None, tmp_path / "copy")
    try:
        assert [record.document for record in await copied.read(Resource.USERS)] == [{"n": 1}]
    finally:
        await copied.close()
