"""How the platform counts failures of instances (platform-contract §1, fact 5)."""

import asyncio
import time
from pathlib import Path

import httpx

from gateway.platform.fleet import MAX_FAILURES, OUT_SECONDS, Fleet, Instance
from gateway.platform.world import Chute, World

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
