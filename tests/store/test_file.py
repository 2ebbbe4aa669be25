"""The SQLite file: private, never empty in silence, elsewhere where it must be, well again after a full disk.

Rows of docs/acceptance.md: A002-33.
"""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.errors import ConfigError, StorageFailed, StorageUnavailable
from gateway.store.engines import Timing, sqlite_engines
from gateway.store.place import locate
from gateway.store.records import Resource
from tests.fakes import unprivileged
from tests.store.conftest import TOLD, Home, put
from tests.store.timings import PATIENT

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_the_file_is_private_flushed_and_logged_ahead(file_home: Home) -> None:
    store = await file_home.open(Timing())
    assert file_home.file.stat().st_mode & 0o777 == 0o600
    await store.write([put("a")], TOLD)
    assert {path.stat().st_mode & 0o777 for path in file_home.folder.iterdir()} == {0o600}

    def facts(connection: object) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "auto_vacuum")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]  # type: ignore[attr-defined]

    assert await store.query(facts) == ["wal", 2, 1, 5000, 2]
    assert await store.change(facts) == ["wal", 2, 1, 5000, 2]
    assert store.notes == () and store.path == file_home.file


def test_whoever_made_a_new_file_and_still_holds_it_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection may be left for the garbage collector: what it knows of the file by its former name is shared."""
    kept: list[sqlite3.Connection] = []
    link = os.link

    def linked(source: Path, target: Path) -> None:
        kept.append(connection := sqlite3.connect(source))
        connection.execute("CREATE TABLE by_the_former_name (n)")
        link(source, target)

    monkeypatch.setattr(os, "link", linked)
    file = tmp_path / "gateway.db"
    assert locate(file) == (file, []) and kept


def test_workers_that_begin_together_call_nothing_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them makes the database, and the key that lies beside one, while the other is making it too."""
    file, link = tmp_path / "gateway.db", os.link

    def linked(source: Path, target: Path) -> None:
        link(source, target)
        (tmp_path / "secret_key").write_text("of the quicker one")
        link(source, target)

    monkeypatch.setattr(os, "link", linked)
    assert locate(file) == (file, [])


@pytest.mark.parametrize("name", ["with space", "Größe 空", "half#full", "what?mode=ro", "100%25"])
def test_the_file_is_the_one_that_was_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    file = folder / "gateway.db"
    assert locate(file) == (file, [])
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE known (n)")
    engines = sqlite_engines(file, Timing())
    with engines.writer.begin() as writing:
        writing.exec_driver_sql("INSERT INTO known VALUES (1)")
    engines.dispose()
    assert list(tmp_path.iterdir()) == [folder]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT n FROM known").fetchall() == [(1,)]


def test_each_write_is_flushed_once(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom gateway.store.store import Store\n"
        "from tests.store.conftest import TOLD, put\nfrom tests.store.timings import PATIENT\n"
        "async def main():\n"
        "    store = await Store.open(None, Path(sys.argv[1]), PATIENT)\n"
        "    print('start', flush=True)\n"
        "    for n in range(40): await store.write([put('a', n=n)], TOLD)\n"
        "    print('stop', flush=True)\n"
        "asyncio.run(main())\n"
    )
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync,write", "-o", str(tmp_path / "log"), sys.executable, "-c"]
    subprocess.run([*command, program, str(tmp_path / "state")], check=True, capture_output=True, timeout=300)
    during = (tmp_path / "log").read_text().partition('"start')[2].partition('"stop')[0]
    assert 40 <= during.count("fsync(") + during.count("fdatasync(") <= 44


async def test_damaged_files_are_said_and_left_alone(file_home: Home) -> None:
    store = await file_home.open()
    for n in range(50):
        await store.write([put(f"u{n}", text="x" * 500)], TOLD)
    await store.close()
    whole = file_home.file.read_bytes()
    middle = bytearray(whole)
    middle[8192:40960] = os.urandom(32768)
    for damage in (b"", b"hello", b"\0" * len(whole), whole[: len(whole) // 2], bytes(middle), os.urandom(5000)):
        file_home.file.write_bytes(damage)
        with pytest.raises(ConfigError, match="backup") as refused:
            await file_home.open()
        assert str(file_home.file) in refused.value.message
        assert file_home.file.read_bytes() == damage
    file_home.file.write_bytes(whole)
    assert len(await (await file_home.open()).read(Resource.USERS)) == 50


async def test_a_file_that_goes_while_it_is_used_is_not_replaced_by_an_empty_one(file_home: Home) -> None:
    store = await file_home.open()
    await store.write([put("a")], TOLD)
    await store.close()
    fresh, used = await file_home.open(), await file_home.open()
    await used.write([put("b")], TOLD)
    aside = file_home.folder.rename(file_home.folder.with_name("aside"))
    for store in (fresh, used):
        with pytest.raises((StorageFailed, StorageUnavailable)):
            await store.write([put("c")], TOLD)
        with pytest.raises((StorageFailed, StorageUnavailable)):
            await store.read(Resource.USERS)
    assert not file_home.folder.exists()
    aside.rename(file_home.folder)
    for store in (fresh, used):
        await store.write([put(f"d{id(store)}")], TOLD)
        assert len(await store.read(Resource.USERS)) >= 3


async def test_a_file_that_is_replaced_while_it_is_used_gets_no_writes(file_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    await store.write([put("a")], TOLD)
    other = Home(tmp_path / "other")
    await (await other.open()).write([put("z")], TOLD)
    await other.close()
    other.file.replace(file_home.file)
    with pytest.raises(StorageFailed, match=r"replaced .* is in gateway\.db\.rescued-\d+T\d+\. Restart"):
        await store.write([put("b")], TOLD)
    await file_home.close()
    (kept,) = file_home.folder.glob("gateway.db.rescued-*")
    kept.rename(tmp_path / "gateway.db")
    for place, id in ((file_home, "z"), (Home(tmp_path), "a")):
        again = await place.open()
        assert [record.id for record in await again.read(Resource.USERS)] == [id]
        await again.close()


async def test_a_deleted_file_is_rescued_and_the_next_start_does_not_begin_with_nothing(file_home: Home) -> None:
    store, other = await file_home.open(), await file_home.open()
    for n in range(50):
        await store.write([put(f"u{n}", text="x" * 500)], TOLD)
    assert len(await other.read(Resource.USERS)) == 50 and not store.trouble
    file_home.file.unlink()
    for one in (store, other):
        with pytest.raises(StorageFailed, match=r"gateway\.db\.rescued-\d+T\d+: stop the gateway, rename"):
            await one.read(Resource.USERS)
        with pytest.raises((StorageFailed, StorageUnavailable)):
            await one.write([put("lost")], TOLD)
        assert one.trouble
    assert not file_home.file.exists()
    await file_home.close()
    with pytest.raises(ConfigError, match=r"gateway\.db\.rescued-\d+T\d+ is what it held"):
        await file_home.open()
    (rescued,) = file_home.folder.glob("gateway.db.rescued-*")
    assert rescued.stat().st_mode & 0o777 == 0o600
    rescued.rename(file_home.file)
    again = await file_home.open()
    assert len(await again.read(Resource.USERS)) == 50 and not again.trouble


async def test_the_log_of_a_file_that_is_gone_is_not_put_into_a_new_one(file_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    for n in range(50):
        await store.write([put(f"u{n}", text="x" * 500)], TOLD)
    log = file_home.file.with_name("gateway.db-wal")
    killed = Home(tmp_path / "killed")
    killed.folder.mkdir()
    shutil.copy(log, killed.folder)
    with pytest.raises(ConfigError, match=r"its log .*gateway\.db-wal is not"):
        await killed.open()
    (killed.folder / "gateway.db-wal").unlink()
    assert await (await killed.open()).read(Resource.USERS) == []


async def test_nothing_of_a_file_is_left_for_the_one_in_its_place(file_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    for n in range(50):
        await store.write([put(f"u{n}", text="x" * 500)], TOLD)
    aside = file_home.file.rename(tmp_path / "aside.db")
    with pytest.raises(StorageFailed):
        await store.read(Resource.USERS)
    with closing(sqlite3.connect(f"file:{aside}?immutable=1", uri=True)) as alone:
        assert alone.execute("SELECT count(*) FROM records").fetchone() == (50,), "whole without its log"
    assert file_home.file.with_name("gateway.db-wal").stat().st_size == 0
    assert not list(file_home.folder.glob("*.rescued-*")), "it is there, under another name"


async def test_a_folder_that_was_used_before_does_not_begin_anew_without_a_word(file_home: Home) -> None:
    file_home.folder.mkdir()
    (file_home.folder / "secret_key").write_text("kept from before")
    assert "begins with nothing" in (await file_home.open()).notes[0]
    assert (await file_home.open()).notes == ()


async def test_a_database_of_somebody_else_is_refused(file_home: Home) -> None:
    file_home.folder.mkdir()
    with closing(sqlite3.connect(file_home.file)) as connection:
        connection.execute("CREATE TABLE records (x)")
    with pytest.raises(ConfigError, match="not the gateway's"):
        await file_home.open()


@AS_ROOT
async def test_a_read_only_folder_is_replaced_by_a_copy_and_said_loudly(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted")
    place = Home(disk / "state")
    elsewhere = []
    try:
        store = await place.open()
        await store.write([put("a", n=1)], TOLD)
        await store.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        one, two = await place.open(), await place.open()
        elsewhere = [store.path for store in (one, two) if store.path]
        assert one.path == two.path and not elsewhere[0].is_relative_to(disk)
        assert elsewhere[0].parent.stat().st_mode & 0o777 == 0o700
        assert [record.document for record in await one.read(Resource.USERS)] == [{"n": 1}]
        await one.write([put("b")], TOLD)
        assert await two.revision() == 2
        (note,) = one.notes
        assert str(place.folder) in note and "LOST" in note
    finally:
        await place.close()
        subprocess.run(["umount", "-l", str(disk)], check=True)
        for path in elsewhere[:1]:
            shutil.rmtree(path.parent)


@AS_ROOT
async def test_a_folder_without_permission_is_replaced_too(file_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await file_home.open()  # whatever it imports is imported as root
    folder = unprivileged.folder("gateway-test-")
    place = Home(folder / "state")
    place.folder.mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    os.seteuid(unprivileged.account()["user"])
    try:
        store = await place.open()
        await store.write([put("a")], TOLD)
        assert store.path and store.path.is_relative_to(folder) and "ALL CHANGES ARE LOST" in store.notes[0]
        await place.close()
        assert list(place.folder.iterdir()) == []
        store.path.parent.chmod(0o755)
        with pytest.raises(ConfigError, match="somebody else"):
            await place.open()
    finally:
        os.seteuid(0)
        await place.close()
        shutil.rmtree(folder)


@AS_ROOT
async def test_a_full_disk_refuses_writes_goes_on_reading_and_recovers(small_disk: Path) -> None:
    place = Home(small_disk / "state")
    store = await place.open()
    await store.write([put("a", n=1)], TOLD)
    try:
        acknowledged = 0
        with pytest.raises(StorageFailed, match="room"):
            for n in range(10_000):
                await store.write([put(f"big{n}", text="x" * 5000)], TOLD)
                acknowledged += 1
        with pytest.raises(StorageFailed):
            await store.write([put("more", text="x" * 20_000)], TOLD)
        assert len(await store.read(Resource.USERS)) == acknowledged + 1
        again = await place.open()
        assert len(await again.read(Resource.USERS)) == acknowledged + 1
        subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
        await store.write([put("more", text="x" * 20_000)], TOLD)
        assert len(await again.read(Resource.USERS)) == acknowledged + 2
    finally:
        await place.close()
    with closing(sqlite3.connect(place.file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 512)
    return filler


@AS_ROOT
@pytest.mark.parametrize("lasts", [True, False])
async def test_a_disk_that_is_full_at_the_start_is_asked_again_and_then_told(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, lasts: bool
) -> None:
    place = Home(small_disk / "state")
    await place.open()
    await place.close()
    filler, pauses = fill(small_disk), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if not lasts:
            filler.unlink()

    monkeypatch.setattr("gateway.store.place.time", SimpleNamespace(sleep=pause))
    if lasts:
        with pytest.raises(ConfigError, match=r"cannot be opened: disk I/O error \(SQLITE_IOERR_\w+\): is there room"):
            await place.open()
    else:
        await place.open()
    assert len(pauses) == (3 if lasts else 1)
    filler.unlink(missing_ok=True)
    await place.close()


async def test_a_file_at_its_largest_size_refuses_writes_and_recovers(file_home: Home) -> None:
    store = await file_home.open()
    await store.write([put("a", n=1)], TOLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    try:
        with pytest.raises(StorageFailed):
            for n in range(1000):
                await store.write([put(f"big{n}", text="x" * 5000)], TOLD)
        kept = len(await store.read(Resource.USERS))
        assert kept > 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await store.write([put("more")], TOLD)
    assert len(await store.read(Resource.USERS)) == kept + 1


async def test_the_file_may_be_named(tmp_path: Path) -> None:
    place = Home(tmp_path / "state", f"sqlite:///{tmp_path}/deep/er/my.db")
    store = await place.open()
    await store.write([put("a")], TOLD)
    assert store.path == tmp_path / "deep/er/my.db" and not place.folder.exists()
    await place.close()
    for bad in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ConfigError, match="needs a file"):
            await Home(tmp_path, bad).open()


async def test_a_busy_file_is_waited_for_and_then_said(file_home: Home) -> None:
    store, hasty = await file_home.open(), await file_home.open(replace(PATIENT, lock=0.1))
    await store.write([put("a")], TOLD)
    with closing(sqlite3.connect(file_home.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.write([put("b")], TOLD))
        assert len(await store.read(Resource.USERS)) == 1
        with pytest.raises(StorageUnavailable, match="busy"):
            await hasty.write([put("c")], TOLD)
        assert not writing.done()
        other.execute("COMMIT")
        assert (await writing)[0] == 2
