"""How the platform counts failures of instances (platform-contract §1, fact 5)."""

import asyncio
import base64
import gzip
import time
from pathlib import Path

import httpx
import pytest

from gateway.platform.calls import Calls
from gateway.platform.fleet import MAX_FAILURES, OUT_SECONDS, Fleet, Instance
from gateway.platform.identity import Refused
from gateway.platform.world import Chute, CordSpec, World
from tests.fakes.http_server import Exchange, HttpServer

CHUTE = Chute("id", "user", "name", "slug", "image", "1", {})


async def fleet_with_instance(tmp_path: Path, count: int = 1) -> tuple[Fleet, list[Instance]]:
    """Instances whose processes only wait."""
    fleet, made = Fleet(World(), tmp_path, tmp_path, ""), []
    for n in range(count):
        process = await asyncio.create_subprocess_exec("sleep", "60")
        client = httpx.AsyncClient()
        made.append(Instance(str(n), "id", "1", 1, process, tmp_path / "log", client, active=True))
    fleet._instances += made
    return fleet, made


async def test_seven_failures_in_a_row_take_an_instance_out(tmp_path: Path) -> None:
    fleet, (one,) = await fleet_with_instance(tmp_path)
    for _ in range(MAX_FAILURES - 1):
        fleet.failed(one)
    fleet.succeeded(one)
    for _ in range(MAX_FAILURES - 1):
        fleet.failed(one)
    assert fleet.usable(CHUTE) == [one]
    fleet.failed(one)
    assert fleet.usable(CHUTE) == []
    assert OUT_SECONDS[0] - 5 < one.out_until - time.monotonic() <= OUT_SECONDS[0]
    one.out_until = 0
    assert fleet.usable(CHUTE) == [one]
    await fleet.close()


async def test_after_the_third_time_out_it_is_deleted(tmp_path: Path) -> None:
    fleet, (one,) = await fleet_with_instance(tmp_path)
    for _ in range(MAX_FAILURES * (len(OUT_SECONDS) + 1)):
        fleet.failed(one)
    assert not one.active
    await fleet.close()


async def test_426_deletes_it_at_once(tmp_path: Path) -> None:
    fleet, (one,) = await fleet_with_instance(tmp_path)
    fleet.failed(one, deadly=True)
    assert await one.process.wait() != 0
    assert fleet.of(CHUTE) == []
    await fleet.close()


async def test_the_least_busy_of_the_newest_version_is_asked_first(tmp_path: Path) -> None:
    fleet, (old, busy, idle) = await fleet_with_instance(tmp_path, 3)
    old.version, busy.in_flight = "0", 5
    assert fleet.usable(CHUTE) == [idle, busy]
    busy.active = idle.active = False
    assert fleet.usable(CHUTE) == [old]
    await fleet.close()


CORD = CordSpec("/chat", "/v1/chat/completions", "POST", passthrough=True)


class Answering:
    """What an instance says to each call, in order; all calls go to it, whichever instance is asked."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.server = HttpServer(self._answer)
        self.server.start()

    async def _answer(self, exchange: Exchange) -> None:
        status = self.statuses.pop(0)
        sealed = base64.b64encode(gzip.compress(b'{"well": true}')).decode()
        exchange.send_json(status, {"json": sealed} if status == 200 else {"detail": "no"})


@pytest.mark.parametrize(
    ("statuses", "asked", "shown", "failures"),
    [
        ([200], 1, 200, [0, 0, 0, 0]),
        ([500, 200], 2, 200, [1, 0, 0, 0]),
        ([429, 429, 200], 3, 200, [0, 0, 0, 0]),
        ([503, 502, 500, 200], 3, 500, [1, 1, 1, 0]),
        ([429, 429, 429, 200], 3, 429, [0, 0, 0, 0]),
        ([400, 200], 1, 400, [0, 0, 0, 0]),
    ],
)
async def test_up_to_three_instances_are_tried(
    tmp_path: Path, statuses: list[int], asked: int, shown: int, failures: list[int]
) -> None:
    fleet, made = await fleet_with_instance(tmp_path, 4)
    fake = Answering(*statuses)
    for one in made:
        one.port = fake.server.port
    try:
        reply = await Calls(fleet).invoke(CHUTE, CORD, {}, {})
        assert (reply.status_code, reply.body) == (shown, b'{"well": true}')
    except Refused as refused:
        assert refused.status == shown
    assert len(statuses) - len(fake.statuses) == asked
    assert [one.failures for one in made] == failures
    await fleet.close()
    fake.server.stop()
