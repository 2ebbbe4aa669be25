"""Two workers on one port, and two instances with one PostgreSQL and one Redis: they behave as one gateway."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from gateway.app import Gateway
from gateway.workers import _Supervisor, _Worker
from tests.fakes.ports import free_port
from tests.fakes.postgres import Postgres
from tests.fakes.redis_server import RedisServer
from tests.fakes.upstream import Upstream
from tests.trust.burst import burst
from tests.trust.processes import Served, chat_body, eventually, provider_yaml, usage_rows

PRICES: dict[str, Any] = {"prices": {"main/gpt-x": {"per_request": 0.01}}}
RACES = (200, 200, 100, 50, 25)
"""Requests at once, of one race after the other until one is clean."""
MEETINGS = 20


class Pair:
    """Two processes that answer: the workers of one port, or one at each of two ports."""

    def __init__(self, served: list[Served]) -> None:
        self.served = served
        self.ports = [each.port for each in served]

    def admin(self) -> httpx.Client:
        return self.served[0].http()

    def statuses(self, key: str) -> set[int]:
        """Of chats that meet both processes."""
        return self.statuses_of(lambda client: client.post("/v1/chat/completions", json=chat_body()), key)

    def statuses_of(self, ask: Callable[[httpx.Client], httpx.Response], key: str) -> set[int]:
        """Of `MEETINGS` calls to each port: the kernel deals connections out by chance."""
        found = set()
        for served in self.served:
            with served.http(key) as client:
                found |= {ask(client).status_code for _ in range(MEETINGS)}
        return found


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[Pair]:
    yaml = provider_yaml(upstream_server.url, **PRICES)
    with Served(tmp_path_factory.mktemp("workers"), yaml=yaml, WORKERS="2") as served:
        eventually(lambda: len(listeners(served)) == 2)
        yield Pair([served])


@pytest.fixture(scope="module")
def two_instances(
    tmp_path_factory: pytest.TempPathFactory,
    upstream_server: Upstream,
    postgres_server: Postgres,
    redis_process: RedisServer,
) -> Iterator[Pair]:
    yaml = provider_yaml(upstream_server.url, **PRICES)
    shared: dict[str, Any] = {
        "DATABASE_URL": postgres_server.database(),
        "REDIS_URL": redis_process.url,
        "SECRET_KEY": SECRET,
    }
    redis_process.ask("FLUSHALL")
    with contextlib.ExitStack() as stack:
        folders = [tmp_path_factory.mktemp("instance") for _ in range(2)]
        yield Pair([stack.enter_context(Served(folder, yaml=yaml, **shared)) for folder in folders])


SECRET = "9f2c4e7a1b8d5036c2e4f6a8b0d1e3f5a7b9"


@pytest.fixture(params=["two_workers", "two_instances"])
def pair(request: pytest.FixtureRequest, upstream: Upstream) -> Pair:
    found: Pair = request.getfixturevalue(request.param)
    return found


def listeners(served: Served) -> list[str]:
    """The sockets that accept connections on its port, as the kernel lists them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[1].endswith(f":{served.port:04X}") and line.split()[3] == "0A"]


def new_key(admin: httpx.Client, **fields: object) -> tuple[str, str]:
    """The id and the key."""
    answer = admin.post("/api/admin/apikeys", json={"name": "racer", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["key"]


def test_a_key_works_everywhere_within_two_seconds_and_once_revoked_nowhere(pair: Pair) -> None:
    """Two seconds of a machine that has time for it."""
    with pair.admin() as admin:
        id, key = new_key(admin)
        took = eventually(lambda: pair.statuses(key) == {200})
        assert admin.delete(f"/api/admin/apikeys/{id}").status_code == 200
        gone = eventually(lambda: pair.statuses(key) == {401})
    print(f"a new key worked in both after {took:.2f} s, a revoked one in none after {gone:.2f} s")


@pytest.mark.parametrize(
    ("limit", "refusal"), [({"budget_usd": 0.1}, 402), ({"rpm": 10}, 429), ({"max_parallel": 10}, 429)]
)
async def test_200_requests_at_once_never_overshoot(
    pair: Pair, upstream: Upstream, limit: dict[str, float], refusal: int
) -> None:
    """The provider answers nobody before all were refused or sent to it, so parallel slots come back to nobody in time.

    Where the machine is so busy that a process counts alone for a moment, as it says in its log when that is over, it
    lets 10 more in each time, and they race again.
    """
    upstream.faults["gpt-x"] = "held"
    with pair.admin() as admin:
        for racers in RACES:
            id, key = new_key(admin, **limit)
            eventually(lambda key=key: _known(pair, key))  # type: ignore[misc]
            before, alone = len(upstream.requests), _times_alone(pair)
            found = await _race(pair, upstream, key, racers)
            assert found.keys() == {200, refusal} and found[200] == len(upstream.requests) - before
            eventually(lambda: found[200] <= 10 * (1 + _times_alone(pair) - alone))  # noqa: B023
            if found[200] == 10:
                break
        eventually(lambda: len(usage_rows(admin, key_id=id)) == racers)
        cost = sum(float(row["cost_usd"] or 0) for row in usage_rows(admin, key_id=id))
    assert round(cost, 6) == found[200] / 100
    print(f"{limit}: {dict(found)} of {racers} at once, {racers} usage rows, {cost:.2f} USD")


async def _race(pair: Pair, upstream: Upstream, key: str, racers: int) -> Counter[int]:
    """How many got which status."""
    release, before, answers = upstream.hold(), len(upstream.requests), Counter[str]()
    bodies = [chat_body() for _ in range(racers)]
    racing = asyncio.create_task(burst(pair.ports, key, bodies, lambda: answers.update(["heard"])))
    async with asyncio.timeout(120):
        while answers["heard"] + len(upstream.requests) - before < racers:
            await asyncio.sleep(0.02)
    release()
    return Counter(await racing)


def _times_alone(pair: Pair) -> int:
    """How often a process counted limits alone until it counted them together with the others again."""
    return sum(served.log.count("limits are counted together again") for served in pair.served)


def test_after_a_reset_a_spent_budget_has_room_in_every_process(pair: Pair) -> None:
    with pair.admin() as admin:
        id, key = new_key(admin, budget_usd=0.1, budget_period="month")
        eventually(lambda: _known(pair, key))
        eventually(lambda: pair.statuses(key) == {402})
        eventually(lambda: round(sum(float(row["cost_usd"] or 0) for row in usage_rows(admin, key_id=id)), 6) == 0.1)
        assert admin.post(f"/api/admin/apikeys/{id}/reset-spend").status_code == 200
        for served in pair.served:
            eventually(lambda served=served: _has_room(served, key))  # type: ignore[misc]
        eventually(lambda: pair.statuses(key) == {402})


def _has_room(served: Served, key: str) -> bool:
    return served.chat(key).status_code == 200


def _known(pair: Pair, key: str) -> bool:
    """Whether the key is known everywhere; asking for models is never limited."""
    return pair.statuses_of(lambda client: client.get("/v1/models"), key) == {200}


async def test_every_request_leaves_one_row_and_every_change_one_line(pair: Pair, upstream: Upstream) -> None:
    with pair.admin() as admin:
        before = admin.get("/api/admin/audit", params={"limit": 1}).json()["total"]
        id, key = new_key(admin)
        eventually(lambda: _known(pair, key))
        assert set(await burst(pair.ports, key, [chat_body() for _ in range(100)])) == {200}
        eventually(lambda: len(usage_rows(admin, key_id=id)) == 100)
        rows = usage_rows(admin, key_id=id)
        assert len({row["request_id"] for row in rows}) == 100
        assert admin.get("/api/admin/audit", params={"limit": 1}).json()["total"] == before + 1


def test_a_request_id_finds_its_attempts_in_every_process(pair: Pair, upstream: Upstream) -> None:
    with pair.admin() as admin:
        (_, key), (_, other) = new_key(admin), new_key(admin)
    eventually(lambda: _known(pair, key) and _known(pair, other))
    with pair.served[0].http(key) as client:
        path = f"/v1/route/requests/{client.post('/v1/chat/completions', json=chat_body()).headers['x-request-id']}"
    eventually(lambda: pair.statuses_of(lambda client: client.get(path), key) == {200})
    assert pair.statuses_of(lambda client: client.get(path), other) == {404}


def test_a_worker_that_dies_begins_anew_and_nobody_is_refused(two_workers: Pair, upstream: Upstream) -> None:
    [served] = two_workers.served
    before, ends = served.children(), served.log.count("begins anew")
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: served.log.count("begins anew") > ends)  # until then it may take a call, to its grave
    assert {served.chat().status_code for _ in range(20)} == {200}
    eventually(lambda: len(served.children()) == 2 and before[0] not in served.children())
    assert before[1] in served.children()


STOPS_THE_FIRST = """
import os, signal, sys
from itertools import count
from gateway.cli import main

forks = count()
now = 0

def before():
    global now
    now = next(forks)

os.register_at_fork(before=before, after_in_child=lambda: now or os.kill(os.getpid(), signal.SIGTERM))
sys.argv[0] = "gateway"
main()
"""


def test_a_worker_hears_that_it_is_to_stop_from_its_first_moment_on(tmp_path: Path, upstream: Upstream) -> None:
    """Else the end of the gateway waits for the time that a worker has to stop."""
    served = Served(tmp_path, yaml=provider_yaml(upstream.url), WORKERS="2")
    served._command = [sys.executable, "-c", STOPS_THE_FIRST, "serve"]
    with served:
        eventually(lambda: "worker 0 ended (SIGTERM) and begins anew" in served.log)
        eventually(lambda: served.log.count("listening on") == 2)
        assert served.stop() < 38, "workers that hear nothing are killed after 40 s"


def test_a_worker_that_cannot_be_started_now_is_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A lack of memory may be what the last one died of: it must not end those that live."""

    def fork() -> int:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(os, "fork", fork)
    alive = os.pipe()
    with socket.socket() as listening:
        worker = _Worker(0, listening)
        supervisor = _Supervisor(cast(Gateway, None), [worker], alive)
        supervisor._start_due()
        wait = supervisor._wait()
    for end in alive:
        os.close(end)
    assert not worker.pid and wait is not None and 1 < wait <= 10
    assert "worker 0 cannot be started" in caplog.text


def test_a_second_gateway_on_the_port_does_not_start(two_workers: Pair, tmp_path: Path) -> None:
    second = Served(tmp_path, WORKERS="2")
    second._environment["PORT"] = str(two_workers.served[0].port)
    with pytest.raises(AssertionError, match="error: PORT"):
        second.start()
    assert second.child and second.child.returncode == 1


def test_engines_need_one_worker(tmp_path: Path) -> None:
    served = Served(tmp_path, WORKERS="2", ENGINES="auto")
    with pytest.raises(AssertionError, match="error: WORKERS: local engines need WORKERS=1"):
        served.start()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_damaged_database_ends_the_start_with_its_reason(tmp_path: Path, workers: str) -> None:
    served = Served(tmp_path, WORKERS=workers)
    served.state.mkdir(parents=True)
    (served.state / "gateway.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(AssertionError, match=r"error: the database .* is damaged"):
        served.start()
    assert served.child and served.child.wait(20) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_is_not_there_ends_the_start_with_its_reason(tmp_path: Path, workers: str) -> None:
    served = Served(tmp_path, WORKERS=workers, DATABASE_URL=f"postgresql://me:secret@127.0.0.1:{free_port()}/x")
    with pytest.raises(AssertionError, match=r"error: The database cannot be reached"):
        served.start()
    assert served.child and served.child.wait(20) == 1
    assert "Traceback" not in served.log and "secret" not in served.log


def test_a_worker_that_dies_while_the_database_is_away_takes_nobody_with_it(
    tmp_path: Path, upstream: Upstream, postgres_server: Postgres
) -> None:
    shared: dict[str, Any] = {"WORKERS": "2", "DATABASE_URL": postgres_server.database(), "SECRET_KEY": SECRET}
    with Served(tmp_path, yaml=provider_yaml(upstream.url), **shared) as served:
        eventually(lambda: served.log.count("listening on") == 2)
        before = served.children()
        postgres_server.stop()
        try:
            os.kill(before[0], signal.SIGKILL)
            eventually(lambda: served.log.count("begins anew") >= 2)
            assert [served.chat().status_code for _ in range(20)] == [200] * 20
            assert before[1] in served.children()
        finally:
            postgres_server.start()
        eventually(lambda: served.log.count("listening on") == 3)
        assert {served.chat().status_code for _ in range(20)} == {200} and before[1] in served.children()


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path, upstream: Upstream) -> None:
    served = Served(tmp_path, yaml=provider_yaml(upstream.url), WORKERS="2")
    served.start()
    workers = served.children()
    served.kill()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", served.port), 5):
        pass
