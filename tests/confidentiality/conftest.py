"""Two upstreams of whom only one may see confidential requests, an engine, and a gateway between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import RunningGateway
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.fixtures import upstream, upstream_server
from tests.fakes.upstream import Upstream

__all__ = ["upstream", "upstream_server"]

TEE_KEY, LOCAL_KEY, BOTH_KEY = ("sk-gw-" + name * 4 for name in ("tee-key-", "local-key-", "both-key-"))
HELLO: Any = [{"role": "user", "content": "a secret question"}]


@pytest.fixture(scope="session")
def forbidden_server() -> Iterator[Upstream]:
    server = Upstream.start()
    yield server
    server.close()


@pytest.fixture
def forbidden(forbidden_server: Upstream) -> Iterator[Upstream]:
    """Whatever the test does, nothing of it may come here, not even a connection."""
    forbidden_server.reset()
    before = forbidden_server.server.connections
    yield forbidden_server
    assert forbidden_server.requests == [] and forbidden_server.server.connections == before


@pytest.fixture(scope="session")
def engine_server() -> Iterator[Upstream]:
    server = Upstream.start()
    yield server
    server.close()


@pytest.fixture
def engine(engine_server: Upstream) -> Upstream:
    engine_server.reset()
    engine_server.text = "Hello from the engine."
    return engine_server


@pytest.fixture(scope="session")
def board(engine_server: Upstream) -> FakeBoard:
    return FakeBoard(FakeEngine("chat", "chat", "demo-chat", engine_server.url, runtime="vllm"))


def started(
    folder: Path, upstream: Upstream, forbidden: Upstream, board: FakeBoard, *, timeout: float, **settings: Any
) -> RunningGateway:
    """`good` is trusted and local, `bad` neither. Models put the bad one where it would be asked soonest. `timeout` is
    that of the good one."""
    both = [{"provider": "good", "model": "gpt-x"}, {"provider": "bad", "model": "gpt-x"}]
    behind = [both[0], {**both[1], "priority": 1}]
    before = [{**both[0], "priority": 1}, both[1]]
    return RunningGateway(
        folder,
        board,
        engine_wait=0.3,
        providers={
            "good": {"base_url": upstream.url, "tee": True, "data": "local", "max_retries": 1, "timeout": timeout,
                     "performance": {"retry_backoff": "none"}},
            "bad": {"base_url": forbidden.url, "max_retries": 1},
        },
        models={
            "behind": {"targets": behind},
            "before": {"targets": before},
            "beside": {"targets": both, "policy": "least-busy"},
            "hedged": {"targets": behind, "hedge": {"after": 0.01, "max_share": 1}},
            "restarted": {"targets": behind, "stream_policy": "restart"},
            "prefilled": {"targets": [both[0], {**both[1], "priority": 1, "prefill": True}]},
            "small": {"targets": behind, "context_fallback": "large"},
            "large": {"provider": "bad", "model": "gpt-long"},
            "small-strict": {"provider": "good", "model": "gpt-x", "context_fallback": "large-strict"},
            "large-strict": {"targets": [{"provider": "bad", "model": "gpt-long"},
                                         {"provider": "good", "model": "gpt-long", "priority": 1}], "tee": "required"},
            "strict": {"targets": behind, "tee": "required"},
            "home": {"targets": behind, "data": "local-only"},
            "only-bad": {"provider": "bad", "model": "gpt-x"},
            "spilling": {"spill": {"in_flight": 1}, "targets": [{"engine": "chat"}, {**both[1], "priority": 1}]},
            "loading": {"targets": [{"engine": "chat"}, {**both[1], "priority": 1}], "policy": "local-first"},
        },
        keys=[
            {"name": "tee", "key": TEE_KEY, "tee": "required"},
            {"name": "local", "key": LOCAL_KEY, "data": "local-only", "store_bodies": True},
            {"name": "both", "key": BOTH_KEY, "tee": "required", "data": "local-only"},
        ],
        **settings,
    )  # fmt: skip


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, forbidden_server: Upstream, board: FakeBoard
) -> Iterator[RunningGateway]:
    """As `started` makes it."""
    folder = tmp_path_factory.mktemp("confidential")
    running = started(folder, upstream_server, forbidden_server, board, timeout=60)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def hasty_gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, forbidden_server: Upstream, board: FakeBoard
) -> Iterator[RunningGateway]:
    """Another, that waits for nobody long: for upstreams that hang."""
    hasty: Any = {"timeout": 1, "stream_idle_timeout": 0.5, "queue_timeout": 1}
    running = started(tmp_path_factory.mktemp("hasty"), upstream_server, forbidden_server, board, **hasty)
    yield running
    running.stop()


@pytest.fixture
def http(gateway: RunningGateway, upstream: Upstream) -> Iterator[httpx.Client]:
    """With the key that demands a trusted execution environment."""
    gateway.app.state.dispatcher.vitals.clear()
    with gateway.http(TEE_KEY) as client:
        yield client


@pytest.fixture
def hasty(hasty_gateway: RunningGateway, upstream: Upstream) -> Iterator[httpx.Client]:
    """The same of the hasty gateway."""
    hasty_gateway.app.state.dispatcher.vitals.clear()
    with hasty_gateway.http(TEE_KEY) as client:
        yield client


def chat(http: httpx.Client, model: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    body = {"model": model, "messages": HELLO, **more}
    return http.post("/v1/chat/completions", json=body, headers=headers)
