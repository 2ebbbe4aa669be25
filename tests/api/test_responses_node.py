"""OpenAI's Responses API through its official client for Node."""

from functools import partial
from typing import Any

import pytest

from tests.api.running import MASTER, RunningGateway
from tests.api.test_responses import CHAT, answer, call, events
from tests.fakes.upstream import Upstream
from tests.node.client import run_client

pytestmark = pytest.mark.node
HELLO = "Hello from the upstream."


@pytest.fixture
def take(gateway: RunningGateway, upstream: Upstream) -> Any:
    gateway.app.state.dispatcher.vitals.clear()
    return partial(run_client, f"{gateway.url}/v1", MASTER, script="responses.mjs", model="gpt-x")


def test_a_whole_answer(take: Any) -> None:
    found = take(step="whole")
    assert (found["text"], found["status"]) == (HELLO, "completed")
    assert found["usage"]["total_tokens"] == found["usage"]["input_tokens"] + found["usage"]["output_tokens"] > 0


def test_a_stream_as_the_client_gathers_it(take: Any, upstream: Upstream) -> None:
    upstream.canned[CHAT] = events(
        {"role": "assistant", "reasoning_content": "Where, then?"},
        {"content": "I "},
        {"content": "look."},
        {"tool_calls": [call("weather", ""), {**call("weather", '{"city": '), "index": 1, "id": "c2"}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Rome"}'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '"Bonn"}'}}]},
        finish="tool_calls",
    )
    assert take(step="stream") == {
        "text": "I look.",
        "deltas": "I look.",
        "thoughts": ["Where, then?"],
        "calls": [
            {"id": "c1", "name": "weather", "city": "Rome"},
            {"id": "c2", "name": "weather", "city": "Bonn"},
        ],
    }


def test_an_answer_in_the_shape_of_a_schema(take: Any, upstream: Upstream) -> None:
    upstream.text = '{"name": "Rome", "people": 2800000}'
    rome = {"name": "Rome", "people": 2800000}
    assert take(step="parse") == {"whole": rome, "streamed": rome}
    assert upstream.last.json["response_format"]["json_schema"]["name"] == "city"


def test_the_next_turn_goes_back_as_it_came(take: Any, upstream: Upstream) -> None:
    upstream.canned[CHAT] = answer(reasoning="Hm.", tool_calls=[call("weather", '{"city": "Rome"}')])
    take(step="turn")
    sent = upstream.last.json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[1]["reasoning"] == "Hm." and sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "c1"


def test_a_stream_that_breaks_is_an_error(take: Any, upstream: Upstream) -> None:
    upstream.faults["*"] = "error:3"
    found = take(step="broken")
    assert found["types"][0] == "response.created" and found["types"][-1] == "response.failed"
    assert found["error"]["name"] == "APIError" and found["error"]["message"]


def test_a_refusal_names_the_field(take: Any) -> None:
    assert take(step="refused") == {
        "name": "BadRequestError",
        "status": 400,
        "code": "unsupported_parameter",
        "param": "previous_response_id",
    }
