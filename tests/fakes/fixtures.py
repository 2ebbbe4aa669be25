"""Pytest fixtures for the fakes; `tests/conftest.py` imports them."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import Upstream


@pytest.fixture(scope="session")
def upstream_server() -> Iterator[Upstream]:
    server = Upstream.start()
    yield server
    server.close()


@pytest.fixture
def upstream(upstream_server: Upstream) -> Upstream:
    """The session's upstream, freshly reset."""
    upstream_server.reset()
    return upstream_server


@pytest.fixture
def other_upstream() -> Iterator[Upstream]:
    """A second one, for routing between two."""
    server = Upstream.start()
    yield server
    server.close()
