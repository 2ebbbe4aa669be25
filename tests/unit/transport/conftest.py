"""Fixtures of the contract of `Transport`: each implementation, on both event loops."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvloop

from gateway.providers.transport.base import Transport
from tests.fakes.certificates import Authority
from tests.unit.transport.kit import IMPLEMENTATIONS, PRIVATE


@pytest.fixture(
    scope="module", params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"]
)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


@pytest_asyncio.fixture(loop_scope="module", params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    made: Transport = request.param(PRIVATE)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))
