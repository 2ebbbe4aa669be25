"""`gateway backup` and `gateway restore`, as people run them.

Rows of docs/acceptance.md: A002-33.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.records import Resource
from gateway.store.store import Store
from tests.store.conftest import TOLD, Home, put

pytestmark = pytest.mark.slow


def gateway(home: Home, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(home.folder)}
    if home.url:
        environment["DATABASE_URL"] = home.url
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=240)


async def test_what_was_backed_up_is_restored_while_the_gateway_runs(home: Home, tmp_path: Path) -> None:
    store = await home.open()
    await store.write([put("anna", n=1)], TOLD)
    file = tmp_path / "one.backup"
    done = gateway(home, "backup", str(file))
    assert done.returncode == 0 and "1 records" in done.stdout, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    await store.write([put("anna", n=2)], TOLD)
    revision = await store.revision()
    refused = gateway(home, "restore", str(file))
    assert refused.returncode == 1 and "add --yes" in refused.stderr
    done = gateway(home, "restore", str(file), "--yes")
    assert done.returncode == 0 and f"revision {revision + 1}" in done.stdout, done.stderr
    assert await store.wait_for_change(revision, 5) == revision + 1
    assert [record.document for record in await store.read(Resource.USERS)] == [{"n": 1}]
    rows, _ = await store.audits()
    assert [(row.actor, row.action) for row in rows[:3]] == [
        ("command line", "restore"),
        ("tester", "update"),
        ("command line", "backup"),
    ]


async def test_refusals_are_one_line(file_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    await store.write([put("anna", n=1)], TOLD)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"nonsense")
    for words in (
        ("restore", str(damaged), "--yes"),
        ("restore", str(tmp_path / "none"), "--yes"),
        ("backup", "/no/x"),
        ("backup", str(damaged / "x")),
    ):
        done = gateway(file_home, *words)
        assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert await store.revision() == 1


async def test_a_gateway_moves_from_sqlite_to_postgresql(file_home: Home, server_home: Home, tmp_path: Path) -> None:
    store = await file_home.open()
    await store.write([put("anna", n=1)], TOLD)
    assert gateway(file_home, "backup", str(tmp_path / "b"), "--no-usage").returncode == 0
    assert gateway(server_home, "restore", str(tmp_path / "b"), "--yes").returncode == 0
    moved = await Store.open(server_home.url, server_home.folder)
    assert [record.document for record in await moved.read(Resource.USERS)] == [{"n": 1}]
    await moved.close()
