"""The schema: made whole, brought up from every released version, by one process at a time, all or nothing."""

import asyncio
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, inspect, text

from gateway.errors import ConfigError
from gateway.store.engines import Engines, Timing, parse_url, postgresql_engines, sqlite_engines
from gateway.store.records import Resource
from gateway.store.schema import STEPS, prepare
from gateway.store.store import Store
from gateway.store.tables import SCHEMA, VERSION_TABLE, metadata
from tests.store.conftest import TOLD, Home, put

DUMPS = Path(__file__).with_name("schemas")
RELEASED = sorted({path.name[:4] for path in DUMPS.glob("*.sql")})

NEXT_STEP = """
from alembic import op
import sqlalchemy as sa

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("records", sa.Column("note", sa.Text, nullable=False, server_default="from 0008"))
    op.create_table("extra", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO extra (id) VALUES (1)")
"""


def engines_of(home: Home) -> Engines:
    if home.url:
        address = parse_url(home.url)
        assert isinstance(address, URL)
        return postgresql_engines(address, Timing(), lambda connection: None)
    return sqlite_engines(home.file, Timing())


def steps_in(folder: Path, step: str = NEXT_STEP) -> Path:
    """Our steps and one more."""
    shutil.copytree(STEPS, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "migrations" / "versions" / "v0008.py").write_text(step)
    return folder / "migrations"


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
    return list(compare_metadata(context, metadata))


def load(home: Home, version: str) -> None:
    kind = "postgresql" if home.url else "sqlite"
    script = (DUMPS / f"{version}.{kind}.sql").read_text()
    if home.url:
        assert home.server
        home.server.execute(script, home.url.rpartition("/")[2])
    else:
        home.folder.mkdir()
        with closing(sqlite3.connect(home.file)) as connection:
            connection.executescript(script)


def test_the_newest_version_is_that_of_the_last_step_and_has_a_dump() -> None:
    steps = sorted(path.stem for path in (STEPS / "versions").glob("v*.py"))
    assert steps[-1] == f"v{SCHEMA}" and RELEASED[-1] == SCHEMA
    assert len(list(DUMPS.glob("*.sql"))) == 2 * len(steps)


@pytest.mark.parametrize("version", RELEASED)
async def test_a_database_of_every_released_version_is_brought_up_with_its_data(home: Home, version: str) -> None:
    load(home, version)
    store = await home.open()
    assert await store.query(differences) == []
    assert [record.id for record in await store.read(Resource.USERS)] == ["anna"]
    provider = await store.get(Resource.PROVIDERS, "main")
    assert provider and provider.secrets == {"api_key": "sealed:abc"} and provider.document["name"] == "Main"
    assert await store.revision() == 3 and (await store.audits())[1] == 3
    assert await store.spent(["total"]) == {("key:k", "total"): 1100, ("global", "total"): 1100}
    assert [price.upstream_model for price in await store.prices()] == ["m"]
    assert await store.last_used(["k", "anna"]) == {"k": 1_700_000_000.0}
    assert [session.user_id for session in await store.sessions()] == ["anna"]
    if version >= "0002":
        assert [job.id for job in await store.jobs.listed("k", 9, None)] == ["job-2", "job-1"]
        assert await store.jobs.read_body("job-2") == b"\x00\xffID"
    if version >= "0004":
        batch = await store.batches.find("batch_1")
        assert batch and batch.metadata == {"a": "b"} and batch.errors == []
        assert list(batch.models) == (["m"] if version >= "0006" else [])
        assert await store.batches.unanswered(batch, 0, 9) == ([(1, b"{}\n")], 1)
    assert (await store.write([put("new")], TOLD))[0] == 4


async def test_a_new_database_is_as_the_tables_say(home: Home) -> None:
    store = await home.open()
    assert await store.query(differences) == []


async def test_an_upgrade_keeps_the_data_and_a_copy_of_the_file(home: Home, tmp_path: Path) -> None:
    store = await home.open()
    await store.write([put("a", n=1)], TOLD)
    await store.close()
    engines = engines_of(home)
    path = None if home.url else home.file
    steps = steps_in(tmp_path)
    await asyncio.gather(*(asyncio.to_thread(prepare, engines, path, "0008", steps) for _ in range(2)))
    with engines.reader.connect() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all() == ["0008"]
        assert connection.execute(text("SELECT id, note FROM records")).all() == [("a", "from 0008")]
        assert connection.execute(text("SELECT count(*) FROM extra")).scalar() == 1
    engines.dispose()
    with pytest.raises(ConfigError, match="schema 0008, this gateway knows up to 0007"):
        await home.open()
    if path:
        copy = path.with_name("gateway.db.schema-0007")
        assert copy.stat().st_mode & 0o777 == 0o600
        path.unlink()
        copy.rename(path)
        assert len(await (await home.open()).read(Resource.USERS)) == 1


async def test_a_step_that_fails_leaves_everything_as_it_was(home: Home, tmp_path: Path) -> None:
    store = await home.open()
    await store.write([put("a", n=1)], TOLD)
    engines = engines_of(home)
    steps = steps_in(tmp_path, NEXT_STEP + '    op.execute("INSERT INTO nowhere VALUES (1)")\n')
    with pytest.raises(Exception, match="nowhere"):
        await asyncio.to_thread(prepare, engines, None if home.url else home.file, "0008", steps)
    with engines.reader.connect() as connection:
        assert "extra" not in inspect(connection).get_table_names()
    engines.dispose()
    again = await home.open()
    assert await again.query(differences) == [] and len(await again.read(Resource.USERS)) == 1


async def test_many_that_start_at_once_make_one_database(home: Home) -> None:
    stores = await asyncio.gather(*(home.open() for _ in range(6)))
    for n, store in enumerate(stores):
        await store.write([put(f"u{n}", 0)], TOLD)
    assert {await store.revision() for store in stores} == {6}
    if not home.url:
        assert not [path for path in home.folder.iterdir() if "new" in path.name]


async def test_a_version_that_makes_no_sense_is_refused(home: Home) -> None:
    store = await home.open()
    for said in ("9999", "abc"):
        await store.change(lambda connection, said=said: connection.execute(  # type: ignore[misc]
            text(f"UPDATE {VERSION_TABLE} SET version_num = :said"), {"said": said}
        ))  # fmt: skip
        with pytest.raises(ConfigError, match="newer gateway"):
            await Store.open(home.url, home.folder)


async def test_alembic_and_the_server_driver_are_not_imported_where_they_are_not_needed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom gateway.store.store import Store\n"
        "async def main():\n"
        "    for _ in range(2): await (await Store.open(None, Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\n"
        "print([name for name in ('alembic', 'psycopg', 'sqlalchemy.orm') if name in sys.modules])\n"
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert (await running.communicate())[0].strip() == b"[]"
