"""Health checks follow the snapshot: which providers are asked, where, and what becomes of their targets.

Rows of docs/acceptance.md: A000-15, A002-36.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.background.health import HealthChecks
from gateway.background.tasks import Background
from gateway.errors import GatewayError
from gateway.providers.base import HealthCheck, Provider, ProviderType
from gateway.providers.engines import NoEngines
from gateway.providers.registry import build_adapters
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from gateway.routing.dispatcher import Dispatcher
from gateway.routing.types import Target
from gateway.settings import Settings
from gateway.state import Snapshot, State
from gateway.state.providers import remote_providers
from tests.fakes.upstream import Upstream


class Once(dict[str, str]):
    """Faults that are gone when they were met."""

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        return self.pop(key, default)


class Desk:
    """Checks of one provider, `lab`, at a real upstream."""

    def __init__(self, upstream: Upstream, check: HealthCheck | None) -> None:
        self.transport = PooledTransport(AddressPolicy(allow_private=True))
        provider = Provider("lab", ProviderType.OPENAI, f"{upstream.url}/v1", health_check=check)
        dispatcher = Dispatcher(build_adapters(self.transport, NoEngines(), upstream.url))
        self.state = State(Snapshot(1, {"lab": provider}, {}, {}, {}), dispatcher, NoEngines(), 1.0)
        self.background = Background()
        self.checks = HealthChecks(self.state, self.transport, self.background)

    def become(self, **changes: object) -> None:
        provider = replace(self.state.snapshot.providers["lab"], **changes)  # type: ignore[arg-type]
        self.state.snapshot = replace(self.state.snapshot, providers={"lab": provider})

    async def names(self) -> list[str]:
        await self.checks.follow()
        return [status.name for status in self.background.statuses()]

    def rests(self) -> bool:
        now = time.monotonic()
        return self.state.dispatcher.vitals[Target("lab", "m")].ready_at(now) > now


@pytest.fixture
def upstream(other_upstream: Upstream) -> Upstream:
    """One of its own: a check that an earlier test began may come late."""
    return other_upstream


@pytest.fixture
async def desk(upstream: Upstream) -> AsyncIterator[Desk]:
    made = Desk(upstream, HealthCheck(3600))
    yield made
    await made.background.stop()
    await made.transport.aclose()


async def test_providers_are_checked_while_the_snapshot_wants_it(desk: Desk) -> None:
    assert await desk.names() == ["health check of lab"]
    desk.become(health_check=None)
    assert await desk.names() == []
    desk.become(health_check=HealthCheck(1800))
    assert await desk.names() == ["health check of lab"]
    desk.become(enabled=False)
    assert await desk.names() == []


async def test_a_provider_that_fails_twice_rests_until_a_check_goes_well(desk: Desk, upstream: Upstream) -> None:
    upstream.faults["*"] = "503"
    with pytest.raises(GatewayError):
        await desk.checks.check("lab")
    assert desk.rests() and len(upstream.requests) == 2
    assert desk.state.dispatcher.vitals.checks["lab"].error == "upstream_unavailable"
    upstream.faults.clear()
    await desk.checks.check("lab")
    assert not desk.rests() and desk.state.dispatcher.vitals.checks["lab"].error == ""


async def test_one_lost_check_closes_nothing(desk: Desk, upstream: Upstream) -> None:
    upstream.faults = Once({"*": "503"})
    await desk.checks.check("lab")
    assert not desk.rests() and len(upstream.requests) == 2


async def test_a_provider_that_is_no_longer_checked_is_no_longer_closed(desk: Desk, upstream: Upstream) -> None:
    await desk.checks.follow()
    upstream.faults["*"] = "503"
    with pytest.raises(GatewayError):
        await desk.checks.check("lab")
    assert desk.rests()
    desk.become(health_check=None)
    await desk.checks.follow()
    assert not desk.rests() and "lab" not in desk.state.dispatcher.vitals.checks


async def test_a_check_of_what_the_provider_was_before_closes_nothing(desk: Desk, upstream: Upstream) -> None:
    upstream.faults["*"] = "500"
    desk.become(api_keys=("one",))
    checking = asyncio.create_task(desk.checks.check("lab"))
    while not upstream.requests:
        await asyncio.sleep(0.005)
    desk.become(api_keys=("another",))
    await checking
    assert not desk.rests() and not desk.state.dispatcher.vitals.checks


async def test_a_path_is_one_of_the_host(desk: Desk, upstream: Upstream) -> None:
    desk.become(health_check=HealthCheck(3600, "/health"))
    await desk.checks.check("lab")
    assert upstream.last.path == "/health"
    desk.become(health_check=HealthCheck(3600))
    await desk.checks.check("lab")
    assert upstream.last.path == "/v1/models"


def test_chutes_is_asked_for_its_models_and_not_for_the_key(upstream: Upstream) -> None:
    providers = {
        "chutes": {"base_url": upstream.url, "health_check": True},
        "lab": {"base_url": upstream.url, "health_check": {"interval": 5, "path": "/up"}},
        "quiet": {"base_url": upstream.url, "health_check": False},
    }
    found = remote_providers(Settings.model_validate({"allow_private_upstreams": True, "providers": providers}))
    assert found["chutes"].health_check == HealthCheck(30, "/v1/models")
    assert found["lab"].health_check == HealthCheck(5, "/up") and found["quiet"].health_check is None
