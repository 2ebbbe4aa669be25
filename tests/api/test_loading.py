"""While a local engine loads: fallbacks answer, streams show signs of life, the rest waits or is told to come back."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from gateway.providers.engines import EngineState
from tests.api.running import RunningGateway
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture
def board(upstream: Upstream) -> FakeBoard:
    return FakeBoard(
        FakeEngine("chat", "chat", "demo-chat", upstream.url),
        FakeEngine("ocr", "ocr", "rapidocr", upstream.url, runtime="rapidocr"),
    )


@pytest.fixture
def gateway(
    request: pytest.FixtureRequest, tmp_path: Path, board: FakeBoard, spare: Upstream
) -> Iterator[RunningGateway]:
    """Its parameter says for how many seconds calls wait for an engine."""
    running = RunningGateway(
        tmp_path,
        board,
        engine_wait=getattr(request, "param", 60),
        providers={"spare": {"base_url": spare.url, "max_retries": 0}},
        models={"safe": {"engine": "chat", "fallbacks": [{"provider": "spare", "model": "gpt-y"}]}},
    )
    yield running
    running.stop()
    assert board.stopped


def test_a_local_model_answers_with_the_engines_own_secret(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.client() as client:
        reply = client.chat.completions.create(model="demo-chat", messages=HELLO)
        assert client.chat.completions.create(model="chat", messages=HELLO).choices
    assert reply.choices[0].message.content == "Hello from the upstream."
    assert upstream.last.headers["authorization"] == "Bearer engine-secret"


def test_the_fallback_answers_while_the_engine_loads(gateway: RunningGateway, board: FakeBoard) -> None:
    board.become("chat", EngineState.LOADING)
    with gateway.client() as client:
        reply = client.chat.completions.create(model="safe", messages=HELLO)
        assert reply.choices[0].message.content == "Hello from the spare."
        listed = {model.id: model.model_dump()["state"] for model in client.models.list()}
    assert listed["demo-chat"] == "loading" and listed["safe"] == "ready"


def test_without_a_fallback_a_call_waits_for_the_engine(gateway: RunningGateway, board: FakeBoard) -> None:
    board.become("chat", EngineState.LOADING)
    with gateway.client() as client:
        started = time.monotonic()
        threading.Timer(0.5, board.become, ("chat", EngineState.READY)).start()
        assert client.chat.completions.create(model="demo-chat", messages=HELLO).choices
        assert time.monotonic() - started > 0.4


def test_a_stream_shows_signs_of_life_and_then_the_answer(gateway: RunningGateway, board: FakeBoard) -> None:
    board.become("chat", EngineState.LOADING)
    body = {"model": "demo-chat", "messages": HELLO, "stream": True}
    with gateway.http() as http, http.stream("POST", "/v1/chat/completions", json=body) as reply:
        lines = (line for line in reply.iter_lines() if line)
        assert next(lines).startswith(": demo-chat is loading")
        board.become("chat", EngineState.READY)
        assert list(lines)[-1] == "data: [DONE]"
    with gateway.client() as client:
        chunks = client.chat.completions.create(model="demo-chat", messages=HELLO, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello from the upstream."


@pytest.mark.parametrize("gateway", [1], indirect=True)
def test_an_engine_that_does_not_come_in_time_is_503_with_retry_after(
    gateway: RunningGateway, board: FakeBoard
) -> None:
    board.become("chat", EngineState.LOADING)
    with gateway.client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="demo-chat", messages=HELLO)
    assert caught.value.status_code == 503
    assert caught.value.code == "engine_loading"
    assert caught.value.response.headers["retry-after"] == "7"
    body = {"model": "demo-chat", "messages": HELLO, "stream": True}
    with gateway.http() as http:
        events = http.post("/v1/chat/completions", json=body).text
    assert '"engine_loading"' in events and "[DONE]" not in events


def test_an_engine_that_cannot_start_says_why(gateway: RunningGateway, board: FakeBoard) -> None:
    board.become("chat", EngineState.FAILED, "not enough memory: 80 GiB wanted")
    with gateway.http() as http:
        reply = http.post("/v1/chat/completions", json={"model": "demo-chat", "messages": HELLO})
        assert reply.status_code == 503
        assert "not enough memory" in reply.json()["error"]["message"]
        health = http.get("/health").json()
        assert health["status"] == "degraded"
        assert health["engines"][0]["state"] == "failed" and "memory" in health["engines"][0]["error"]
        safe = http.post("/v1/chat/completions", json={"model": "safe", "messages": HELLO})
        assert safe.json()["choices"][0]["message"]["content"] == "Hello from the spare."
        assert http.get("/ready").status_code == 200


@pytest.mark.parametrize("field", ["prompt_embeds", "chat_template", "mm_processor_kwargs"])
def test_fields_that_could_hurt_an_engine_are_refused(gateway: RunningGateway, upstream: Upstream, field: str) -> None:
    with gateway.http() as http:
        reply = http.post("/v1/chat/completions", json={"model": "demo-chat", "messages": HELLO, field: "x"})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == field
    assert not upstream.requests


def test_private_keys_of_an_engine_are_stripped(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.faults["*"] = "extra-keys"
    with gateway.http() as http:
        text = http.post("/v1/chat/completions", json={"model": "demo-chat", "messages": HELLO}).text
    assert "Hello" in text and "token_ids" not in text and "kv_transfer_params" not in text
