"""The cord: the platform's payloads in, the shapes it reads out; statuses that survive it; `--dev` with true ones.

Rows of docs/acceptance.md: A003-07.
"""

import json
from typing import Any

import pytest

from gateway.chute.cord import GatewayCord
from tests.chute.toys import Client, ToyApp, call, decrypt, sse, toy_chute

ERROR = {"message": "no", "type": "t", "param": None, "code": "c"}


def cord_of(app: ToyApp | None = None, method: str = "POST", **settings: Any) -> GatewayCord:
    return toy_chute(app or ToyApp(), **settings).gateway_cord("/chat", "/v1/chat/completions", method)


# --- on the platform ----------------------------------------------------------------------------------------


@pytest.fixture
def platform_cord() -> GatewayCord:
    return cord_of(platform=True)


async def test_a_json_answer_is_sealed_under_json(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"model": "m"}, platform=True)
    answer = reply.as_platform_reads(stream=False)
    assert answer["text"] == "hällo ✓"
    assert answer["request"] == {"model": "m"}


async def test_a_stream_is_sealed_in_whole_events_the_first_at_once(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"stream": True}, platform=True)
    assert decrypt(reply.chunks[0]) == sse("häl")[0]
    assert reply.as_platform_reads(stream=True).encode() == b"".join(sse("häl", "lo ✓"))


async def test_a_json_answer_to_a_stream_request_is_one_line(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"stream": 1, "do": "answer"}, platform=True)
    assert reply.body.count(b"\n") == 1
    assert json.loads(reply.as_platform_reads(stream=True))["object"] == "toy"


async def test_the_query_decides_when_the_body_is_silent(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {}, params={"stream": "false"}, platform=True)
    assert json.loads(reply.as_platform_reads(stream=True))["object"] == "toy"


async def test_the_body_wins_over_the_query(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"stream": False}, params={"stream": "1"}, platform=True)
    assert reply.as_platform_reads(stream=False)["object"] == "toy"


async def test_text_is_sealed_with_its_media_type(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"do": "srt"}, platform=True)
    assert reply.as_platform_reads(stream=False) == ("text/plain; charset=utf-8", "1\n00:00 ✓\n".encode())


async def test_bytes_are_sealed_and_cannot_be_streamed(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"do": "binary"}, platform=True)
    assert reply.as_platform_reads(stream=False) == ("audio/mpeg", b"\xff\xfb\x90\x00")
    reply = await call(platform_cord, {"do": "binary", "stream": True}, platform=True)
    assert reply.status == 400
    assert reply.as_platform_reads(stream=True)["error"]["param"] == "stream"


async def test_a_character_is_never_cut_between_lines(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, {"do": "split", "stream": True}, platform=True)
    assert reply.as_platform_reads(stream=True).encode() == b"".join(sse("ä✓" * 10))


async def test_a_long_answer_to_a_stream_request_is_cut_between_characters(platform_cord: GatewayCord) -> None:
    text = "x" + "✓" * 700_000
    reply = await call(platform_cord, {"stream": "yes", "pad": text}, platform=True)
    assert reply.body.count(b"\n") > 1
    assert json.loads(reply.as_platform_reads(stream=True))["request"]["pad"] == text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("true", "shown"),
    [
        *((status, 400) for status in (400, 401, 402, 403, 404, 413, 415, 422, 426)),
        *((status, 429) for status in (408, 429, 500, 502, 503, 504, 507)),
    ],
)
async def test_only_surviving_statuses_leave(platform_cord: GatewayCord, true: int, shown: int, stream: bool) -> None:
    reply = await call(platform_cord, {"do": "refuse", "status": true, "stream": stream}, platform=True)
    assert reply.status == shown
    detail = reply.as_platform_reads(stream=stream)
    assert detail == {"error": {**ERROR, "status": true}, "status": true}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("do", ["boom", "start_then_boom", "stop_short"])
async def test_a_broken_app_is_not_a_failure_of_the_instance(do: str, stream: bool) -> None:
    cord = cord_of(platform=True)
    body = {"do": do, "stream": stream, "type": "text/event-stream" if stream else "application/json"}
    reply = await call(cord, body, platform=True)
    answer = reply.as_platform_reads(stream=stream)
    if stream and do != "boom":
        events = answer.split("\n\n")
        assert json.loads(events[-2].removeprefix("data: "))["error"]["code"] == "internal_error"
        assert "[DONE]" not in answer
    else:
        assert reply.status == 429
    assert b"secret" not in reply.body


@pytest.mark.parametrize("body", [None, [], [1], "text", 7, True])
async def test_a_body_that_is_no_object_is_the_callers_mistake(platform_cord: GatewayCord, body: Any) -> None:
    reply = await call(platform_cord, body, platform=True)
    assert reply.status == 400
    assert reply.as_platform_reads(stream=False)["error"]["type"] == "invalid_request_error"


async def test_values_that_json_cannot_carry_are_the_callers_mistake(platform_cord: GatewayCord) -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    for value in (deep, "\ud800", 10**30):
        reply = await call(platform_cord, {"x": value}, platform=True)
        assert reply.as_platform_reads(stream=False)["error"]["code"] == "invalid_json"


async def test_a_local_process_past_the_sdk_is_refused(platform_cord: GatewayCord) -> None:
    reply = await call(platform_cord, change=lambda scope: scope["state"].clear())
    assert reply.status == 400
    assert b"only through the platform" in reply.body


async def test_an_end_to_end_call_is_bare_with_a_surviving_status() -> None:
    app = ToyApp()
    cord = cord_of(app, platform=True)
    reply = await call(cord, {"model": "m", "json": 1, "params": 2}, platform=True, e2e=True)
    assert json.loads(reply.body)["request"] == {"model": "m", "json": 1, "params": 2}
    reply = await call(cord, {"do": "refuse", "status": 404}, platform=True, e2e=True)
    assert reply.status == 400
    assert json.loads(reply.body) == {"error": {**ERROR, "status": 404}}
    reply = await call(cord, {"stream": True}, platform=True, e2e=True)
    assert reply.body == b"".join(sse("häl", "lo ✓"))


async def test_before_the_app_is_there_the_caller_is_told_to_wait() -> None:
    cord = toy_chute(platform=True).gateway_cord("/chat", "/v1/chat/completions")
    reply = await call(cord, {}, platform=True)
    assert reply.status == 429
    assert reply.as_platform_reads(stream=False)["error"]["code"] == "starting"


# --- who is trusted, and the gateway key ---------------------------------------------------------------------


@pytest.mark.parametrize("platform", [True, False])
async def test_the_key_is_taken_out_of_query_and_body(platform: bool) -> None:
    app = ToyApp()
    cord = cord_of(app, platform=platform)
    await call(cord, {"a": 1}, params={"gw_key": "sk-query", "b": "2"}, platform=platform)
    await call(cord, {"a": 1, "gw_key": "sk-body"}, params={"gw_key": "sk-query"}, platform=platform)
    for (scope, body), key in zip(app.seen, (b"sk-query", b"sk-body"), strict=True):
        assert dict(scope["headers"])[b"authorization"] == b"Bearer " + key
        assert b"gw_key" not in scope["query_string"] + body
        assert json.loads(body) == {"a": 1}
    assert app.seen[0][0]["query_string"] == b"b=2"


@pytest.mark.parametrize("key", [7, "sk\r\nx: y", "schlüssel", {"a": 1}])
async def test_a_key_that_is_none_is_the_callers_mistake(key: Any) -> None:
    reply = await call(cord_of(), {"gw_key": key})
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["param"] == "gw_key"


async def test_no_header_of_the_client_passes() -> None:
    app = ToyApp()
    await call(cord_of(app), {})
    assert {name for name, _ in app.seen[0][0]["headers"]} == {b"host", b"content-type", b"content-length"}


@pytest.mark.parametrize(
    ("settings", "address", "trusted"),
    [
        ({"platform": True}, "203.0.113.9", True),
        ({"platform": True, "require_key": True}, "203.0.113.9", False),
        ({}, "127.0.0.1", True),
        ({}, "203.0.113.9", False),
    ],
)
async def test_who_is_trusted(settings: dict[str, Any], address: str, trusted: bool) -> None:
    app = ToyApp()
    platform = settings.get("platform", False)
    await call(cord_of(app, **settings), {}, platform=platform, address=address)
    assert (app.seen[0][0].get("gateway.door") == "chute") is trusted


# --- under --dev ---------------------------------------------------------------------------------------------


async def test_dev_answers_with_true_status_and_headers() -> None:
    reply = await call(cord_of(), {"do": "refuse", "status": 418})
    assert (reply.status, json.loads(reply.body)) == (418, {"error": ERROR})
    assert reply.header("x-gateway-model") == "toy"
    assert reply.header("connection") is None


async def test_dev_streams() -> None:
    reply = await call(cord_of(), {"stream": True})
    assert reply.header("content-type") == "text/event-stream"
    assert reply.chunks == sse("häl", "lo ✓")


async def test_a_break_in_mid_stream_is_an_error_event() -> None:
    reply = await call(cord_of(), {"do": "start_then_boom", "stream": True})
    assert json.loads(reply.chunks[-1].removeprefix(b"data: "))["error"]
    assert b"[DONE]" not in reply.body


async def test_a_break_in_a_whole_answer_cuts_the_connection() -> None:
    with pytest.raises(ConnectionAbortedError):
        await call(cord_of(), {"do": "start_then_boom", "type": "application/json"})


async def test_get_cords_take_query_parameters() -> None:
    for platform in (True, False):
        app = ToyApp()
        cord = cord_of(app, "GET", platform=platform)
        await call(cord, {} if platform else None, params={"limit": "5", "gw_key": "sk-1"}, platform=platform)
        scope, body = app.seen[0]
        assert (scope["method"], scope["path"], scope["query_string"], body) == (
            "GET",
            "/v1/chat/completions",
            b"limit=5",
            b"",
        )


# --- the client goes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", [True, False])
@pytest.mark.parametrize("leave_after", [0, 1, 3])
async def test_when_the_client_goes_nothing_is_left_open(platform: bool, leave_after: int) -> None:
    app = ToyApp()
    cord = cord_of(app, platform=platform)
    client = Client(leave_after=leave_after)
    await call(cord, {"do": "endless", "stream": True, "pause": 0.001}, platform=platform, client=client)
    assert app.open == 0
    assert cord._app.in_flight.count == 0
    assert not client.reply.ended or client.reply.status == 499


def test_the_cord_is_registered_as_the_platform_needs_it() -> None:
    cord = cord_of()
    assert (cord._stream, cord._passthrough, cord._func.__name__) == (False, True, "chat")
    assert (cord.path, cord.public_api_path, cord._public_api_method) == ("/chat", "/v1/chat/completions", "POST")
