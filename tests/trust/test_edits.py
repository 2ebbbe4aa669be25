"""Many administrators at once, also while requests run; and callers who hang up by the hundred."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.processes import chat_body, eventually

WRITERS = 50
SECONDS = 5
RATE = 200
EDITS = 10


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    main = {"base_url": f"{upstream.url}/v1", "api_key": "sk-up-0123456789", "models": ["gpt-x"]}
    running = RunningGateway(tmp_path, providers={"main": main}, keep_alive=75)
    yield running
    running.stop()


def provider(upstream: Upstream, name: str) -> dict[str, Any]:
    return {"id": "edited", "name": name, "base_url": upstream.url, "api_key": "sk-one-0123456789", "type": "openai"}


async def test_of_50_writers_one_wins_for_each_version(gateway: RunningGateway, upstream: Upstream) -> None:
    headers = {"authorization": f"Bearer {MASTER}"}
    path = "/api/admin/providers/edited"
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as client:
        assert (await client.post("/api/admin/providers", json=provider(upstream, "first"))).status_code == 201
        for _ in range(5):
            read = await client.get(path)
            tag = {"if-match": read.headers["etag"]}
            bodies = [provider(upstream, f"writer {n}") for n in range(WRITERS)]
            answers = await asyncio.gather(*(client.put(path, json=body, headers=tag) for body in bodies))
            assert Counter(answer.status_code for answer in answers) == {200: 1, 412: WRITERS - 1}
            [won] = [body["name"] for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200]
            assert (await client.get(path)).json()["name"] == won
        audit = (await client.get("/api/admin/audit", params={"limit": 100})).json()
    assert audit["total"] == 6


async def test_edits_disturb_no_request(gateway: RunningGateway, upstream: Upstream) -> None:
    """Every kind of edit, one after the other, while requests come at a steady rate."""
    headers = {"authorization": f"Bearer {MASTER}"}
    found: Counter[int] = Counter()
    over, edits = asyncio.Event(), 0

    async def ask(client: httpx.AsyncClient) -> None:
        found[(await client.post("/v1/chat/completions", json=chat_body())).status_code] += 1

    async def edit(client: httpx.AsyncClient) -> None:
        nonlocal edits
        while not over.is_set():
            for method, path, body in _edits(upstream, edits):
                answer = await client.request(method, path, json=body)
                assert answer.status_code in (200, 201), (path, answer.text)
                edits += 1

    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=300) as client:
        editing = asyncio.create_task(edit(client))
        asked: list[asyncio.Task[None]] = []
        while (len(asked) < SECONDS * RATE or edits < EDITS) and not editing.done():
            asked += [asyncio.create_task(ask(client)) for _ in range(10)]
            await asyncio.sleep(10 / RATE)
        during = edits
        await asyncio.gather(*asked)
        over.set()
        await editing
    assert found == {200: len(asked)}
    print(f"{during} edits during {len(asked)} requests: none failed")


def _edits(upstream: Upstream, n: int) -> list[tuple[str, str, Any]]:
    model = {"id": "edited-model", "provider_id": "edited", "upstream_model": "gpt-x"}
    return [
        ("POST", "/api/admin/providers", provider(upstream, "made")),
        ("POST", "/api/admin/models", model),
        ("PUT", "/api/admin/providers/edited", provider(upstream, f"changed {n}")),
        ("PUT", "/api/admin/models/edited-model", model | {"aliases": [f"other-{n}"]}),
        ("PUT", "/api/admin/settings/queue_size", {"value": 100 + n}),
        ("POST", "/api/admin/users", {"username": f"person-{n}", "password": "correct horse battery", "role": "user"}),
        ("POST", "/api/admin/apikeys", {"name": f"key-{n}"}),
        ("DELETE", "/api/admin/models/edited-model", None),
        ("DELETE", "/api/admin/providers/edited", None),
    ]


async def test_300_who_hang_up_leave_nothing_behind(gateway: RunningGateway, upstream: Upstream) -> None:
    """Fifty in the middle of a stream, 250 as soon as the first byte is there."""
    upstream.tokens = 100_000
    upstream.faults["gpt-x"] = "slow:0.02"
    host, port = gateway.url.removeprefix("http://").split(":")
    vitals = gateway.app.state.dispatcher.vitals
    await _hang_up(host, int(port), 5, 1)  # so that what is made once is there
    eventually(lambda: upstream.open_streams == 0)
    before = _descriptors()
    await _hang_up(host, int(port), 50, 2000)
    for _ in range(5):
        await _hang_up(host, int(port), 50, 1)
    eventually(lambda: upstream.open_streams == 0)
    eventually(lambda: all(vital.in_flight == 0 for vital in vitals._by_target.values()))
    eventually(lambda: _descriptors() <= before + 5)
    server = gateway._server.server_state
    eventually(lambda: not server.tasks and not server.connections)
    print("300 hang-ups: 0 calls open at the provider, 0 tasks and 0 connections left")


async def _hang_up(host: str, port: int, count: int, after: int) -> None:
    """At once, each after that many bytes of its answer."""
    body = json.dumps(chat_body(stream=True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {MASTER}\r\n"

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        seen = 0
        while seen < after and (piece := await reader.read(4096 if after > 1 else 1)):
            seen += len(piece)
        writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(count)))


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
