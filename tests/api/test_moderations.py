"""`/v1/moderations`, with OpenAI's own client and a provider whose answers are sometimes none."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

FENCED = "sk-fenced-0123456789abcdef"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[RunningGateway]:
    models = ["gpt-x", {"id": "judge-a", "type": "moderation"}, {"id": "judge-b", "type": "moderation"}]
    running = RunningGateway(
        tmp_path_factory.mktemp("moderations"),
        providers={"main": {"base_url": f"{upstream_server.url}/v1", "api_key": "sk-up", "models": models}},
        keys=[{"name": "fenced", "key": FENCED, "allowed_models": ["judge-b"]}],
    )
    yield running
    running.stop()


@pytest.fixture
def http(judged: RunningGateway) -> Iterator[httpx.Client]:
    judged.app.state.dispatcher.vitals.clear()  # no answer of an earlier test lets the provider rest
    with judged.http() as client:
        yield client


def client(judged: RunningGateway, key: str = MASTER) -> OpenAI:
    return OpenAI(base_url=f"{judged.url}/v1", api_key=key, max_retries=0)


def test_a_verdict_on_each_text(judged: RunningGateway, upstream: Upstream) -> None:
    with client(judged) as openai:
        found = openai.moderations.create(model="judge-a", input=["I like kites.", "I will hurt you."])
    assert [one.flagged for one in found.results] == [False, True]
    assert found.results[1].category_scores.violence == 0.9
    assert upstream.last.json == {"input": ["I like kites.", "I will hurt you."], "model": "judge-a"}


def test_without_a_model_the_first_that_the_key_may_use_is_asked(judged: RunningGateway, upstream: Upstream) -> None:
    for key, model in ((MASTER, "judge-a"), (FENCED, "judge-b")):
        with client(judged, key) as openai:
            assert not openai.moderations.create(input="I like kites.").results[0].flagged
        assert upstream.last.json == {"input": "I like kites.", "model": model}


def test_parts_of_a_message_get_one_verdict(judged: RunningGateway, upstream: Upstream) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://pictures.invalid/1.png"}}
    parts: Any = [{"type": "text", "text": "I like kites."}, picture]
    with client(judged) as openai:
        assert len(openai.moderations.create(input=parts).results) == 1
    assert upstream.last.json["input"] == parts


@pytest.mark.parametrize("given", ["", [], 7, {"text": "x"}])
def test_nothing_to_judge_is_refused(http: httpx.Client, upstream: Upstream, given: object) -> None:
    reply = http.post("/v1/moderations", json={"model": "judge-a", "input": given})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input")
    assert not upstream.requests


@pytest.mark.parametrize("model", ["", None, 3])
def test_a_model_that_is_named_must_be_a_name(http: httpx.Client, model: object) -> None:
    reply = http.post("/v1/moderations", json={"model": model, "input": "x"})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model")


def test_a_model_of_another_type_is_refused(http: httpx.Client) -> None:
    reply = http.post("/v1/embeddings", json={"model": "judge-a", "input": "x"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_model_type")


@pytest.mark.parametrize(
    "answer",
    [b"{}", b'{"results": []}', b'{"results": [{}]}', b'{"results": 3}', b'{"results": [{"flagged": true}]}', b"[]x"],
)
def test_what_is_no_verdict_on_both_is_refused(http: httpx.Client, upstream: Upstream, answer: bytes) -> None:
    upstream.canned["/v1/moderations"] = (answer, "application/json")
    reply = http.post("/v1/moderations", json={"model": "judge-a", "input": ["a", "b"]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_bad_response")


def test_categories_without_flagged_are_verdicts(http: httpx.Client, upstream: Upstream) -> None:
    answer = b'{"id": "1", "results": [{"categories": {"pii": true}, "category_scores": {"pii": 0.9}}]}'
    upstream.canned["/v1/moderations"] = (answer, "application/json")
    reply = http.post("/v1/moderations", json={"model": "judge-a", "input": "a"})
    assert (reply.status_code, reply.content) == (200, answer)


def test_a_stream_of_verdicts_is_refused(http: httpx.Client) -> None:
    reply = http.post("/v1/moderations", json={"model": "judge-a", "input": "x", "stream": True})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "stream")
