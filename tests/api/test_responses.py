"""OpenAI's Responses API through its official client: every chat model answers it."""

import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

from tests.api.conftest import FENCED, recorded
from tests.api.running import RunningGateway
from tests.fakes.upstream import Upstream

PATH = "/v1/responses"
CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}
PATCH: Any = {"type": "custom", "name": "patch"}


class City(BaseModel):
    name: str
    people: int


def answer(**message: Any) -> dict[str, Any]:
    """What an upstream answers as a whole."""
    return {
        "id": "chatcmpl-1",
        "model": "gpt-x",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    }


def events(*deltas: dict[str, Any], finish: str = "stop") -> tuple[bytes, str]:
    """What an upstream streams, with usage."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks: list[dict[str, Any]] = [{"choices": [one]} for one in choices]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})
    lines = [f"data: {json.dumps({'id': 'chatcmpl-1', 'model': 'gpt-x', **one})}\n\n" for one in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream"


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_whole_answer(client: openai.OpenAI, upstream: Upstream) -> None:
    response = client.responses.create(model="gpt-x", instructions="Be brief.", input="hello", max_output_tokens=64)
    assert response.output_text == "Hello from the upstream." and response.status == "completed"
    assert response.usage and response.usage.input_tokens_details.cached_tokens == 3
    assert response.instructions == "Be brief." and response.id.startswith("resp_")
    assert upstream.last.path == CHAT
    assert upstream.last.json == {
        "model": "gpt-x",
        "messages": [{"role": "system", "content": "Be brief."}, *HELLO],
        "max_tokens": 64,
    }


def test_a_stream(client: openai.OpenAI) -> None:
    told = list(client.responses.create(model="gpt-x", input="hello", stream=True))
    assert [one.type for one in told[:2]] == ["response.created", "response.in_progress"]
    assert "".join(one.delta for one in told if one.type == "response.output_text.delta") == "Hello from the upstream."
    last = told[-1]
    assert last.type == "response.completed" and last.response.usage and last.response.usage.output_tokens > 0


def test_a_stream_as_the_client_gathers_it(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.canned[CHAT] = events(
        {"role": "assistant", "reasoning_content": "Rome, then."},
        {"content": "I look."},
        {"tool_calls": [call("weather", '{"city"')]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ': "Rom"}'}}]},
        finish="tool_calls",
    )
    with client.responses.stream(model="gpt-x", input="hello", tools=[TOOL]) as stream:
        response = stream.get_final_response()
    thought, message, called = response.output
    assert thought.type == "reasoning" and thought.content and thought.content[0].text == "Rome, then."
    assert message.type == "message" and response.output_text == "I look."
    assert called.type == "function_call" and called.parsed_arguments == {"city": "Rom"}


def test_a_stream_of_a_tool_that_takes_text(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.canned[CHAT] = events({"tool_calls": [call("patch", '{"input": "+ a"}')]}, finish="tool_calls")
    with client.responses.stream(model="gpt-x", input="hello", tools=[PATCH]) as stream:
        told = list(stream)
        response = stream.get_final_response()
    assert [one.delta for one in told if one.type == "response.custom_tool_call_input.delta"] == ["+ a"]
    assert response.output[0].type == "custom_tool_call" and response.output[0].input == "+ a"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_in_the_shape_of_a_class(client: openai.OpenAI, upstream: Upstream, stream: bool) -> None:
    upstream.text = '{"name": "Rom", "people": 2800000}'
    if stream:
        with client.responses.stream(model="gpt-x", input="Where?", text_format=City) as told:
            parsed = told.get_final_response().output_parsed
    else:
        parsed = client.responses.parse(model="gpt-x", input="Where?", text_format=City).output_parsed
    assert parsed == City(name="Rom", people=2800000)
    asked = upstream.last.json["response_format"]
    assert asked["type"] == "json_schema" and asked["json_schema"]["name"] == "City" and asked["json_schema"]["strict"]


def test_the_next_turn_goes_back_as_it_came(client: openai.OpenAI, upstream: Upstream) -> None:
    calls = [call("weather", '{"city": "Rom"}'), {**call("patch", '{"input": "+ a"}'), "id": "c2"}]
    upstream.canned[CHAT] = answer(reasoning_content="Hm.", content="I look.", tool_calls=calls)
    first = client.responses.create(model="gpt-x", input="hello", tools=[TOOL, PATCH])
    upstream.canned.clear()
    results: Any = [
        {"type": "function_call_output", "call_id": "c1", "output": "warm"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
    ]
    turns: Any = [*HELLO, *[item.model_dump(exclude_none=True) for item in first.output], *results]
    client.responses.create(model="gpt-x", input=turns, tools=[TOOL, PATCH])
    sent = upstream.last.json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert sent[1]["content"] == "I look." and sent[1]["reasoning_content"] == "Hm."
    assert [json.loads(one["function"]["arguments"]) for one in sent[1]["tool_calls"]] == [
        {"city": "Rom"},
        {"input": "+ a"},
    ]
    assert sent[2:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "warm"},
        {"role": "tool", "tool_call_id": "c2", "content": "done"},
    ]


def test_agents_may_offer_what_runs_at_openai_beside_their_own_tools(client: openai.OpenAI, upstream: Upstream) -> None:
    response = client.responses.create(model="gpt-x", input="hello", tools=[TOOL, {"type": "web_search"}])
    assert [tool.type for tool in response.tools] == ["function"]
    assert [tool["function"]["name"] for tool in upstream.last.json["tools"]] == ["weather"]


def test_calls_whose_arguments_come_in_turns(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.canned[CHAT] = events(
        {"tool_calls": [call("weather", ""), {**call("patch", ""), "index": 1, "id": "c2"}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"input": "+ a"}'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Rom"}'}}]},
        finish="tool_calls",
    )
    with client.responses.stream(model="gpt-x", input="hello", tools=[TOOL, PATCH]) as stream:
        weather, patch = stream.get_final_response().output
    assert weather.type == "function_call" and weather.parsed_arguments == {"city": "Rom"}
    assert patch.type == "custom_tool_call" and patch.input == "+ a"


def test_an_answer_cut_short_says_so(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.canned[CHAT] = events({"content": "He"}, finish="length")
    told = list(client.responses.create(model="gpt-x", input="hello", stream=True))
    last = told[-1]
    assert last.type == "response.incomplete" and last.response.incomplete_details
    assert last.response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("stream", [False, True])
def test_the_other_target_answers_where_the_first_fails(
    client: openai.OpenAI, upstream: Upstream, stream: bool
) -> None:
    upstream.faults["gpt-x"] = "500"
    told: Any = client.responses.create(model="safe", input="hello", stream=stream)
    response: Response = list(told)[-1].response if stream else told
    assert response.output_text == "Hello from the spare."


def test_a_cut_stream_is_made_whole_by_asking_again(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.script.append("cut:2")
    with client.responses.stream(model="gpt-x", input="hello") as stream:
        response = stream.get_final_response()
    assert response.output_text == "Hello from the upstream." and len(upstream.requests) == 2


def test_a_stream_that_stays_cut_is_an_error(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.faults["*"] = "cut:2"
    told: list[Any] = []
    with pytest.raises(openai.APIError) as broken:
        for one in client.responses.create(model="gpt-x", input="hello", stream=True):
            told.append(one)
    assert broken.value.code == "upstream_bad_response" and "cut off" in broken.value.message
    assert told[0].type == "response.created" and told[-1].type == "response.failed"
    failed = told[-1].response
    assert failed.status == "failed" and failed.error and failed.error.message == broken.value.message
    assert told[-1].sequence_number == len(told) - 1


def test_errors_are_those_of_openai(gateway: RunningGateway, client: openai.OpenAI, upstream: Upstream) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.create(model="gpt-none", input="hello")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError), gateway.client("sk-wrong") as stranger:
        stranger.responses.create(model="gpt-x", input="hello")
    with pytest.raises(openai.PermissionDeniedError), gateway.client(FENCED) as fenced:
        fenced.responses.create(model="gpt-x", input="hello")
    with pytest.raises(openai.BadRequestError) as earlier:
        client.responses.create(model="gpt-x", input="hello", previous_response_id="resp_1")
    assert earlier.value.param == "previous_response_id" and "'input'" in earlier.value.message
    with pytest.raises(openai.BadRequestError) as hosted:
        client.responses.create(
            model="gpt-x", input="hello", tools=[{"type": "file_search", "vector_store_ids": ["v"]}]
        )
    assert hosted.value.param == "tools.0.type"
    assert not upstream.requests


def test_errors_name_what_the_caller_sent(client: openai.OpenAI, upstream: Upstream) -> None:
    """And not the chat completion that was made of it."""
    shown: Any = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0K"}]}]
    with pytest.raises(openai.BadRequestError) as blind:
        client.responses.create(model="blind", input=shown)
    assert blind.value.param == "input" and blind.value.code == "image_upload_not_supported"
    shown[0]["content"][0]["image_url"] = "data:image/png;base64,???"
    with pytest.raises(openai.BadRequestError) as broken:
        client.responses.create(model="gpt-x", input=shown)
    assert broken.value.message.count("input.0.content.0: the image's data URL is not valid base64")
    assert broken.value.param == "input.0.content.0"
    assert not upstream.requests


def test_a_request_lacks_its_model_or_its_input(http: httpx.Client) -> None:
    for body, param in (({"input": "hello"}, "model"), ({"model": "gpt-x"}, "input")):
        reply = http.post(PATH, json=body)
        assert reply.status_code == 400 and reply.json()["error"]["param"] == param


def test_it_is_counted_and_priced_as_a_chat(http: httpx.Client) -> None:
    reply = http.post(PATH, json={"model": "gpt-x", "input": "hello"})
    assert reply.headers["x-gateway-provider"] == "main"
    row = recorded(http, reply.headers["x-request-id"])
    assert row["operation"] == "chat.completions" and row["status"] == 200 and row["output_tokens"] > 0


def test_the_bytes_of_a_stream(http: httpx.Client) -> None:
    reply = http.post(PATH, json={"model": "gpt-x", "input": "hello", "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.startswith("event: response.created\ndata: {") and "[DONE]" not in reply.text


def test_tokens_are_counted_about(client: openai.OpenAI, upstream: Upstream) -> None:
    counted = client.responses.input_tokens.count(model="gpt-x", input="hello")
    assert 0 < counted.input_tokens < 100 and counted.object == "response.input_tokens"
    assert client.responses.input_tokens.count(model="gpt-x", input="hello", tools=[TOOL]).input_tokens > 30
    with pytest.raises(openai.NotFoundError):
        client.responses.input_tokens.count(model="gpt-none", input="hello")
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.input_tokens.count(model="gpt-x", input="hello", previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-nobody").responses.input_tokens.count(model="gpt-x", input="hello")
    assert not upstream.requests
