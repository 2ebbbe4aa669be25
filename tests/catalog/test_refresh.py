"""The refresher: sources that fail keep their rows, a start without network serves what there is, nobody waits.

Rows of docs/acceptance.md: A001-01, A001-13.
"""

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from gateway.catalog.board import CatalogBoard
from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import Change
from gateway.catalog.client import JsonClient
from gateway.catalog.facts import PriceKind
from gateway.catalog.history import History
from gateway.catalog.parts import CatalogParts, build_catalog
from gateway.catalog.refresh import Refresher
from gateway.catalog.shelf import Shelf
from gateway.catalog.sources.base import CatalogSource
from gateway.catalog.sources.chutes import ChutesList
from gateway.catalog.sources.llm import LlmModels
from gateway.catalog.sources.snapshot import Snapshot
from gateway.errors import ConfigError
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from gateway.settings import Settings
from tests.catalog.documents import chute, tokens
from tests.catalog.platform import FAULTS, FakePlatform
from tests.fakes.board import FakeBoard, FakeEngine


class Clock:
    """Milliseconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


class Desk:
    """A refresher with a folder, a clock and the two lists of Chutes."""

    def __init__(self, folder: Path, platform: FakePlatform, client: JsonClient) -> None:
        self.clock = Clock()
        self.folder = folder
        self.board = CatalogBoard()
        self.history = History(folder / "history")
        self.platform = platform
        self.shelf = Shelf(folder, self.clock)
        self.heard: list[Change] = []
        self.board.listen(lambda catalog, changes: self.heard.extend(changes))
        self.refresher = Refresher(self.sources, client, self.shelf, self.history, self.board)

    def sources(self) -> list[CatalogSource]:
        url = self.platform.url
        return [ChutesList(url, "k", ttl=600), LlmModels(url, ttl=600), Snapshot()]

    async def later(self) -> list[tuple[str, str, object, object]]:
        """A refresh after all copies have aged; what it changed."""
        self.clock.pass_seconds(601)
        self.heard.clear()
        await self.refresher.refresh()
        return [(one.kind.value, one.model, one.before, one.after) for one in self.heard]

    def price(self, model: str) -> float | None:
        found = self.board.current.find(model)
        assert found is not None
        return found.usd(PriceKind.INPUT)


@pytest.fixture
async def desk(tmp_path: Path, platform: FakePlatform, client: JsonClient) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "catalog", platform, client)
    yield desk
    await desk.refresher.aclose()


async def test_a_start_without_network_serves_the_snapshot_at_once(desk: Desk) -> None:
    outcome = await desk.refresher.restore()
    assert outcome.models == 104 and desk.platform.server.requests == []
    assert {one.source: one.error for one in outcome.sources}["chutes"] == "not asked since the start"
    assert desk.history.versions() == [] and desk.heard == []


async def test_a_refresh_takes_the_place_of_the_snapshot_and_is_the_baseline(desk: Desk) -> None:
    await desk.refresher.restore()
    outcome = await desk.refresher.refresh()
    assert outcome.models == 11 and desk.board.current.find("gemma-3-4b-it") is None
    assert desk.heard == [] and len(desk.history.versions()) == 1


async def test_an_empty_list_does_not_take_the_place_of_the_last_good_one(desk: Desk) -> None:
    await desk.refresher.refresh()
    desk.platform.chutes, desk.platform.models = [], []
    assert await desk.later() == []
    told = {one.source: one.error for one in desk.board.outcome.sources} if desk.board.outcome else {}
    assert told["chutes"] == told["llm"] == "its list is empty"
    assert len(desk.board.current.models) == 11


async def test_what_a_refresh_replaced_is_freed_by_the_next(desk: Desk) -> None:
    await desk.refresher.refresh()
    first = weakref.ref(desk.board.current)
    await desk.later()
    await desk.later()
    assert first() is None and desk.board.current.models


async def test_a_restart_without_network_serves_the_copies_on_disk(desk: Desk, client: JsonClient) -> None:
    await desk.refresher.refresh()
    desk.platform.faults["*"] = "500"
    again = Desk(desk.folder, desk.platform, client)
    again.clock.pass_seconds(86_400)
    await again.refresher.restore()
    assert again.price("deepseek-ai/DeepSeek-R1") == 0.3
    await again.refresher.refresh()
    model = again.board.current.find("deepseek-ai/DeepSeek-R1")
    assert model is not None and set(model.stale) == {"chutes", "llm"} and "500" in str(model.stale)
    copy = orjson.loads((desk.folder / "v1_models_all.json").read_bytes())
    assert copy.keys() == {"timestamp", "data"} and copy["data"]["object"] == "list"


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "slow"])
async def test_a_source_that_fails_keeps_its_rows_and_the_others_are_fresh(desk: Desk, fault: str) -> None:
    await desk.refresher.refresh()
    desk.platform.faults["/chutes/"] = fault
    desk.platform.models[0] = {**desk.platform.models[0], "context_length": 7}
    assert ("context", "deepseek-ai/DeepSeek-R1", 131_072, 7) in await desk.later()
    stale = {one.source: one.stale for one in desk.board.current.report.sources}
    assert stale["chutes"] and not stale["llm"]
    assert desk.price("kokoro") is None and desk.board.current.find("kokoro") is not None
    desk.platform.faults.clear()
    await desk.later()
    assert not any(one.stale for one in desk.board.current.report.sources)


async def test_rows_that_cannot_be_read_do_not_take_the_place_of_good_ones(desk: Desk) -> None:
    await desk.refresher.refresh()
    good, desk.platform.chutes = desk.platform.chutes, [{"title": "renamed"}, {"title": "too"}]
    assert await desk.later() == [] and desk.board.current.find("kokoro") is not None
    stale = {one.source: one.stale for one in desk.board.current.report.sources}
    assert stale["chutes"] == "none of its 2 rows can be read" and not stale["llm"]
    desk.platform.chutes = good
    await desk.later()
    assert not any(one.stale for one in desk.board.current.report.sources)


async def test_a_source_that_hangs_is_stale_after_its_own_time(desk: Desk) -> None:
    class Hasty(ChutesList):
        timeout = 0.05

    await desk.refresher.refresh()
    desk.platform.faults["/chutes/"] = "slow"
    url = desk.platform.url
    hasty = Refresher(lambda: [Hasty(url, "k"), LlmModels(url)], desk.refresher._client, desk.shelf, desk.history,
                      desk.board)  # fmt: skip
    outcome = await hasty.refresh(force=True)
    assert {one.source: one.error for one in outcome.sources} == {"chutes": "no answer within 0.05 s", "llm": ""}
    assert outcome.models == 11


async def test_fresh_copies_are_not_asked_again_unless_forced(desk: Desk) -> None:
    await desk.refresher.refresh()
    await desk.refresher.refresh()
    assert desk.platform.asked("/v1/models") == 1
    await desk.refresher.refresh(force=True)
    assert desk.platform.asked("/v1/models") == 2
    desk.shelf.invalidate()
    await desk.refresher.refresh()
    assert desk.platform.asked("/v1/models") == 3


async def test_a_refresh_that_comes_a_little_early_still_asks(desk: Desk) -> None:
    await desk.refresher.refresh()
    desk.clock.pass_seconds(500)
    await desk.refresher.refresh()
    assert desk.platform.asked("/v1/models") == 1
    desk.clock.pass_seconds(40)
    await desk.refresher.refresh()
    assert desk.platform.asked("/v1/models") == 2


async def test_those_who_ask_at_the_same_time_get_one_refresh(desk: Desk) -> None:
    outcomes = await asyncio.gather(*(desk.refresher.refresh(force=True) for _ in range(8)))
    assert len({id(outcome) for outcome in outcomes}) == 1 and desk.platform.asked("/v1/models") == 1


async def test_one_who_leaves_does_not_stop_the_refresh_of_the_others(desk: Desk) -> None:
    leaving = asyncio.create_task(desk.refresher.refresh())
    staying = asyncio.create_task(desk.refresher.refresh())
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).models == 11


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"timestamp": "x", "data": 1}', b'{"data": []}', b"\xff"])
async def test_a_broken_copy_on_disk_is_as_good_as_none(desk: Desk, content: bytes) -> None:
    desk.folder.mkdir()
    (desk.folder / "chutes.json").write_bytes(content)
    assert (await desk.refresher.restore()).models == 104


async def test_a_copy_from_the_future_is_not_fresh(desk: Desk) -> None:
    await desk.refresher.refresh()
    desk.clock.pass_seconds(-3600)
    await desk.refresher.refresh()
    assert desk.platform.asked("/v1/models") == 2


async def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path, platform: FakePlatform,
                                                       client: JsonClient) -> None:  # fmt: skip
    (tmp_path / "file").write_text("in the way")
    desk = Desk(tmp_path / "file", platform, client)
    assert (await desk.refresher.refresh()).models == 11


async def test_every_kind_of_change_is_told_once(desk: Desk) -> None:
    await desk.refresher.refresh()
    chutes, models = desk.platform.chutes, desk.platform.models
    chutes[1] = {**chutes[1], "current_estimated_price": tokens(0.09, 0.24), "hot": False}
    models[1] = {**models[1], "quantization": "fp8", "supported_features": ["tools"]}
    chutes.append(chute("org/brand-new", "c-new"))
    chutes[:] = [one for one in chutes if one["chute_id"] != "c-kokoro"]
    name = "Qwen/Qwen3-32B"
    assert await desk.later() == [
        ("price", name, 0.08, 0.09),
        ("quantization", name, "bf16", "fp8"),
        ("feature", name, ["json_mode", "reasoning", "tools"], ["tools"]),
        ("hot", name, True, False),
        ("gone", "kokoro", None, None),
        ("new", "org/brand-new", None, None),
    ]
    assert await desk.later() == []


async def test_a_day_of_changes_can_be_replayed(desk: Desk) -> None:
    prices = []
    for hour in range(24):
        price = round(0.1 + (hour // 6) * 0.05, 2)
        desk.platform.chutes[1] = {**desk.platform.chutes[1], "hot": hour % 2 == 0,
                                   "current_estimated_price": tokens(price, 0.24)}  # fmt: skip
        desk.clock.pass_seconds(3000)
        changed = await desk.later()
        prices += [after for kind, _, _, after in changed if kind == "price"]
    assert prices == [0.15, 0.2, 0.25]
    assert len(desk.history.versions()) == 4, "hot and cold alone make no version"
    series = desk.history.series("Qwen/Qwen3-32B")
    assert [one["price_input"] for one in series] == [0.1, 0.15, 0.2, 0.25]
    assert desk.history.series("nobody") == []


async def test_merging_happens_in_another_thread_while_the_loop_goes_on(desk: Desk) -> None:
    desk.platform.chutes = [chute(f"org/model-{n}") for n in range(1500)]
    threads: set[int] = set()
    read, reading, turned = ChutesList.read, threading.Event(), threading.Event()

    class Watched(ChutesList):
        """Whose list takes until the loop has turned meanwhile."""

        def read(self, document: object, at: int) -> object:  # type: ignore[override]
            threads.add(threading.get_ident())
            reading.set()
            assert turned.wait(20)
            return read(self, document, at)

    refresher = Refresher(lambda: [Watched(desk.platform.url, "k")], desk.refresher._client, desk.shelf,  # type: ignore[list-item]
                          desk.history, desk.board)  # fmt: skip
    running = asyncio.create_task(refresher.refresh())
    async with asyncio.timeout(20):
        while not reading.is_set():
            await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0.001)
    turned.set()
    assert (await running).models == 1500
    assert threads and threading.get_ident() not in threads


async def test_a_listener_that_fails_harms_nobody(desk: Desk) -> None:
    told: list[int] = []

    def broken(catalog: Catalog, changes: tuple[Change, ...]) -> None:
        raise RuntimeError("no")

    stop = desk.board.listen(broken)
    desk.board.listen(lambda catalog, changes: told.append(len(changes)))
    await desk.refresher.refresh()
    desk.platform.chutes.pop()
    assert [kind for kind, *_ in await desk.later()] == ["gone"] and told == [1]
    stop()


async def test_a_reader_keeps_the_catalog_it_began_with(desk: Desk) -> None:
    await desk.refresher.restore()
    before = desk.board.current
    await desk.refresher.refresh()
    assert len(before.models) == 104 and desk.board.current is not before


async def test_all_parts_are_put_together_from_the_settings(tmp_path: Path, platform: FakePlatform) -> None:
    settings = Settings.model_validate({
        "state_dir": tmp_path, "chutes_api_url": platform.url, "chutes_base_url": platform.url,
        "allow_private_upstreams": True, "chutes_api_key": "cpk_key",
        "catalog": {"ttl": {"llm": 5}},
    })  # fmt: skip
    transport = PooledTransport(AddressPolicy(allow_private=True))
    board = FakeBoard(FakeEngine("chat", "chat", "demo-chat", ""))
    parts: CatalogParts = build_catalog(settings, transport, lambda: (), board)
    await parts.start()
    assert parts.period == 600 and parts.board.current.find("demo-chat") is not None
    first = await parts.refresher.refresh()
    assert {one.source for one in first.sources if one.fetched} == {
        "chutes", "llm", "detail", "utilization", "statistics", "pricing", "local", "snapshot",
    }  # fmt: skip
    assert platform.asked("/chutes/c-kokoro") == 0
    await parts.refresher.refresh()
    kokoro = parts.board.current.find("kokoro")
    assert kokoro is not None and kokoro.cords == ("/speak",) and "detail" in kokoro.origins
    assert parts.refresher.ttls()["v1_models_all"] == 5
    await parts.aclose()
    await transport.aclose()


async def test_a_refresh_waits_for_the_start(tmp_path: Path, platform: FakePlatform) -> None:
    """What was on disk would else take the place of what has just been asked."""
    settings = Settings.model_validate({
        "state_dir": tmp_path, "chutes_api_url": platform.url, "chutes_base_url": platform.url,
        "allow_private_upstreams": True, "chutes_api_key": "cpk_key",
    })  # fmt: skip
    transport = PooledTransport(AddressPolicy(allow_private=True))
    parts = build_catalog(settings, transport, lambda: (), FakeBoard())
    refreshing = asyncio.create_task(parts.refresh())
    await asyncio.wait([refreshing], timeout=0.3)
    assert not refreshing.done() and platform.server.requests == []
    await parts.start()
    assert (await refreshing).models == len(parts.board.current.models) == 11
    await parts.aclose()
    await transport.aclose()


@pytest.mark.parametrize(("name", "seconds"), [("chuts", 5), ("provider", 5), ("llm:x", 5), ("llm", 0), ("llm", -1)])
def test_times_of_sources_that_cannot_be_are_named(tmp_path: Path, name: str, seconds: float) -> None:
    settings = Settings.model_validate({"state_dir": tmp_path, "catalog": {"ttl": {name: seconds}}})
    with pytest.raises(ConfigError, match=rf"catalog\.ttl\.{name}: "):
        build_catalog(settings, PooledTransport(), lambda: (), FakeBoard())


async def test_the_first_readers_wait_for_the_catalog_and_no_others(tmp_path: Path) -> None:
    parts = build_catalog(Settings.model_validate({"state_dir": tmp_path}), PooledTransport(), lambda: (), FakeBoard())
    reading = asyncio.create_task(parts.ready())
    await asyncio.sleep(0)
    assert not reading.done() and parts.period == 0
    await parts.start()
    await reading
    assert len(parts.board.current.models) == 104
    await asyncio.wait_for(parts.ready(), 1)
