"""Failures that a caller should not notice: refused keys, silent streams, limits, with real upstreams.

Rows of docs/acceptance.md: A000-14.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream, spare: Upstream) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path,
        first_token_timeout=2.5,
        queue_timeout=6,
        providers={
            "main": {"base_url": upstream.url, "api_keys": ["key-one", "key-two"], "max_retries": 1},
            "spare": {"base_url": spare.url, "max_retries": 0},
        },
        models={
            "safe": {"provider": "main", "model": "gpt-x", "fallbacks": [{"provider": "spare", "model": "gpt-y"}]},
            "shared": {"targets": [{"provider": "main", "model": "gpt-x"}, {"provider": "spare", "model": "gpt-y"}]},
        },
    )
    yield running
    running.stop()


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with gateway.client() as client:
        yield client


def stream_text(client: openai.OpenAI, model: str) -> str:
    chunks = client.chat.completions.create(model=model, messages=HELLO, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_refused_key_is_put_away_and_the_next_one_used(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.valid_keys = {"key-one"}
    for _ in range(4):
        assert client.chat.completions.create(model="main/gpt-x", messages=HELLO).choices
    assert [request.key for request in upstream.requests].count("key-two") == 1


@pytest.mark.parametrize("fault", ["stall:1", "hang", "slow:60"])
def test_a_stream_that_says_nothing_in_time_goes_to_the_next_target(
    client: openai.OpenAI, upstream: Upstream, fault: str
) -> None:
    upstream.faults["gpt-x"] = fault
    assert stream_text(client, "safe") == "Hello from the spare."
    assert upstream.wait_disconnect(), "the silent one is not left running"


def test_a_retry_after_is_waited_for_and_then_served(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.script += ["429:1", "429:1"]
    started = time.monotonic()
    assert client.chat.completions.create(model="main/gpt-x", messages=HELLO).choices
    assert time.monotonic() - started > 0.9


def test_a_longer_one_is_passed_on(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "429:9"
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="main/gpt-x", messages=HELLO)
    assert 5 <= int(caught.value.response.headers["retry-after"]) <= 9


@pytest.mark.parametrize("how", ["header", "field"])
def test_the_calls_of_a_session_stay_together(
    gateway: RunningGateway, upstream: Upstream, spare: Upstream, how: str
) -> None:
    found = set()
    for session in ("ann", "bob", "cid", "dan", "eve", "fay"):
        headers = {"x-session-id": session} if how == "header" else {}
        more = {"prompt_cache_key": session} if how == "field" else {}
        body = {"model": "shared", "messages": HELLO, **more}
        with gateway.http() as http:
            replies = [http.post("/v1/chat/completions", json=body, headers=headers) for _ in range(3)]
        providers = {reply.headers["x-gateway-provider"] for reply in replies}
        assert len(providers) == 1
        found |= providers
    assert found == {"main", "spare"}
    assert "x-session-id" not in (upstream.requests + spare.requests)[0].headers
