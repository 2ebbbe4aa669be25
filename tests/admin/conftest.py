"""A gateway with an empty database and one fake upstream, and a client of its admin API."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    running = RunningGateway(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def admin(gateway: RunningGateway) -> Iterator[httpx.Client]:
    """With the master key."""
    with gateway.http() as client:
        yield client


@pytest.fixture
def provider(admin: httpx.Client, upstream: Upstream) -> str:
    """The id of a provider whose upstream is the fake one."""
    body = {
        "id": "fake",
        "name": "Fake",
        "base_url": upstream.url,
        "api_key": "sk-upstream-0123456789",
        "type": "openai",
    }
    assert admin.post("/api/admin/providers", json=body).status_code == 201
    return "fake"


@pytest.fixture
def model(admin: httpx.Client, provider: str) -> str:
    """The public name of a model of it."""
    body = {"id": "gpt-x", "type": "chat", "provider_id": provider, "upstream_model": "gpt-x"}
    assert admin.post("/api/admin/models", json=body).status_code == 201
    return "gpt-x"
