"""Live events, backups and engine actions, as the UI uses them."""

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.api.admin import live
from gateway.providers.engines import EngineState
from tests.admin.people import PASSWORD, USER, log_in, set_up
from tests.api.running import MASTER, RunningGateway
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.upstream import Upstream


def socket(gateway: RunningGateway, **headers: str) -> Any:
    return connect(gateway.url.replace("http", "ws") + "/api/admin/live", additional_headers=headers, proxy=None)


async def until(live: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (message := json.loads(await live.recv()))["type"] != kind:
            pass
    return dict(message["data"])


async def ended(live: ClientConnection) -> dict[str, Any]:
    """The first request that is told to have ended."""
    while not (rows := (await until(live, "requests"))["ended"]):
        pass
    return dict(rows[0])


async def ask(gateway: RunningGateway, key: str = MASTER) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
        await client.post("/v1/chat/completions", json={"model": "gpt-x", "messages": []})


async def test_a_request_and_a_change_are_told_as_they_happen(gateway: RunningGateway, model: str) -> None:
    async with socket(gateway, authorization=f"Bearer {MASTER}") as live:
        assert (await until(live, "hello"))["role"] == "admin"
        await ask(gateway)
        assert (await ended(live))["model"] == model
        with gateway.http() as admin:
            admin.post("/api/admin/apikeys", json={"name": "new"})
        assert (await until(live, "changed"))["revision"] >= 1


async def test_a_user_hears_only_of_the_own_requests(gateway: RunningGateway, model: str) -> None:
    admin = set_up(gateway)
    admin.post("/api/admin/users", json=USER)
    user = log_in(gateway, USER)
    key = user.post("/api/user/keys", json={"name": "mine"}).json()
    cookie = "; ".join(f"{name}={value}" for name, value in user.cookies.items())
    async with socket(gateway, cookie=cookie) as live:
        await until(live, "hello")
        await ask(gateway)
        await ask(gateway, key["key"])
        assert (await ended(live))["key_id"] == key["id"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-gw-wrong"}])
async def test_nobody_listens_without_saying_who_they_are(gateway: RunningGateway, headers: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"403|1008"):
        async with socket(gateway, **headers) as live:
            await live.recv()


async def test_another_site_s_page_cannot_listen(gateway: RunningGateway) -> None:
    admin = set_up(gateway)
    cookie = "; ".join(f"{name}={value}" for name, value in admin.cookies.items())
    with pytest.raises(Exception, match=r"403|1008"):
        async with socket(gateway, cookie=cookie, origin="https://evil.example") as live:
            await live.recv()


async def test_the_socket_closes_when_the_session_ends(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_STILL_THERE", 2 * live._STATUS)
    admin = set_up(gateway)
    cookie = "; ".join(f"{name}={value}" for name, value in admin.cookies.items())
    async with socket(gateway, cookie=cookie) as listening:
        await until(listening, "hello")
        admin.post("/api/admin/logout")
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(20):
                while True:
                    await listening.recv()


@pytest.mark.parametrize("change", [{"enabled": False}, {"role": "user"}])
async def test_a_busy_socket_closes_too_when_an_administrator_is_none_any_more(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    told = itertools.count()
    monkeypatch.setattr(live, "_STILL_THERE", 2 * live._STATUS)
    monkeypatch.setattr(live._Pulse, "_status", lambda pulse: {"told": next(told)})
    admin = set_up(gateway)
    other = {"username": "eve", "password": PASSWORD, "role": "admin"}
    id = admin.post("/api/admin/users", json=other).json()["id"]
    cookies = log_in(gateway, {"username": "eve", "password": PASSWORD}).cookies
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    async with socket(gateway, cookie=cookie) as listening:
        await until(listening, "status")
        assert admin.put(f"/api/admin/users/{id}", json={**other, "password": None, **change}).status_code == 200
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(20):
                while True:
                    await listening.recv()


async def test_a_socket_outlives_the_keep_alive_time_of_http(tmp_path: Path) -> None:
    running = RunningGateway(tmp_path, keep_alive=1)
    try:
        async with socket(running, authorization=f"Bearer {MASTER}") as live:
            await until(live, "hello")
            await asyncio.sleep(1.5)
            with running.http() as admin:
                admin.post("/api/admin/apikeys", json={"name": "later"})
            await until(live, "changed")
    finally:
        running.stop()


def test_the_same_comes_as_server_sent_events(gateway: RunningGateway) -> None:
    with gateway.http() as client, client.stream("GET", "/api/admin/events") as stream:
        first = next(line for line in stream.iter_lines() if line)
    assert json.loads(first.removeprefix("data: "))["type"] == "hello"


def test_a_backup_restores_what_was_deleted(admin: httpx.Client, provider: str, model: str) -> None:
    saved = admin.get("/api/admin/backup")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert b"sk-upstream-0123456789" not in saved.content
    admin.delete(f"/api/admin/providers/{provider}?cascade=true")
    restored = admin.post("/api/admin/backup/restore", content=saved.content)
    assert restored.status_code == 200, restored.text
    assert admin.get(f"/api/admin/models/{model}").status_code == 200
    damaged = admin.post("/api/admin/backup/restore", content=saved.content[:-20])
    assert damaged.status_code == 400
    assert admin.get(f"/api/admin/models/{model}").status_code == 200


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard(FakeEngine("chat", "chat", "demo-chat", "http://127.0.0.1:9"))


async def test_engines_are_listed_unloaded_and_loaded(board: FakeBoard, tmp_path: Any) -> None:
    running = RunningGateway(tmp_path, board)
    try:
        with running.http() as admin:
            assert admin.get("/api/admin/engines").json()["data"][0]["state"] == "ready"
            assert admin.post("/api/admin/engines/chat/unload").json()["state"] == "stopped"
            assert admin.post("/api/admin/engines/chat/load").json()["state"] == "ready"
            assert admin.get("/api/admin/engines/chat/log").json()["lines"] == ["chat is ready"]
            assert admin.get("/api/admin/engines/none").status_code == 404
            assert [row["action"] for row in admin.get("/api/admin/audit").json()["data"]] == ["load", "unload"]
    finally:
        running.stop()


async def test_a_provider_is_tested_before_and_after_it_is_saved(
    admin: httpx.Client, provider: str, upstream: Any
) -> None:
    upstream.valid_keys = {"sk-upstream-0123456789"}
    tested = admin.post(f"/api/admin/providers/{provider}/test").json()
    assert (tested["ok"], tested["models"]) == (True, 3)
    assert tested["listed"] == upstream.models
    body = {"id": provider, "base_url": upstream.url, "type": "openai", "api_key": "sk-upstream-wrong-one"}
    draft = admin.post("/api/admin/providers/test", json=body).json()
    assert (draft["ok"], draft["error"]["code"]) == (False, "upstream_credentials_refused")


async def test_an_engine_tells_its_memory_its_queue_and_its_speed_also_live(upstream: Upstream, tmp_path: Any) -> None:
    upstream.metrics = "engine:num_requests_running 2\nengine:num_requests_waiting 5\nvllm:kv_cache_usage_perc 0.5\n"
    board = FakeBoard(
        FakeEngine("chat", "chat", "demo-chat", upstream.url, rss=4_000),
        FakeEngine("ocr", "ocr", "demo-ocr", "", state=EngineState.LOADING),
    )
    running = RunningGateway(tmp_path, board)
    try:
        with running.http() as admin:
            ends = time.monotonic() + 20
            while (chat := admin.get("/api/admin/engines/chat").json())["waiting"] is None:
                assert time.monotonic() < ends
                await asyncio.sleep(0.05)
            told = admin.get("/api/admin/overview").json()["engines"]
    finally:
        running.stop()
    assert (chat["running"], chat["waiting"], chat["cache_use"], chat["memory_bytes"]) == (2, 5, 0.5, 4_000)
    assert chat["gpu_memory_bytes"] is None and chat["output_speed"] is None
    assert [(one["name"], one["waiting"], one["memory_bytes"]) for one in told] == [
        ("chat", 5, 4_000),
        ("ocr", None, None),
    ]
