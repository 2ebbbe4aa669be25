"""Answers that look like a success and are none: another target answers instead, and OpenAI's client sees only that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

MODELS = {"talker": "chat", "vectors": "embedding", "painter": "image"}


@pytest.fixture
def client(tmp_path: Path, upstream: Upstream, spare: Upstream) -> Iterator[openai.OpenAI]:
    gateway = RunningGateway(
        tmp_path,
        providers={
            "main": {"base_url": upstream.url, "max_retries": 0},
            "spare": {"base_url": spare.url, "max_retries": 0},
        },
        models={
            name: {"provider": "main", "model": "m", "type": kind, "fallbacks": [{"provider": "spare", "model": "m"}]}
            for name, kind in MODELS.items()
        },
    )
    yield gateway.client()
    gateway.stop()


def test_a_choice_that_broke_off_comes_from_another_target(
    client: openai.OpenAI, upstream: Upstream, spare: Upstream
) -> None:
    error = {"code": 502, "message": "the model went away"}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Half"}, "finish_reason": "error", "error": error}
    upstream.canned["/v1/chat/completions"] = {"id": "1", "choices": [choice]}
    answer = client.chat.completions.create(model="talker", messages=[{"role": "user", "content": "hi"}])
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (spare.text, "stop")
    assert (len(upstream.requests), len(spare.requests)) == (1, 1)


@pytest.mark.parametrize("index", [0, 1], ids=["the first alone", "the second alone"])
def test_vectors_that_are_missing_come_from_another_target(
    client: openai.OpenAI, upstream: Upstream, spare: Upstream, index: int
) -> None:
    upstream.canned["/v1/embeddings"] = {"data": [{"index": index, "embedding": [0.5]}]}
    answer = client.embeddings.create(model="vectors", input=["a", "b"])
    assert [row.index for row in answer.data] == [0, 1]
    assert (len(upstream.requests), len(spare.requests)) == (1, 1)


def test_pictures_that_are_missing_come_from_another_target(
    client: openai.OpenAI, upstream: Upstream, spare: Upstream
) -> None:
    upstream.canned["/v1/images/generations"] = {"created": 1, "data": []}
    answer = client.images.generate(model="painter", prompt="a cat", size="256x256")
    assert answer.data is not None and answer.data[0].b64_json
    assert (len(upstream.requests), len(spare.requests)) == (1, 1)


def test_what_one_target_thought_does_not_keep_another_from_answering(
    client: openai.OpenAI, upstream: Upstream, spare: Upstream
) -> None:
    """A talk with a model that tells its thoughts goes on with one that refuses to be told them."""
    upstream.faults["m"] = "500"
    spare.script += ["thoughtless"]
    said: Any = {"role": "assistant", "content": "hello", "reasoning_content": "so"}
    talk: Any = [{"role": "user", "content": "hi"}, said, {"role": "user", "content": "and now?"}]
    for _ in range(2):
        answer = client.chat.completions.create(model="talker", messages=talk)
        assert answer.choices[0].message.content == spare.text
    told = ["reasoning_content" in request.json["messages"][1] for request in spare.requests]
    assert told == [True, False, False]
