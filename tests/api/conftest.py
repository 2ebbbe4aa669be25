"""The gateway that most API tests talk to: two real upstreams, every kind of route, keys with fences."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.api.leaving import eventually
from tests.api.running import RunningGateway
from tests.fakes.fixtures import upstream, upstream_server
from tests.fakes.upstream import Upstream

__all__ = ["upstream", "upstream_server"]

FENCED = "sk-fenced-0123456789abcdef"


@pytest.fixture(scope="session")
def spare_server() -> Iterator[Upstream]:
    server = Upstream.start()
    yield server
    server.close()


@pytest.fixture
def spare(spare_server: Upstream) -> Upstream:
    """The upstream behind the fallbacks, freshly reset."""
    spare_server.reset()
    spare_server.text = "Hello from the spare."
    return spare_server


@pytest.fixture(scope="session")
def shared_gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, spare_server: Upstream
) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        providers={
            "main": {
                "base_url": f"{upstream_server.url}/v1",
                "api_key": "sk-upstream-secret",
                "max_retries": 0,
                "models": [
                    "gpt-x",
                    {"id": "text-embed", "type": "embedding"},
                    {"id": "whisper-1", "type": "transcription"},
                ],
            },
            "spare": {"base_url": spare_server.url, "max_retries": 0, "models": []},
            "chutes": {"base_url": upstream_server.url, "api_key": "cpk_secret", "models": [
                {"id": "whisper-large-v3", "type": "transcription", "base_url": upstream_server.url},
                {"id": "dots-ocr", "type": "ocr", "base_url": upstream_server.url},
            ]},
        },
        models={
            "safe": {"provider": "main", "model": "gpt-x", "fallbacks": [{"provider": "spare", "model": "gpt-y"}]},
            "blind": {"provider": "main", "model": "gpt-x", "type": "chat", "supports_image_upload": False},
            "vision-ocr": {"provider": "main", "model": "gpt-x", "type": "ocr"},
        },
        keys=[{"name": "fenced", "key": FENCED, "allowed_models": ["safe", "text-*"]}],
    )  # fmt: skip
    yield running
    running.stop()


@pytest.fixture
def gateway(shared_gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[RunningGateway]:
    """Nothing is known of any target yet, and nobody is asked any more for another test."""
    shared_gateway.app.state.dispatcher.vitals.clear()
    yield shared_gateway
    assert eventually(lambda: shared_gateway.is_idle)


@pytest.fixture
def client(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[openai.OpenAI]:
    gateway.app.state.dispatcher.vitals.clear()
    with gateway.client() as client:
        yield client


@pytest.fixture
def http(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[httpx.Client]:
    gateway.app.state.dispatcher.vitals.clear()
    with gateway.http() as client:
        yield client


def recorded(http: httpx.Client, request_id: str) -> Any:
    """The row of a request, once it is written."""
    until = time.monotonic() + 60
    while (reply := http.get(f"/api/admin/requests/{request_id}")).status_code == 404 and time.monotonic() < until:
        time.sleep(0.02)
    assert reply.status_code == 200, reply.text
    return reply.json()
