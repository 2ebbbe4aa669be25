"""Models that refuse, or answer, otherwise than clients expect, as the clients of three APIs meet them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.api.running import MASTER, RunningGateway
from tests.fakes import answers
from tests.fakes.http_server import Exchange
from tests.fakes.upstream import Upstream

CHAT = "/v1/chat/completions"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
CITY = '{"city":"Bern"}'
DEVELOPER = {"role": "developer", "content": "Be brief."}
HELLO = {"role": "user", "content": "hello"}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream, spare_server: Upstream
) -> Iterator[RunningGateway]:
    providers = {"main": upstream_server.url, "spare": spare_server.url}
    running = RunningGateway(
        Path(tmp_path_factory.mktemp("strict")),
        providers={name: {"base_url": url, "max_retries": 0} for name, url in providers.items()},
        models={"talker": {"provider": "main", "model": "m", "fallbacks": [{"provider": "spare", "model": "m"}]}},
    )
    yield running
    running.stop()


@pytest.fixture
def strict(
    gateway: RunningGateway, upstream: Upstream, spare: Upstream
) -> Iterator[Callable[[Upstream, Callable[[dict[str, Any]], str]], None]]:
    """`strict(upstream, wrong)`: it refuses with what is `wrong`. Nothing is known of any target yet."""
    gateway.app.state.dispatcher.vitals.clear()
    for provider in gateway.app.state.snapshot.providers.values():
        provider.derived.clear()
    before = {one.server: one.server.handler for one in (upstream, spare)}

    def refuse(one: Upstream, wrong: Callable[[dict[str, Any]], str]) -> None:
        async def answer(exchange: Exchange) -> None:
            if exchange.request.path != CHAT:
                await before[one.server](exchange)
            elif said := wrong(exchange.request.json):
                exchange.send_json(400, {"error": {"message": said, "code": 400}})
            elif canned := one.canned.get(CHAT):
                exchange.send(200, canned, "text/event-stream" if canned.startswith(b"data") else "application/json")
            else:
                await answers.BY_PATH[exchange.request.path](one, exchange)

        one.server.handler = answer

    yield refuse
    for server, handler in before.items():
        server.handler = handler


def chunks(*deltas: dict[str, Any], finish: str = "tool_calls") -> bytes:
    told: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    told.append({"index": 0, "delta": {}, "finish_reason": finish})
    events = [{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [one]}
              for one in told]  # fmt: skip
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in events) + b"data: [DONE]\n\n"


def calls_of(request: Any) -> list[dict[str, Any]]:
    return [call for message in request["messages"] for call in message.get("tool_calls") or ()]


# --- calls of tools ------------------------------------------------------------------------------------------


def test_openais_client_gathers_calls_that_are_counted_from_one_and_have_no_ids(
    gateway: RunningGateway, upstream: Upstream, strict: Any
) -> None:
    pieces: list[dict[str, Any]] = [
        {"index": 1, "function": {"name": "weather", "arguments": '{"city":'}},
        {"index": 1, "function": {"arguments": '"Bern"}'}},
        {"index": 2, "function": {"name": "time"}},
    ]
    strict(upstream, lambda _: "")
    upstream.canned[CHAT] = chunks(*({"tool_calls": [piece]} for piece in pieces))
    with gateway.client().chat.completions.stream(
        model="talker", messages=[{"role": "user", "content": "?"}], tools=[WEATHER]
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    assert [(one.function.name, one.function.arguments) for one in message.tool_calls] == [
        ("weather", CITY),
        ("time", "{}"),
    ]
    assert len({one.id for one in message.tool_calls}) == 2


def test_a_talk_with_one_provider_goes_on_with_another_that_takes_other_ids(
    gateway: RunningGateway, upstream: Upstream, spare: Upstream, strict: Any
) -> None:
    long = "chatcmpl-tool-" + 32 * "0"
    rule = f"Tool call id was {long} but must be a-z, A-Z, 0-9, with a length of 9."
    strict(spare, lambda request: rule if any(len(call["id"]) != 9 for call in calls_of(request)) else "")
    upstream.faults["m"] = "500"
    call = {"id": long, "type": "function", "function": {"name": "weather", "arguments": CITY}}
    talk: Any = [HELLO, {"role": "assistant", "tool_calls": [call]},
                 {"role": "tool", "tool_call_id": long, "content": "rain"}]  # fmt: skip
    answer = gateway.client().chat.completions.create(model="talker", messages=talk, tools=[WEATHER])
    assert answer.choices[0].message.content == spare.text
    (asked,) = calls_of(spare.last.json)
    assert spare.last.json["messages"][2]["tool_call_id"] == asked["id"]


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_gemini_is_answered_through_apis_that_have_no_place_for_its_signatures(
    gateway: RunningGateway, upstream: Upstream, strict: Any, api: str
) -> None:
    said = "Function call is missing a thought_signature in functionCall parts."
    strict(upstream, lambda request: "" if all("extra_content" in call for call in calls_of(request)) else said)
    if api == "messages":
        use: Any = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bern"}}
        result: Any = {"type": "tool_result", "tool_use_id": "c1", "content": "rain"}
        talk: Any = [HELLO, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        with anthropic.Anthropic(api_key=MASTER, base_url=gateway.url, max_retries=0) as client:
            message = client.messages.create(model="talker", max_tokens=64, messages=talk)
        assert message.content[0].type == "text" and message.content[0].text == upstream.text
    else:
        items: Any = [
            HELLO,
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": CITY},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        ]
        assert gateway.client().responses.create(model="talker", input=items).output_text == upstream.text
    assert len(upstream.requests) == 2


# --- who speaks ----------------------------------------------------------------------------------------------


def template(request: dict[str, Any]) -> str:
    """What the templates of many models say."""
    roles = [message["role"] for message in request["messages"]]
    if not {*roles} <= {"system", "user", "assistant", "tool"}:
        return "Unexpected message role."
    return "System message must be at the beginning." if "system" in roles[1:] else ""


def test_developers_are_heard_by_models_that_know_none(
    gateway: RunningGateway, upstream: Upstream, strict: Any
) -> None:
    strict(upstream, template)
    talk: Any = [DEVELOPER, HELLO]
    for _ in range(2):
        answer = gateway.client().chat.completions.create(model="talker", messages=talk)
        assert answer.choices[0].message.content == upstream.text
    assert [request.json["messages"][0]["role"] for request in upstream.requests] == ["developer", "system", "system"]


def test_what_an_agent_says_in_the_midst_reaches_models_whose_system_speaks_first(
    gateway: RunningGateway, upstream: Upstream, strict: Any
) -> None:
    """As Codex does."""
    strict(upstream, template)
    items: Any = [DEVELOPER, HELLO, {"role": "developer", "content": "You may write."}, HELLO]
    answer = gateway.client().responses.create(model="talker", instructions="You are an agent.", input=items)
    assert answer.output_text == upstream.text
    said = upstream.last.json["messages"]
    assert [message["role"] for message in said] == ["system", "user"]
    assert said[0]["content"] == "You are an agent.\n\nBe brief."
    assert "<system-reminder>\nYou may write.\n</system-reminder>" in said[1]["content"]


# --- no room -------------------------------------------------------------------------------------------------

NO_ROOM = "Could not finish the message because max_tokens or model output limit was reached. Please try again."


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_room_is_one_that_is_cut(
    gateway: RunningGateway, upstream: Upstream, strict: Any, stream: bool
) -> None:
    """OpenAI's reasoning models refuse such a request; agents ask so to see whether a model is there."""
    strict(upstream, lambda request: NO_ROOM)
    asked: Any = {"model": "talker", "max_tokens": 1, "messages": [HELLO]}
    with anthropic.Anthropic(api_key=MASTER, base_url=gateway.url, max_retries=0) as client:
        if stream:
            with client.messages.stream(**asked) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**asked)
    assert (message.stop_reason, message.content) == ("max_tokens", [])
    told = gateway.client().responses.create(model="talker", input="hello", max_output_tokens=16)
    assert told.status == "incomplete" and told.incomplete_details is not None
    assert told.incomplete_details.reason == "max_output_tokens"
    with pytest.raises(openai.BadRequestError, match="Could not finish"):
        gateway.client().chat.completions.create(model="talker", messages=[{"role": "user", "content": "hello"}])
