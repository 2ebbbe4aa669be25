"""A Messages request that ends with what the assistant is to go on with: asked for in each target's own way."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.api.running import RunningGateway
from tests.api.test_messages import connected
from tests.fakes.fixtures import upstream, upstream_server
from tests.fakes.upstream import Upstream

__all__ = ["upstream", "upstream_server"]

BEGUN: Any = [{"role": "user", "content": "As JSON."}, {"role": "assistant", "content": '{"city":'}]
FLAGS = {"add_generation_prompt": False, "continue_final_message": True}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[RunningGateway]:
    ways = ("message", "prefix", "continue_final_message")
    target = {"provider": "main", "model": "gpt-x"}
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        providers={"main": {"base_url": f"{upstream_server.url}/v1", "max_retries": 0, "models": ["gpt-x"]}},
        models={
            **{way: {"targets": [{**target, "prefill": way}]} for way in ways},
            "declared": {"targets": [{**target, "supports": {"prefill": True}}]},
            "second": {
                "targets": [target, {"provider": "main", "model": "gpt-y", "priority": 1, "prefill": "message"}]
            },
        },
    )
    yield running
    running.stop()


@pytest.fixture
def client(gateway: RunningGateway, upstream: Upstream) -> Iterator[anthropic.Anthropic]:
    gateway.app.state.dispatcher.vitals.clear()
    with connected(gateway) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "last", "more"),
    [
        ("message", {}, {}),
        ("declared", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("continue_final_message", {}, FLAGS),
    ],
)
def test_each_target_is_asked_in_its_own_way(
    client: anthropic.Anthropic, upstream: Upstream, model: str, last: dict[str, Any], more: dict[str, Any]
) -> None:
    client.messages.create(model=model, max_tokens=9, messages=BEGUN)
    asked = upstream.last.json
    assert asked["messages"] == [BEGUN[0], {**BEGUN[1], **last}]
    assert {name: asked[name] for name in asked.keys() & FLAGS.keys()} == more


def test_a_target_that_would_answer_to_it_is_not_asked(client: anthropic.Anthropic, upstream: Upstream) -> None:
    client.messages.create(model="second", max_tokens=9, messages=BEGUN)
    assert [request.json["model"] for request in upstream.requests] == ["gpt-y"]
    client.messages.create(model="second", max_tokens=9, messages=BEGUN[:1])
    assert upstream.last.json["model"] == "gpt-x"


def test_where_none_goes_on_the_caller_is_told(client: anthropic.Anthropic, upstream: Upstream) -> None:
    with pytest.raises(anthropic.BadRequestError, match="assistant message prefill") as refused:
        client.messages.create(model="gpt-x", max_tokens=9, messages=BEGUN)
    body: Any = refused.value.body
    assert body["error"]["param"] == "messages" and body["error"]["code"] == "unsupported_parameter"
    assert not upstream.requests


@pytest.mark.parametrize("model", ["prefix", "continue_final_message"])
def test_a_stream_that_breaks_goes_on_behind_both(client: anthropic.Anthropic, upstream: Upstream, model: str) -> None:
    upstream.text = '"Rom", "people": 2800000}'
    upstream.script.append("cut:3")
    with client.messages.stream(model=model, max_tokens=64, messages=BEGUN) as stream:
        said = stream.get_final_text()
    first, second = (request.json for request in upstream.requests)
    *before, last = second["messages"]
    assert before == first["messages"][:-1] and last["role"] == "assistant"
    begun = last["content"].removeprefix(BEGUN[1]["content"])
    assert begun and said == begun + upstream.text
    assert (last.get("prefix"), second.get("continue_final_message")) == (
        first["messages"][-1].get("prefix"),
        first.get("continue_final_message"),
    )


def test_a_chat_that_ends_so_is_its_providers_business(gateway: RunningGateway, upstream: Upstream) -> None:
    with gateway.http() as http:
        body = {"model": "prefix", "messages": BEGUN}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    assert json.loads(upstream.last.body)["messages"] == BEGUN
