"""Models that nobody configured: with a Chutes key, whatever the catalog lists can be asked, with its price.

Rows of docs/acceptance.md: A000-10, A001-16, A004-11.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.api.running import MASTER, RunningGateway
from tests.catalog.documents import chute
from tests.catalog.platform import FakePlatform
from tests.platform.conftest import platform_process
from tests.platform.process import KEY, PlatformProcess

__all__ = ["platform_process"]

R1 = "deepseek-ai/DeepSeek-R1"
MESSAGES = [{"role": "user", "content": "good morning"}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, platform_process: PlatformProcess) -> Iterator[RunningGateway]:
    """It knows a key and the addresses of the emulated platform, and two models with demands."""
    provider = {"provider": "chutes", "model": R1}
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        chutes_api_key=KEY,
        chutes_api_url=platform_process.api,
        chutes_base_url=platform_process.llm,
        models={"cheap-only": {**provider, "max_price": 0.01}, "any": {**provider, "max_price": 100}},
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def admin(gateway: RunningGateway) -> Iterator[httpx.Client]:
    with gateway.http() as client:
        until(lambda: R1 in [model["id"] for model in client.get("/v1/models").json()["data"]])
        yield client


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + 30
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def test_a_model_of_the_catalog_answers_without_configuration_and_with_its_price(admin: httpx.Client) -> None:
    answer = admin.post("/v1/chat/completions", json={"model": R1, "messages": MESSAGES})
    assert answer.json()["choices"][0]["message"]["content"] == "You said: good morning"
    path = f"/api/admin/requests/{answer.headers['x-request-id']}"
    row = until(lambda: (found := admin.get(path)).status_code == 200 and found.json())
    price = row["price"]
    assert price["source"] == "catalog"
    assert price["output_per_million"] == 1.2
    tokens = row["input_tokens"] * price["input_per_million"] + row["output_tokens"] * 1.2
    assert row["cost_usd"] == pytest.approx(tokens / 1e6, abs=1e-9)


def test_where_it_comes_from_is_told(admin: httpx.Client) -> None:
    shown = admin.get(f"/api/admin/models/{R1}").json()
    assert (shown["origin"], shown["type"], shown["provider_id"]) == ("catalog", "chat", "chutes")


def test_asking_an_embedding_of_a_chat_model_is_a_clear_400(admin: httpx.Client) -> None:
    refused = admin.post("/v1/embeddings", json={"model": R1, "input": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_model_type")
    assert "is a chat model" in refused.json()["error"]["message"]


def test_an_unknown_name_gets_the_closest_ones(admin: httpx.Client) -> None:
    refused = admin.post("/v1/chat/completions", json={"model": "deepseek-ai/DeepSeek-R2", "messages": MESSAGES})
    assert refused.status_code == 404
    assert R1 in refused.json()["error"]["message"]


def test_a_model_that_costs_more_than_its_route_demands_is_not_used(admin: httpx.Client) -> None:
    refused = admin.post("/v1/chat/completions", json={"model": "cheap-only", "messages": MESSAGES})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "provider_not_configured")
    assert "at most $0.01 is demanded" in refused.json()["error"]["message"]
    assert "costs $" in admin.get("/api/admin/models/cheap-only").json()["blocked"]
    assert admin.post("/v1/chat/completions", json={"model": "any", "messages": MESSAGES}).status_code == 200


def test_a_target_that_is_gone_is_noted_with_a_replacement(admin: httpx.Client) -> None:
    body = {"id": "old", "type": "chat", "provider_id": "chutes", "upstream_model": "deepseek-ai/DeepSeek-R0"}
    assert admin.post("/api/admin/models", json=body).status_code == 201
    (note,) = admin.get("/api/admin/models/old").json()["notes"]
    assert note.startswith("deepseek-ai/DeepSeek-R0 is not in the catalog any more; deepseek-ai/")


async def test_eight_open_pages_hear_of_a_change_of_the_catalog(tmp_path: Path) -> None:
    chutes = FakePlatform()
    running = RunningGateway(tmp_path, chutes_api_key=KEY, chutes_api_url=chutes.url, chutes_base_url=chutes.url)
    address = running.url.replace("http", "ws") + "/api/admin/live"
    pages = [await connect(address, additional_headers={"authorization": f"Bearer {MASTER}"}) for _ in range(8)]
    try:
        headers = {"authorization": f"Bearer {MASTER}"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=20) as admin:
            assert (await admin.post("/catalog/refresh")).status_code == 200
            chutes.chutes.append(chute("acme/brand-new"))
            assert (await admin.post("/catalog/refresh")).json()["changes"] == 1
        for page in pages:
            async with asyncio.timeout(20):
                while "acme/brand-new" not in (message := str(await page.recv())):
                    pass
            assert json.loads(message)["data"]["changes"] == [{"kind": "new", "model": "acme/brand-new"}]
    finally:
        for page in pages:
            await page.close()
        running.stop()
        chutes.close()
