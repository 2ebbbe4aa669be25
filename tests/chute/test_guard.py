"""What a chute refuses before the SDK sees it, and multipart turned into JSON."""

import base64
import json
from typing import Any

import pytest

from gateway.chute import guard
from gateway.chute.asgi import Message, Scope
from gateway.errors import GatewayError, InvalidRequest, NotFound, TooLarge
from tests.chute.toys import Client, ToyApp, toy_chute

PATHS = {"/v1/audio/transcriptions"}


def scope_with(
    *headers: tuple[str, str], path: str = "/v1/audio/transcriptions", client: Any = ("127.0.0.1", 1)
) -> Scope:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "method": "POST", "path": path, "headers": raw, "client": client, "query_string": b""}


def receiving(body: bytes) -> Any:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def form(*parts: tuple[str, bytes, str | None]) -> tuple[str, bytes]:
    body = b""
    for name, data, filename in parts:
        more = f'; filename="{filename}"\r\nContent-Type: audio/wav' if filename else ""
        body += f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"
    return "multipart/form-data; boundary=B", body + b"--B--\r\n"


async def converted(content_type: str, body: bytes) -> Any:
    scope, receive = await guard.as_json(scope_with(("Content-Type", content_type)), receiving(body), PATHS)
    message = await receive()
    assert dict(scope["headers"])[b"content-type"] == b"application/json"
    assert int(dict(scope["headers"])[b"content-length"]) == len(message["body"])
    return json.loads(message["body"])


async def test_multipart_becomes_base64_json() -> None:
    content_type, body = form(
        ("model", b"whisper-1", None),
        ("timestamp_granularities[]", b"word", None),
        ("timestamp_granularities[]", b"segment", None),
        ("file", b"\x00\xffRIFF", "a.wav"),
    )
    assert await converted(content_type, body) == {
        "model": "whisper-1",
        "timestamp_granularities": ["word", "segment"],
        "file_b64": "data:audio/wav;base64," + base64.b64encode(b"\x00\xffRIFF").decode(),
        "file_name": "a.wav",
    }


async def test_json_passes_with_its_order_kept() -> None:
    assert list(await converted("text/plain", b'{"b": 1, "a": {"d": 2, "c": 3}}')) == ["b", "a"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b"{"),
        ("application/json", b'{"a": NaN}'),
        ("application/json", b'{"a": "\\ud800"}'),
        ("application/json", '{"a": 1}'.encode("utf-16")),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"a": ' + b"9" * 5000 + b"}"),
        ("application/json", b'{"a":' * 300 + b"1" + b"}" * 300),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=B", b"--B\r\n"),
        form(("file", b"1", "a.wav"), ("file", b"2", "b.wav")),
    ],
)
async def test_what_is_no_json_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await converted(content_type, body)


async def test_only_cords_get_their_body_read() -> None:
    scope = scope_with(path="/elsewhere")
    receive = receiving(b"x")
    assert await guard.as_json(scope, receive, PATHS) == (scope, receive)


async def test_a_body_past_the_platforms_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_BODY", 10)
    with pytest.raises(TooLarge):
        await converted("application/json", b'{"a": "0123456789"}')


@pytest.mark.parametrize("path", ["/_procs", "/_slurp", "/_", "/__x"])
def test_runtime_routes_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        guard.refuse_runtime_routes(path)


@pytest.mark.parametrize(
    "names",
    [["Content-Length", "transfer-encoding"], ["content-length", "Content-Length"], ["Transfer-Encoding"] * 2],
)
def test_two_lengths_are_refused(names: list[str]) -> None:
    with pytest.raises(guard.TwoLengths):
        guard.refuse_two_lengths([(name.encode(), b"1") for name in names])


@pytest.mark.parametrize("client", [("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1), ("::ffff:127.0.0.1", 1), None])
@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_this_machine_may_call(client: Any, host: str) -> None:
    guard.refuse_strangers(scope_with(("Host", host), ("Origin", "http://localhost:5173"), client=client))


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        (("192.168.1.2", 1), [("Host", "localhost")]),
        (("testclient", 1), [("Host", "localhost")]),
        (("127.0.0.1", 1), [("Host", "evil.example")]),
        (("127.0.0.1", 1), [("Host", "localhost.evil.example")]),
        (("127.0.0.1", 1), [("Host", "0.0.0.0:8000")]),
        (("127.0.0.1", 1), [("Host", "[::1")]),
        (("127.0.0.1", 1), [("Host", "")]),
        (("127.0.0.1", 1), [("Host", "localhost"), ("Origin", "null")]),
        (("127.0.0.1", 1), [("Host", "localhost"), ("Origin", "https://evil.example")]),
    ],
)
def test_strangers_may_not(client: Any, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(guard.RemoteClient):
        guard.refuse_strangers(scope_with(*headers, client=client))


async def through(chute: Any, scope: Scope) -> Client:
    client = Client()
    await chute(scope, client.receive, client.send)
    return client


async def test_on_the_platform_its_own_routes_stay_open() -> None:
    for platform, reached in ((True, True), (False, False)):
        chute = toy_chute(ToyApp(), platform=platform)
        chute.add_api_route("/_ping", lambda: {"pong": True}, methods=["POST"])
        client = await through(chute, scope_with(path="/_ping"))
        assert (client.reply.status == 200) is reached


async def test_two_lengths_are_refused_on_the_platform_too() -> None:
    scope = scope_with(("Content-Length", "1"), ("Transfer-Encoding", "chunked"))
    client = await through(toy_chute(ToyApp(), platform=True), scope)
    assert client.reply.status == 400
    assert client.reply.header("connection") == "close"


async def test_the_operator_may_open_dev_to_others() -> None:
    chute = toy_chute(ToyApp(), dev_allow_remote=True)
    assert not chute.trusts(scope_with(client=("192.168.1.2", 1)))
    client = await through(chute, scope_with(path="/nowhere", client=("192.168.1.2", 1)))
    assert client.reply.status == 404


def test_the_errors_are_of_the_one_tree() -> None:
    assert issubclass(guard.RemoteClient, GatewayError)
