"""Requests as they begin and end, told to open pages: what runs, what ended, and that many of both stay bounded."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from gateway.access.keys import Caller
from gateway.api.feed import RequestFeed
from gateway.api.hub import Hub
from gateway.openai_api.call import Call
from gateway.openai_api.operations import CHAT
from gateway.pipeline.account import Account
from gateway.providers.engines import NoEngines
from gateway.routing.dispatcher import Dispatcher
from gateway.state import Snapshot, State
from gateway.usage.types import UsageRow
from tests.admin.test_live import socket, until
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

MANY = 3000


async def frame(live: ClientConnection, **wanted: bool) -> dict[str, Any]:
    """The first message whose lists are empty or not, as wanted."""
    while True:
        found = await until(live, "requests")
        if all(bool(found[name]) == present for name, present in wanted.items()):
            return found


async def test_a_request_is_seen_while_it_runs_and_then_as_ended(
    gateway: RunningGateway, model: str, upstream: Upstream
) -> None:
    upstream.faults["gpt-x"], release = "held:2", upstream.hold()
    body = {"model": model, "messages": [], "stream": True}
    async with socket(gateway, authorization=f"Bearer {MASTER}") as live:
        await until(live, "hello")
        headers = {"authorization": f"Bearer {MASTER}"}
        async with (
            httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client,
            client.stream("POST", "/v1/chat/completions", json=body) as stream,
        ):
            running = (await frame(live, running=True))["running"][0]
            assert (running["model"], running["status"], running["stream"]) == (model, 0, True)
            later = (await frame(live, running=True))["running"][0]
            assert later["latency_ms"] > running["latency_ms"]
            release()
            async for _ in stream.aiter_bytes():
                pass
        done = await frame(live, ended=True)
    assert done["running"] == [] and done["running_total"] == 0
    assert (done["ended"][0]["request_id"], done["ended"][0]["status"]) == (running["request_id"], 200)


class Room:
    """A feed without a server."""

    def __init__(self) -> None:
        snapshot = Snapshot(1, {}, {}, {}, {})
        self.state = State(snapshot, Dispatcher({}), NoEngines(), 1.0)
        self.hub = Hub()
        self.feed = RequestFeed(self.hub, self.state, grace=0.05)

    def begin(self, number: str, user: str = "") -> None:
        account = Account(CHAT, Caller("key", user_id=user), self.state.snapshot, self.state)
        account.call = Call(CHAT, "gpt-x", number, 0.0)
        assert self.state.watcher
        self.state.watcher(account)

    def end(self, number: str, user: str = "") -> None:
        self.feed.end([UsageRow(number, 0.0, "chat.completions", "gpt-x", 200, user_id=user, request_body=b"secret")])


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    yield Room()


async def test_thousands_of_requests_are_a_few_bounded_messages(room: Room) -> None:
    with room.hub.subscribed() as page:
        for n in range(MANY):
            room.begin(f"r{n}")
        for n in range(MANY - 100):
            room.end(f"r{n}")
        text = await page.next()
    told = json.loads(text)["data"]
    assert len(text) < 100_000 and "secret" not in text
    assert (len(told["ended"]), told["left_out"]) == (50, MANY - 150)
    assert (len(told["running"]), told["running_total"]) == (50, 100)
    assert told["ended"][-1]["request_id"] == f"r{MANY - 101}", "the newest that ended"
    assert told["running"][0]["request_id"] == f"r{MANY - 100}", "the oldest that run"


async def test_a_hundred_pages_get_one_and_the_same_message(room: Room) -> None:
    pages = [room.hub.subscribed() for _ in range(100)]
    readers = [page.__enter__() for page in pages]
    room.begin("one")
    texts = [await reader.next() for reader in readers]
    assert all(text is texts[0] for text in texts)
    for page in pages:
        page.__exit__(None, None, None)


async def test_nothing_is_noted_while_no_page_is_open(room: Room) -> None:
    assert room.state.watcher is None
    with room.hub.subscribed():
        room.begin("one")
    with room.hub.subscribed() as again:
        told = json.loads(await again.next())["data"]
        assert [row["request_id"] for row in told["running"]] == ["one"], "a page that is loaded again finds it"
    async with asyncio.timeout(10):
        while room.state.watcher is not None:
            await asyncio.sleep(0.01)
    with room.hub.subscribed() as later:
        room.begin("two")
        told = json.loads(await later.next())["data"]
    assert [row["request_id"] for row in told["running"]] == ["two"]


async def test_users_are_told_of_their_own_alone(room: Room) -> None:
    with room.hub.subscribed("ada") as ada, room.hub.subscribed() as admin:
        room.begin("hers", "ada")
        room.begin("his", "bob")
        room.end("his", "bob")
        hers, all_of_them = [json.loads(await one.next())["data"] for one in (ada, admin)]
    assert [row["request_id"] for row in hers["running"]] == ["hers"] and hers["ended"] == []
    assert (hers["running_total"], hers["left_out"]) == (1, 0)
    assert [row["request_id"] for row in all_of_them["ended"]] == ["his"]


async def test_users_hear_nothing_while_only_others_ask(room: Room) -> None:
    with room.hub.subscribed("ada") as ada, room.hub.subscribed() as admin:
        room.begin("his", "bob")
        await admin.next()
        room.begin("hers", "ada")
        room.end("hers", "ada")
        first = json.loads(await ada.next())["data"]
    assert [row["request_id"] for row in first["ended"]] == ["hers"] and first["running"] == []


async def test_a_page_that_reads_slowly_misses_messages_and_holds_up_nobody(room: Room) -> None:
    with room.hub.subscribed() as slow:
        for n in range(600):
            room.hub.publish("changed", {"revision": n})
        assert slow.missed == 100
        assert json.loads(await slow.next())["data"]["revision"] == 100
