"""What a request held is free when it is over, without the garbage collector, which comes seldom."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.openai_api.call import Call
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream
from tests.trust.processes import eventually

HELLO: Any = [{"role": "user", "content": "hello"}]
FAULTS = ("400", "401", "404", "429", "500", "reset", "garbage", "context", "cut:1", "cut:3", "")


def provider(upstream: Upstream, **more: Any) -> dict[str, Any]:
    names = [f"fault:{fault}" for fault in FAULTS]
    models = [{"id": name, "name": f"{more.get('transport', 'pooled')}:{name}"} for name in names]
    keys = ["sk-one", "sk-two"]
    return {"base_url": f"{upstream.url}/v1", "api_keys": keys, "models": models, "max_retries": 1, **more}


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[RunningGateway]:
    hedged = {
        f"hedged:fault:{fault}": {
            "hedge": {"after": 0.001, "max_share": 1},
            "targets": [{"provider": name, "model": f"fault:{fault}"} for name in ("main", "other")],
        }
        for fault in FAULTS
    }
    main, other = provider(upstream), provider(upstream, transport="httpx")
    running = RunningGateway(tmp_path, providers={"main": main, "other": other}, models=hedged, queue_timeout=0.1)
    yield running
    running.stop()


def calls() -> list[Call]:
    return [one for one in gc.get_objects() if isinstance(one, Call)]


@pytest.fixture
def older() -> Iterator[list[Call]]:
    """What is left of other tests. Nothing is collected until the end."""
    gc.collect()
    gc.disable()
    yield calls()
    gc.enable()


@pytest.mark.parametrize("way", ["pooled", "httpx", "hedged"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_failed_leaves_nothing_behind(
    gateway: RunningGateway, older: list[Call], fault: str, way: str
) -> None:
    with gateway.http() as http:
        for stream in (False, True):
            body = {"model": f"{way}:fault:{fault}", "messages": HELLO, "stream": stream}
            http.post("/v1/chat/completions", json=body)
            http.post("/v1/chat/completions", json=body | {"model": "unknown"})
    known = set(map(id, older))
    eventually(lambda: known.issuperset(map(id, calls())))
