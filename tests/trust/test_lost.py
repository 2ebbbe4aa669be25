"""What a running gateway does without its disk, its PostgreSQL or its Redis, and that it comes back by itself."""

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.postgres import Postgres
from tests.fakes.redis_server import RedisServer
from tests.fakes.upstream import Upstream
from tests.trust.processes import Served, eventually, provider_yaml, usage_rows

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")


def mount(folder: Path, size: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted: {done.stderr.decode().strip()}")


@pytest.fixture
def state_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB in the place of STATE_DIR."""
    folder = tmp_path / "state"
    mount(folder, "4m")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def new_key(admin: httpx.Client, name: str = "k") -> httpx.Response:
    return admin.post("/api/admin/apikeys", json={"name": name})


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return filler


@AS_ROOT
def test_a_full_disk_refuses_changes_and_stops_no_request(tmp_path: Path, state_disk: Path, upstream: Upstream) -> None:
    with Served(tmp_path, yaml=provider_yaml(upstream.url)) as served, served.http() as admin:
        assert new_key(admin).status_code == 201
        filler = fill(state_disk)
        statuses = [new_key(admin, f"full-{n}").status_code for n in range(400)]  # the log ahead has a little room left
        assert statuses[-1] == 507 and set(statuses) <= {201, 507}
        assert [served.chat().status_code for _ in range(20)] == [200] * 20
        kept = admin.get("/api/admin/apikeys", params={"limit": 1}).json()["total"]
        assert kept == 2 + statuses.count(201), "master, the first, and those that were acknowledged"
        filler.unlink()
        eventually(lambda: new_key(admin, "after").status_code == 201)
        eventually(lambda: len(usage_rows(admin)) == 20)


def test_a_terminal_that_is_closed_loses_nothing(tmp_path: Path, upstream: Upstream) -> None:
    hears = ["env", "--default-signal=HUP"]  # also where the tests run under nohup
    with Served(tmp_path, yaml=provider_yaml(upstream.url), prefix=hears) as served:
        assert served.chat().status_code == 200
        assert served.child
        served.child.send_signal(signal.SIGHUP)
        assert served.child.wait(60) != -signal.SIGHUP and "SIGHUP ends the gateway" in served.log
    with Served(tmp_path, yaml=provider_yaml(upstream.url)) as served, served.http() as admin:
        assert len(usage_rows(admin)) == 1


def test_a_database_that_is_deleted_is_said_loudly_and_comes_back(tmp_path: Path, upstream: Upstream) -> None:
    with Served(tmp_path, yaml=provider_yaml(upstream.url)) as served, served.http() as admin:
        key = new_key(admin).json()["key"]
        assert admin.get("/health").json()["storage"] == {"status": "ok", "error": None}
        (tmp_path / "state/gateway.db").unlink()
        assert new_key(admin).status_code in (503, 507)
        eventually(lambda: "gateway.db.rescued" in (admin.get("/health").json()["storage"]["error"] or ""))
        assert admin.get("/health").json()["status"] == "degraded"
        assert served.chat(key).status_code == 200
        eventually(lambda: "was deleted while it was used" in served.log)
    (rescued,) = tmp_path.glob("state/gateway.db.rescued-*")
    rescued.rename(tmp_path / "state/gateway.db")
    with Served(tmp_path, yaml=provider_yaml(upstream.url)) as served:
        assert served.chat(key).status_code == 200


@AS_ROOT
def test_a_folder_that_cannot_be_written_is_said_loudly_and_everything_goes_on(
    tmp_path: Path, state_disk: Path, upstream: Upstream
) -> None:
    """The first start is on a folder without anything in it, the second with what a good start left there."""
    for round in range(2):
        subprocess.run(["mount", "-o", "remount,ro", str(state_disk)], check=True)
        with Served(tmp_path, yaml=provider_yaml(upstream.url), TMPDIR=str(tmp_path)) as served, served.http() as admin:
            assert "cannot be written" in served.log and "ALL CHANGES ARE LOST" in served.log
            assert served.chat().status_code == 200
            assert new_key(admin).status_code == 201
            assert admin.get("/api/admin/apikeys").json()["total"] == 2 + round
        subprocess.run(["mount", "-o", "remount,rw", str(state_disk)], check=True)
        for copy in tmp_path.glob("chute-gateway-*"):
            copy.rename(tmp_path / f"was-{round}")
        with Served(tmp_path, yaml=provider_yaml(upstream.url)) as served, served.http() as admin:
            if not round:
                assert new_key(admin).status_code == 201


def test_a_lost_postgresql_stops_changes_only(tmp_path: Path, upstream: Upstream, postgres_server: Postgres) -> None:
    shared: dict[str, Any] = {"DATABASE_URL": postgres_server.database()}
    with Served(tmp_path, yaml=provider_yaml(upstream.url), **shared) as served, served.http() as admin:
        key = new_key(admin).json()["key"]
        assert served.chat(key).status_code == 200
        postgres_server.stop()
        try:
            assert new_key(admin).status_code == 503
            assert [served.chat(key).status_code for _ in range(20)] == [200] * 20
            assert admin.get("/v1/models").status_code == 200
            assert admin.get("/health").status_code == 200
        finally:
            postgres_server.start()
        eventually(lambda: new_key(admin, "after").status_code == 201)
        eventually(lambda: len(usage_rows(admin)) == 21)


def test_a_frozen_postgresql_holds_no_request_up(tmp_path: Path, upstream: Upstream, postgres_server: Postgres) -> None:
    shared: dict[str, Any] = {"DATABASE_URL": postgres_server.database()}
    with Served(tmp_path, yaml=provider_yaml(upstream.url), **shared) as served, served.http() as admin:
        assert served.chat().status_code == 200
        with postgres_server.frozen():
            assert [served.chat().status_code for _ in range(20)] == [200] * 20
            assert new_key(admin).status_code == 503
        eventually(lambda: new_key(admin, "after").status_code == 201)
        eventually(lambda: len(usage_rows(admin)) == 21)


def test_a_lost_redis_stops_nothing_and_limits_hold_in_the_process(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer
) -> None:
    with (
        Served(tmp_path, yaml=provider_yaml(upstream.url), REDIS_URL=redis_server.url) as served,
        served.http() as admin,
    ):
        limited = admin.post("/api/admin/apikeys", json={"name": "limited", "rpm": 3}).json()["key"]
        assert served.chat(limited).status_code == 200
        redis_server.stop()
        try:
            assert [served.chat().status_code for _ in range(10)] == [200] * 10
            found = [served.chat(limited).status_code for _ in range(8)]
            assert found.count(200) <= 3 and found[-1] == 429
            assert new_key(admin).status_code == 201
        finally:
            redis_server.start()
        other = admin.post("/api/admin/apikeys", json={"name": "other", "rpm": 3}).json()["key"]
        eventually(lambda: served.chat(other).status_code == 200 and _counts(redis_server))


def _counts(redis: RedisServer) -> bool:
    """Whether the gateway keeps something there."""
    return redis.ask("DBSIZE") != b":0\r\n"
