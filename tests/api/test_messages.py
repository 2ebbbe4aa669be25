"""Anthropic's Messages API through its official client: every chat model answers it."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from tests.api.conftest import FENCED, recorded
from tests.api.running import MASTER, RunningGateway
from tests.fakes.upstream import Upstream

HELLO: Any = [{"role": "user", "content": "hello"}]
PATH = "/v1/messages"
CHAT = "/v1/chat/completions"
TOOL: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


def connected(gateway: RunningGateway, key: str = MASTER) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=key, base_url=gateway.url, max_retries=0)


@pytest.fixture
def client(gateway: RunningGateway, upstream: Upstream, spare: Upstream) -> Iterator[anthropic.Anthropic]:
    gateway.app.state.dispatcher.vitals.clear()
    with connected(gateway) as client:
        yield client


def events(*deltas: dict[str, Any], finish: str = "stop") -> tuple[bytes, str]:
    """What an upstream streams, with usage."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks: list[dict[str, Any]] = [{"choices": [one]} for one in choices]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})
    lines = [f"data: {json.dumps({'id': 'chatcmpl-1', 'model': 'gpt-x', **one})}\n\n" for one in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream"


def test_a_whole_answer(client: anthropic.Anthropic, upstream: Upstream) -> None:
    message = client.messages.create(model="gpt-x", max_tokens=64, system="Be brief.", messages=HELLO)
    assert message.content[0].type == "text" and message.content[0].text == "Hello from the upstream."
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0
    assert upstream.last.json["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]
    assert upstream.last.path == CHAT


def test_the_clients_trial_of_new_fields_is_the_same(client: anthropic.Anthropic) -> None:
    message = client.beta.messages.create(model="gpt-x", max_tokens=64, messages=HELLO, betas=["context-1m-2025-08-07"])
    assert message.content[0].type == "text" and message.content[0].text == "Hello from the upstream."


def test_a_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == "Hello from the upstream." and message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


def test_thoughts_and_calls_of_tools_in_a_stream(client: anthropic.Anthropic, upstream: Upstream) -> None:
    begun = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city"'}}
    upstream.canned[CHAT] = events(
        {"role": "assistant", "reasoning_content": "Rome, then."},
        {"tool_calls": [begun]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ': "Rom"}'}}]},
        finish="tool_calls",
    )
    with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO, tools=[TOOL]) as stream:
        message = stream.get_final_message()
    thought, call = message.content
    assert thought.type == "thinking" and thought.thinking == "Rome, then."
    assert call.type == "tool_use" and call.input == {"city": "Rom"} and message.stop_reason == "tool_use"


def test_the_next_turn_goes_back_as_it_came(client: anthropic.Anthropic, upstream: Upstream) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rom"}'}}
    upstream.canned[CHAT] = {
        "id": "chatcmpl-1",
        "model": "gpt-x",
        "choices": [{"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    }
    message = client.messages.create(model="gpt-x", max_tokens=64, messages=HELLO, tools=[TOOL])
    result: Any = {"type": "tool_result", "tool_use_id": "c1", "content": "warm"}
    turns: Any = [*HELLO, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    upstream.canned.clear()
    client.messages.create(model="gpt-x", max_tokens=64, messages=turns, tools=[TOOL])
    sent = upstream.last.json["messages"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Rom"}
    assert sent[2] == {"role": "tool", "tool_call_id": "c1", "content": "warm"}


def test_the_other_target_answers_where_the_first_fails(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.script.append("500")
    message = client.messages.create(model="safe", max_tokens=64, messages=HELLO)
    assert message.content[0].type == "text" and message.content[0].text == "Hello from the spare."


def test_a_cut_stream_is_made_whole_by_asking_again(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.script.append("cut:2")
    with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO) as stream:
        message = stream.get_final_message()
    assert message.content[0].type == "text" and message.content[0].text == "Hello from the upstream."
    assert len(upstream.requests) == 2 and message.stop_reason == "end_turn"


def test_a_stream_that_stays_cut_is_an_error(client: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.faults["*"] = "cut:2"
    told: list[str] = []
    with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO) as stream:
        with pytest.raises(anthropic.APIStatusError) as broken:
            for event in stream:
                told.append(event.type)
        error: Any = broken.value.body
        assert error["error"]["type"] == "api_error"
    assert told[0] == "message_start" and "message_stop" not in told


def test_errors_are_those_of_that_api(gateway: RunningGateway, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.messages.create(model="gpt-none", max_tokens=64, messages=HELLO)
    error: Any = missing.value.body
    assert error["error"]["type"] == "not_found_error" and missing.value.request_id == error["request_id"]
    with pytest.raises(anthropic.AuthenticationError), connected(gateway, "sk-wrong") as stranger:
        stranger.messages.create(model="gpt-x", max_tokens=64, messages=HELLO)
    with pytest.raises(anthropic.PermissionDeniedError), connected(gateway, FENCED) as fenced:
        fenced.messages.create(model="gpt-x", max_tokens=64, messages=HELLO)
    hosted: Any = [{"type": "web_search_20250305", "name": "web_search"}]
    with pytest.raises(anthropic.BadRequestError, match=r"tools\.0\.type"):
        client.messages.create(model="gpt-x", max_tokens=64, messages=HELLO, tools=hosted)


def test_every_answer_has_the_id_that_the_client_reads(
    client: anthropic.Anthropic, http: httpx.Client, upstream: Upstream
) -> None:
    whole = client.messages.with_raw_response.create(model="gpt-x", max_tokens=64, messages=HELLO)
    assert whole.request_id and whole.request_id == whole.headers["x-request-id"] == whole.parse()._request_id
    with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO) as stream:
        assert stream.request_id and stream.request_id == stream.response.headers["x-request-id"]
    counted = client.messages.with_raw_response.count_tokens(model="gpt-x", messages=HELLO)
    assert counted.request_id and counted.request_id == counted.headers["x-request-id"]
    assert "request-id" not in http.post(CHAT, json={"model": "gpt-x", "messages": HELLO}).headers


def test_errors_within_a_stream_have_it_too(http: httpx.Client, upstream: Upstream) -> None:
    upstream.faults["*"] = "cut:2"
    body = {"model": "gpt-x", "max_tokens": 64, "messages": HELLO, "stream": True}
    answer = http.post(PATH, json=body)
    error = json.loads(answer.text.rpartition("data: ")[2])
    assert error["type"] == "error" and error["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("path", [f"{PATH}/count_tokens", f"{PATH}/batches", PATH])
def test_what_is_not_there_is_told_in_its_shape(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    error = answer.json()
    assert error["type"] == "error" and error["error"]["type"] in ("not_found_error", "invalid_request_error")
    assert error["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_clients_loop_of_tools_sends_all_that_was_said(
    client: anthropic.Anthropic, upstream: Upstream, stream: bool
) -> None:
    """It begins with a thread, which nobody keeps here, and does without when it is told so."""

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Tells the weather."""
        return f"warm in {city}"

    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rom"}'}}
    choice = {"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    called = events({"tool_calls": [call]}, finish="tool_calls") if stream else {"id": "c", "choices": [choice]}
    upstream.canned[CHAT] = called
    runner: Any = client.beta.messages.tool_runner(
        model="gpt-x", max_tokens=64, messages=HELLO, tools=[weather], stream=stream
    )
    for turn in runner:
        last = turn.get_final_message() if stream else turn
        upstream.canned.clear()
    assert last.stop_reason == "end_turn"
    sent = upstream.last.json
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool"]
    assert sent["messages"][2]["content"] == "warm in Rom" and sent["tools"]


def test_the_code_of_an_error_is_where_the_client_reads_it(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.messages.create(model="gpt-none", max_tokens=64, messages=HELLO)
    assert missing.value.error_code == "model_not_found"


def test_errors_name_what_the_caller_sent(client: anthropic.Anthropic, upstream: Upstream) -> None:
    """And not the chat completion that was made of it."""
    source = {"type": "base64", "media_type": "image/png", "data": "???"}
    turns: Any = [*HELLO, {"role": "user", "content": [{"type": "image", "source": source}]}]
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0: the image") as broken:
        client.messages.create(model="gpt-x", max_tokens=64, system="Be brief.", messages=turns)
    body: Any = broken.value.body
    assert body["error"]["param"] == "messages.1.content.0" and not upstream.requests
    upstream.canned[CHAT] = (
        b'{"error": {"message": "messages.1.content is too long", "code": 400}}',
        "application/json",
    )
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.0 is too long|messages\.0\.content is too long"):
        client.messages.create(model="gpt-x", max_tokens=64, system="Be brief.", messages=HELLO)


@pytest.mark.parametrize("call", [{"function": None}, None, {"id": "", "function": {"name": "", "arguments": ""}}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_nothing_spoils_no_answer(
    client: anthropic.Anthropic, upstream: Upstream, stream: bool, call: Any
) -> None:
    said = {"content": "Hi", "tool_calls": [call]}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    upstream.canned[CHAT] = events(said) if stream else {"id": "c", "choices": [choice], "usage": None}
    if stream:
        with client.messages.stream(model="gpt-x", max_tokens=64, messages=HELLO) as told:
            message: Any = told.get_final_message()
    else:
        message = client.messages.create(model="gpt-x", max_tokens=64, messages=HELLO)
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hi"}]
    assert message.stop_reason == "end_turn"


def test_it_is_counted_and_priced_as_a_chat(http: httpx.Client) -> None:
    answer = http.post(PATH, json={"model": "gpt-x", "max_tokens": 64, "messages": HELLO})
    assert answer.headers["x-gateway-provider"] == "main"
    row = recorded(http, answer.headers["x-request-id"])
    assert row["operation"] == "chat.completions" and row["status"] == 200 and row["output_tokens"] > 0


def test_a_path_that_lacks_its_version_is_told_which_was_meant(http: httpx.Client) -> None:
    assert PATH in http.post("/messages", json={}).json()["error"]["message"]


def test_models_in_the_shape_that_this_client_reads(gateway: RunningGateway, client: anthropic.Anthropic) -> None:
    everything = list(client.models.list())
    assert {"gpt-x", "safe", "blind"} <= {model.id for model in everything}
    assert not {"text-embed", "whisper-1", "vision-ocr", "dots-ocr"} & {model.id for model in everything}
    assert {(model.type, model.lifecycle) for model in everything} == {("model", "active")}
    assert [model.id for model in client.models.list(limit=1)] == [model.id for model in everything]
    one = client.models.retrieve("gpt-x")
    assert (one.id, one.display_name, one.type) == ("gpt-x", "gpt-x", "model") and one.created_at.tzinfo
    assert one._request_id
    with connected(gateway, FENCED) as fenced:
        assert [model.id for model in fenced.models.list()] == ["safe"]


def test_pages_of_models_in_both_directions(client: anthropic.Anthropic) -> None:
    names = [model.id for model in client.models.list()]
    first = client.models.list(limit=2)
    assert (first.has_more, first.first_id, first.last_id) == (True, names[0], names[1])
    rest = client.models.list(after_id=names[1])
    assert [model.id for model in rest.data] == names[2:] and rest.has_more is False
    before = client.models.list(before_id=names[2], limit=1)
    assert [model.id for model in before.data] == [names[1]] and before.has_more is True
    assert [model.id for model in before] == [names[1], names[0]]


def test_a_model_that_is_not_there_is_told_in_its_shape(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="Did you mean 'gpt-x'") as missing:
        client.models.retrieve("gpt-xx")
    body: Any = missing.value.body
    assert body["type"] == "error" and body["request_id"] == missing.value.request_id
    with pytest.raises(anthropic.BadRequestError) as wrong:
        client.models.list(limit=0)
    told: Any = wrong.value.body
    assert told["error"]["param"] == "limit"
    with pytest.raises(anthropic.NotFoundError) as behind:
        client.models.list(before_id="gpt-none")
    told = behind.value.body
    assert told["error"]["param"] == "before_id"


def test_other_clients_read_of_models_what_they_always_did(http: httpx.Client) -> None:
    answer = http.get("/v1/models", params={"limit": 2})
    assert answer.json()["object"] == "list" and "request-id" not in answer.headers
