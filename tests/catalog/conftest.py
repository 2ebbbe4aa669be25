"""The fake platform, and a client that may reach it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.catalog.client import JsonClient
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.catalog.platform import FakePlatform


@pytest.fixture(scope="session")
def platform_server() -> Iterator[FakePlatform]:
    server = FakePlatform()
    yield server
    server.close()


@pytest.fixture
def platform(platform_server: FakePlatform) -> FakePlatform:
    platform_server.reset()
    return platform_server


@pytest.fixture
async def client() -> AsyncIterator[JsonClient]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield JsonClient(transport, max_bytes=4 * 2**20, allow_plain=True)
    await transport.aclose()
