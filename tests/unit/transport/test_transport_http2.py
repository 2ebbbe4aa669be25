"""HTTP/2 through `HttpxTransport`: that it is used, that connections are kept, and what failures become."""

import asyncio
import contextlib
import time
from typing import Any

import pytest

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.base import Timeouts, Via
from gateway.providers.transport.base import HttpRequest
from gateway.providers.transport.httpx_client import HttpxTransport
from tests.fakes.certificates import Authority
from tests.fakes.http2_server import Frames, frames_server, hypercorn
from tests.fakes.raw_server import answer, raw_server
from tests.unit.transport.kit import OK, PRIVATE, collect, fetch, none_open, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENT = {"silence", "stall", "garbage"}
"""Faults that are noticed as silence only."""


def post(url: str, body: bytes = b"{}", first_byte: float = 20.0) -> HttpRequest:
    patience = Timeouts(connect=20.0, first_byte=first_byte, whole=first_byte, idle=first_byte)
    return HttpRequest("POST", url, {"authorization": "Bearer k"}, body, patience, via=Via(http2=True))


async def test_it_is_really_http2(authority: Authority) -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        seen.append({**scope, "body": body})
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/x")]})
        await send({"type": "http.response.body", "body": body[:1000], "more_body": True})
        await send({"type": "http.response.body", "body": body[1000:]})

    transport = HttpxTransport(PRIVATE, authority.client())
    async with hypercorn(app, authority.server("127.0.0.1")) as url:
        response = await transport.send(post(f"{url}/v1/x?a=b", b"hello"))
        assert (response.status, response.headers["content-type"]) == (200, "text/x")
        assert await response.read(100) == b"hello"
        large = bytes(range(256)) * 12_000
        assert await fetch(transport, post(f"{url}/v1/x", large), 10_000_000) == large
        await asyncio.gather(*(fetch(transport, post(f"{url}/", b"%d" % n)) for n in range(10)))
        assert 0 < transport.idle() <= 10
        await transport.aclose()
    assert {scope["http_version"] for scope in seen} == {"2"}
    headers = dict(seen[0]["headers"])
    assert headers[b"authorization"] == b"Bearer k"
    assert headers[b"accept-encoding"] == b"identity"
    assert b"connection" not in headers
    assert (seen[0]["path"], seen[0]["query_string"]) == ("/v1/x", b"a=b")


async def test_a_server_without_http2_is_asked_in_http1(authority: Authority) -> None:
    async with raw_server(lambda peer: _http1(peer), authority.server("127.0.0.1")) as server:
        transport = HttpxTransport(PRIVATE, authority.client())
        assert await fetch(transport, post(server.url)) == OK
        assert transport.idle() == 0


async def _http1(peer: Any) -> None:
    assert (await peer.request()).startswith(b"POST / HTTP/1.1\r\n")
    await peer.say(answer(OK))


async def test_connections_follow_one_another_and_are_never_shared(authority: Authority) -> None:
    async def script(frames: Frames) -> None:
        while stream := await frames.request():
            await asyncio.sleep(0.02)
            await frames.answer(stream, OK)

    async with frames_server(script, authority.server("127.0.0.1")) as server:
        transport = HttpxTransport(PRIVATE, authority.client())
        for _ in range(5):
            assert await fetch(transport, post(server.url)) == OK
            assert await collect(transport, post(server.url)) == [OK]
        assert server.connections == 1
        await asyncio.gather(*(fetch(transport, post(server.url)) for _ in range(5)))
        assert server.connections == transport.idle() == 5
        await transport.aclose()
        await none_open(server)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("close", UpstreamUnreachable),
        ("silence", UpstreamTimeout),
        ("stall", UpstreamTimeout),
        ("reset", UpstreamBadResponse),
        ("cut", UpstreamBadResponse),
        ("goaway", GatewayError),
        ("short", UpstreamBadResponse),
        ("long", UpstreamBadResponse),
        ("bomb", UpstreamBadResponse),
        ("gzip", UpstreamBadResponse),
        ("endless", UpstreamBadResponse),
        ("garbage", GatewayError),
    ],
)
@pytest.mark.parametrize("run", [fetch, collect])
async def test_broken_answers(authority: Authority, fault: str, error: type[GatewayError], run: Any) -> None:
    if fault == "endless" and run is collect:
        pytest.skip("a stream has no limit here: its reader has")

    async with frames_server(lambda frames: _broken(frames, fault), authority.server("127.0.0.1")) as server:
        transport = HttpxTransport(PRIVATE, authority.client())
        started = time.monotonic()
        with pytest.raises(error):
            await run(transport, post(server.url, first_byte=0.4 if fault in SILENT else 20))
        assert time.monotonic() - started < 15
        assert transport.idle() == 0
        await none_open(server)


async def _broken(frames: Frames, fault: str) -> None:
    stream = await frames.request()
    match fault:
        case "close":
            return
        case "stall":
            await frames.answer(stream, b"he", end=False)
        case "reset":
            frames.state.reset_stream(stream)
        case "cut":
            await frames.answer(stream, b"he", end=False)
            return
        case "goaway":
            frames.state.close_connection(2)
        case "short":
            await frames.answer(stream, b"he", ("content-length", "5"))
        case "long":
            await frames.answer(stream, b"hello!", ("content-length", "5"))
        case "bomb":
            await frames.answer(stream, OK, *[(f"x-{n}", "y" * 100) for n in range(1000)])
        case "gzip":
            await frames.answer(stream, OK, ("content-encoding", "gzip"))
        case "garbage":
            await frames.peer.say(b"HTTP/1.1 200 OK\r\n\r\n" * 10)
        case "endless":
            await frames.answer(stream, b"", end=False)
            for _ in range(80):
                frames.state.send_data(stream, b"x" * 16384)
                await frames.flush()
    await frames.flush()
    await frames.peer.closed()


async def test_a_second_answer_on_another_stream_reaches_nobody(authority: Authority) -> None:
    async def script(frames: Frames) -> None:
        while stream := await frames.request():
            await frames.answer(stream, b"good %d" % stream)
            frame = b"\x00\x00\x05\x00\x01" + (stream + 2).to_bytes(4, "big") + b"WRONG"
            await frames.peer.say(frame)

    async with frames_server(script, authority.server("127.0.0.1")) as server:
        transport = HttpxTransport(PRIVATE, authority.client())
        for _ in range(20):
            with contextlib.suppress(UpstreamBadResponse):
                assert (await fetch(transport, post(server.url))).startswith(b"good")
            await asyncio.sleep(0.002)
        await transport.aclose()


@pytest.mark.parametrize("phase", ["request", "body"])
async def test_cancelling_closes_the_connection(authority: Authority, phase: str) -> None:
    fault = "silence" if phase == "request" else "stall"
    async with frames_server(lambda frames: _broken(frames, fault), authority.server("127.0.0.1")) as server:
        transport = HttpxTransport(PRIVATE, authority.client())
        request = post(server.url, first_byte=30)
        task = asyncio.create_task(fetch(transport, request))
        await until(lambda: server.open)
        await asyncio.sleep(0.05)  # what was said has come
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await none_open(server)


async def test_a_connection_that_was_closed_meanwhile_is_not_used(authority: Authority) -> None:
    async def script(frames: Frames) -> None:
        await frames.answer(await frames.request(), OK)

    async with frames_server(script, authority.server("127.0.0.1")) as server:
        transport = HttpxTransport(PRIVATE, authority.client())
        for _ in range(5):
            assert await fetch(transport, post(server.url)) == OK
            await asyncio.sleep(0.01)
        assert server.connections == 5
