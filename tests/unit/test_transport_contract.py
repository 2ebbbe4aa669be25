"""What every `Transport` must do, against a server that does everything wrong. Real sockets, both event loops."""

import asyncio
import gzip
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio
import uvloop

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.base import Timeouts
from gateway.providers.transport.addresses import AddressPolicy, AddressRefused
from gateway.providers.transport.base import HttpRequest, Transport
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.certificates import Authority
from tests.fakes.raw_server import Peer, RawServer, answer, raw_server

OK = b'{"ok":true}'
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PRIVATE = AddressPolicy(allow_private=True)

Make = Callable[..., Transport]
IMPLEMENTATIONS: list[Make] = [PooledTransport]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(
    scope="module", params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"]
)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


@pytest_asyncio.fixture(loop_scope="module", params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    made: Transport = request.param(PRIVATE)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def ask(server: RawServer, body: bytes = b"{}", deadline: float | None = None, **timeouts: float) -> HttpRequest:
    patience = Timeouts(**{"connect": 1.0, "first_byte": 0.5, "idle": 0.3, **timeouts})
    return HttpRequest("POST", f"{server.url}/v1/x?a=b", {"authorization": "Bearer k"}, body, patience, deadline)


async def fetch(transport: Transport, request: HttpRequest, limit: int = 1_000_000) -> bytes:
    return await (await transport.send(request)).read(limit)


async def collect(transport: Transport, request: HttpRequest) -> list[bytes]:
    return [piece async for piece in (await transport.send(request)).stream()]


def saying(*pieces: bytes, pause: float = 0.0, then: str = "close") -> AbstractAsyncContextManager[RawServer]:
    """A server that answers each request with these bytes, and then closes, resets or waits."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.say(*pieces, pause=pause)
            if then == "reset":
                await asyncio.sleep(0.02)
                peer.reset()
            if then == "wait":
                await peer.closed()
            if then != "keep":
                return

    return raw_server(script)


# --- good answers ---


async def test_whole_answer_and_what_is_sent(transport: Transport) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.say(answer(OK, b"Content-Type: application/json", b"Set-Cookie: a=b"))

    async with raw_server(script) as server:
        response = await transport.send(ask(server, b'{"model":"m"}'))
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"
        assert await response.read(100) == OK
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /v1/x?a=b http/1.1"
    assert b"host: 127.0.0.1:%d" % server.port in lines
    assert b"accept-encoding: identity" in lines
    assert b"authorization: bearer k" in lines
    assert body == b'{"model":"m"}'


@pytest.mark.parametrize(
    "raw",
    [
        answer(OK),
        CHUNKED + b"5\r\n" + OK[:5] + b"\r\n6\r\n" + OK[5:] + b"\r\n0\r\n\r\n",
        CHUNKED + b"b;name=value\r\n" + OK + b"\r\n0\r\nx-trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\ncontent-length: 11\r\n\r\n" + OK,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nx: y\r\n\r\n" + answer(OK),
    ],
    ids=["length", "chunked", "extensions", "until-close", "http10", "interim"],
)
@pytest.mark.parametrize("cut", [1, 7, 10_000])
async def test_framings(transport: Transport, raw: bytes, cut: int) -> None:
    pieces = [raw[i : i + cut] for i in range(0, len(raw), cut)]
    async with saying(*pieces) as server:
        assert await fetch(transport, ask(server, first_byte=5)) == OK
        assert b"".join(await collect(transport, ask(server, first_byte=5))) == OK


@pytest.mark.parametrize("status", [204, 400, 404, 429, 500, 503])
async def test_other_statuses_are_answers(transport: Transport, status: int) -> None:
    body = b"" if status == 204 else OK
    raw = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nRetry-After: 3\r\n\r\n%b" % (status, len(body), body)
    async with saying(raw if status != 204 else b"HTTP/1.1 204 X\r\n\r\n") as server:
        response = await transport.send(ask(server))
        assert response.status == status
        assert await response.read(100) == body


async def test_stream_pieces_come_as_they_are_sent(transport: Transport) -> None:
    events = [b"data: %d\n\n" % n for n in range(4)]
    pieces = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    async with saying(CHUNKED, *pieces, b"0\r\n\r\n", pause=0.05) as server:
        got, at = [], []
        async for piece in (await transport.send(ask(server))).stream():
            got.append(piece)
            at.append(time.monotonic())
    assert got == events
    assert at[-1] - at[0] > 0.1


async def test_large_bodies_both_ways(transport: Transport) -> None:
    sent, received = b"s" * 9_000_000, b"r" * 9_000_000
    seen: list[int] = []

    async def script(peer: Peer) -> None:
        seen.append(len(await peer.request()))
        await peer.say(answer(received))

    async with raw_server(script) as server:
        assert await fetch(transport, ask(server, sent, first_byte=20), 10_000_000) == received
    assert seen[0] > len(sent)


# --- keep-alive ---


async def test_connections_are_reused(transport: Transport) -> None:
    async with saying(answer(OK), then="keep") as server:
        for _ in range(20):
            assert await fetch(transport, ask(server)) == OK
            assert await collect(transport, ask(server)) == [OK]
        assert server.connections == 1
        await asyncio.gather(*(fetch(transport, ask(server, first_byte=5)) for _ in range(50)))
        assert server.connections <= 51


async def test_connections_closed_meanwhile_are_not_used(transport: Transport) -> None:
    async with saying(answer(OK)) as server:
        for _ in range(20):
            assert await fetch(transport, ask(server)) == OK
        assert server.connections == 20


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
async def test_connection_close_is_obeyed(transport: Transport, version: bytes) -> None:
    raw = answer(OK, b"connection: close").replace(b"HTTP/1.1", version)
    async with saying(raw, then="keep") as server:
        for _ in range(3):
            assert await fetch(transport, ask(server)) == OK
        assert server.connections == 3


async def test_a_broken_request_is_not_sent_again(transport: Transport) -> None:
    """A POST that may have been received is the caller's to repeat."""
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            requests.append(request)
            if len(requests) == 2:
                return
            await peer.say(answer(OK))

    async with raw_server(script) as server:
        assert await fetch(transport, ask(server)) == OK
        with pytest.raises(UpstreamUnreachable):
            await fetch(transport, ask(server))
    assert len(requests) == 2


@pytest.mark.parametrize("late", [False, True], ids=["at-once", "later"])
@pytest.mark.parametrize("mode", ["read", "stream"])
async def test_an_unsolicited_second_answer_never_reaches_the_next_request(
    transport: Transport, late: bool, mode: str
) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            mine = request.rpartition(b"\r\n\r\n")[2]
            good, junk = answer(mine), answer(b"SECOND" + mine)
            if late:
                await peer.say(good)
                await asyncio.sleep(0.001)
                await peer.say(junk)
            else:
                await peer.say(good + junk)

    async with raw_server(script) as server:
        for n in range(200):
            own = b"request %d" % n
            if mode == "read":
                assert await fetch(transport, ask(server, own)) == own
            else:
                assert await collect(transport, ask(server, own)) == [own]
            if late and n < 3:
                await asyncio.sleep(0.003)


@pytest.mark.parametrize("junk", [b"\r\n\r\n", b"x", b"HTTP/1.1 100 Continue\r\n\r\n", b"garbage" * 1000])
async def test_junk_between_answers_closes_the_connection(transport: Transport, junk: bytes) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.say(answer(OK))
            await asyncio.sleep(0.005)
            await peer.say(junk)

    async with raw_server(script) as server:
        for _ in range(4):
            assert await fetch(transport, ask(server)) == OK
            await asyncio.sleep(0.02)
        assert server.connections == 4


async def test_an_answer_without_length_is_not_kept(transport: Transport) -> None:
    async with saying(b"HTTP/1.1 200 OK\r\n\r\n" + OK) as server:
        assert await fetch(transport, ask(server)) == OK
        assert await fetch(transport, ask(server)) == OK
        assert server.connections == 2


# --- broken answers ---


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhelloworld\r\n0\r\n\r\n",
        CHUNKED + b"ffffffffffffffffff\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello",
        b"HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 099 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 999 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 5\r\n\r\nhello",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(5000)) + b"content-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 512_000 + b"\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000,
        CHUNKED + b"5\r\nhello\r\n0\r\nx: " + b"y" * 512_000 + b"\r\n\r\n",
        answer(gzip.compress(b" " * 50_000_000), b"content-encoding: gzip"),
        answer(OK, b"content-encoding: br"),
    ],
    ids=lambda raw: raw[:60].decode("latin-1"),
)
@pytest.mark.parametrize("mode", ["read", "stream"])
@pytest.mark.parametrize("then", ["close", "wait"])
async def test_broken_answers(transport: Transport, raw: bytes, mode: str, then: str) -> None:
    """Never an answer, never a hang; where the server waits, the failure may only be noticed as silence."""
    async with saying(raw, then=then) as server:
        started = time.monotonic()
        with pytest.raises((UpstreamBadResponse, UpstreamTimeout)) as caught:
            await (fetch if mode == "read" else collect)(transport, ask(server, first_byte=0.25, idle=0.1))
        assert time.monotonic() - started < 1.5
        assert then == "wait" or isinstance(caught.value, UpstreamBadResponse)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(transport: Transport, status: int) -> None:
    seen: list[bytes] = []

    async def target(peer: Peer) -> None:
        seen.append(await peer.request())

    async with raw_server(target) as canary:
        raw = b"HTTP/1.1 %d X\r\nlocation: %b/\r\ncontent-length: 0\r\n\r\n" % (status, canary.url.encode())
        async with saying(raw) as server:
            with pytest.raises(UpstreamBadResponse):
                await fetch(transport, ask(server))
    assert not seen


async def test_cookies_are_not_kept(transport: Transport) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.say(answer(OK, b"set-cookie: session=one; path=/"))

    async with raw_server(script) as server:
        await fetch(transport, ask(server))
        await fetch(transport, ask(server))
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


@pytest.mark.parametrize("mode", ["refused", "reset-at-once", "close-at-once", "reset-after-request"])
async def test_no_answer_at_all(transport: Transport, mode: str) -> None:
    async def script(peer: Peer) -> None:
        if mode == "reset-after-request":
            await peer.request()
        if mode.startswith("reset"):
            peer.reset()

    async with raw_server(script) as server:
        if mode == "refused":
            server.url = "http://127.0.0.1:1"
        with pytest.raises(UpstreamUnreachable):
            await fetch(transport, ask(server))


@pytest.mark.parametrize("then", ["wait", "close", "reset"])
async def test_a_server_that_speaks_first(transport: Transport, then: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"220 mail.example ESMTP\r\n")
        if then == "wait":
            await peer.closed()
        if then == "reset":
            peer.reset()

    async with raw_server(script) as server:
        for _ in range(20):
            started = time.monotonic()
            with pytest.raises((UpstreamUnreachable, UpstreamBadResponse)):
                await fetch(transport, ask(server, first_byte=5))
            assert time.monotonic() - started < 1.0


async def test_half_close_after_the_answer_is_an_answer(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(answer(OK))
        peer.writer.write_eof()
        await peer.closed()

    async with raw_server(script) as server:
        assert await fetch(transport, ask(server)) == OK
        assert await fetch(transport, ask(server)) == OK


async def test_early_answer_while_still_sending(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await asyncio.sleep(0.5)

    async with raw_server(script) as server:
        response = await transport.send(ask(server, b"x" * 50_000_000, first_byte=3))
        assert response.status == 413
        assert await response.read(100) == b"big"
        assert (await transport.send(ask(server, b"", first_byte=3))).status == 413
        assert server.connections == 2


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
async def test_endless_body_is_cut_at_the_limit(transport: Transport, framing: str) -> None:
    heads = {
        "chunked": CHUNKED,
        "length": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        "close": b"HTTP/1.1 200 OK\r\n\r\n",
    }

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(heads[framing])
        piece = b"x" * 100_000
        while True:
            await peer.say(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)

    async with raw_server(script) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(UpstreamBadResponse):
            await fetch(transport, ask(server, first_byte=5), limit=2_000_000)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


async def test_a_slow_reader_holds_the_sender_back(transport: Transport) -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(CHUNKED)
        for _ in range(400):
            await peer.say(b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000))
            sent += 100_000
        await peer.say(b"0\r\n\r\n")

    async with raw_server(script) as server:
        response = await transport.send(ask(server, idle=5))
        pieces = response.stream()
        got = len(await anext(pieces))
        await asyncio.sleep(0.3)
        assert sent < 20_000_000
        async for piece in pieces:
            got += len(piece)
        assert got == 40_000_000


# --- silence ---


@pytest.mark.parametrize("mode", ["read", "stream"])
@pytest.mark.parametrize(
    "pieces",
    [[], [b"HTTP/1.1 200 OK\r\n"], [CHUNKED], [CHUNKED + b"5\r\nhello\r\n"], [answer(OK)[:-3]]],
    ids=["request", "head", "body", "between-pieces", "end"],
)
async def test_silence_in_each_phase(transport: Transport, pieces: list[bytes], mode: str) -> None:
    async with saying(*pieces, then="wait") as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await (fetch if mode == "read" else collect)(transport, ask(server))
        assert 0.2 < time.monotonic() - started < 1.0
        await _none_open(server)


@pytest.mark.parametrize("where", ["head", "body"])
async def test_dripping_does_not_outlast_the_deadline_of_a_whole_answer(transport: Transport, where: str) -> None:
    raw = answer(b"x" * 1000)
    head = raw.index(b"\r\n\r\n") + 4
    first = b"" if where == "head" else raw[:head]
    drops = [raw[n : n + 1] for n in range(len(first), len(raw))]
    async with saying(first, *drops, pause=0.03) as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await fetch(transport, ask(server))
        assert time.monotonic() - started < 1.0


async def test_the_overall_deadline_ends_a_lively_stream(transport: Transport) -> None:
    async with saying(CHUNKED, *([b"1\r\nx\r\n"] * 100), pause=0.02) as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await collect(transport, ask(server, deadline=time.monotonic() + 0.4))
        assert 0.3 < time.monotonic() - started < 0.8


async def test_a_server_that_takes_nothing(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(5)

    async with raw_server(script) as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await fetch(transport, ask(server, b"x" * 30_000_000))
        assert time.monotonic() - started < 1.5


async def test_connecting_takes_too_long(transport: Transport) -> None:
    """A listener whose queue is full answers no SYN."""
    listener = await asyncio.get_running_loop().run_in_executor(None, _full_listener)
    try:
        request = HttpRequest(
            "POST", f"http://127.0.0.1:{listener[0].getsockname()[1]}/", timeouts=Timeouts(0.3, 0.3, 0.3)
        )
        started = time.monotonic()
        with pytest.raises((UpstreamTimeout, UpstreamUnreachable)):
            await transport.send(request)
        assert time.monotonic() - started < 1.0
    finally:
        for sock in listener:
            sock.close()


async def test_hundred_hung_calls_slow_no_other(transport: Transport) -> None:
    async with saying(then="wait") as hung, saying(answer(OK), then="keep") as good:
        calls = [asyncio.create_task(fetch(transport, ask(hung, first_byte=2))) for _ in range(100)]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        for _ in range(20):
            assert await fetch(transport, ask(good)) == OK
        assert time.monotonic() - started < 0.5
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await _none_open(hung)


# --- leaving ---


@pytest.mark.parametrize("phase", ["request", "head", "body", "whole"])
async def test_cancelling_closes_the_connection(transport: Transport, phase: str) -> None:
    pieces = {"request": [], "head": [b"HTTP/1.1 200 OK\r\n"], "body": [CHUNKED], "whole": [CHUNKED]}[phase]
    async with saying(*pieces, then="wait") as server:
        run = fetch if phase == "whole" else collect
        task = asyncio.create_task(run(transport, ask(server, first_byte=30)))
        await asyncio.sleep(0.05)
        assert server.open == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _none_open(server)


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_cancelling_at_any_moment_leaves_nothing_open(make: Make, tls: bool, authority: Authority) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        await peer.say(*[b"5\r\nhello\r\n"] * 5, pause=0.001)
        await peer.closed()

    async with raw_server(script, authority.server("127.0.0.1") if tls else None) as server:
        transport = make(PRIVATE, authority.client())
        for n in range(150):
            task = asyncio.create_task(collect(transport, ask(server, first_byte=30, idle=30)))
            await asyncio.sleep(n * 0.0001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await _none_open(server)
        await transport.aclose()


async def test_cancelling_while_sending(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        await peer.closed()

    async with raw_server(script) as server:
        task = asyncio.create_task(fetch(transport, ask(server, b"x" * 50_000_000, first_byte=30)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _none_open(server)


@pytest.mark.parametrize("after", [0, 1])
async def test_aclose_stops_a_stream(transport: Transport, after: int) -> None:
    async with saying(CHUNKED, b"5\r\nhello\r\n", then="wait") as server:
        response = await transport.send(ask(server))
        pieces = response.stream()
        for _ in range(after):
            assert await anext(pieces) == b"hello"
        await response.aclose()
        await response.aclose()
        await _none_open(server)
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)


async def test_a_forgotten_answer_is_closed(transport: Transport) -> None:
    async with saying(CHUNKED, b"5\r\nhello\r\n", then="wait") as server:
        await transport.send(ask(server))
        await _none_open(server)


async def test_drain_keeps_the_connection_of_a_stream_that_ends(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.say(CHUNKED + b"5\r\nhello\r\n")
            await asyncio.sleep(0.01)
            await peer.say(b"0\r\n\r\n")

    async with raw_server(script) as server:
        for _ in range(3):
            response = await transport.send(ask(server))
            assert await anext(response.stream()) == b"hello"
            await response.drain(0.5)
        assert server.connections == 1
        response = await transport.send(ask(server))
        assert await anext(response.stream()) == b"hello"
        await response.drain(0.001)
        await _none_open(server)


async def test_nothing_is_left_behind(transport: Transport) -> None:
    """No task, and after `aclose` no connection."""
    before = asyncio.all_tasks()
    async with saying(answer(OK), then="keep") as server:
        await asyncio.gather(*(fetch(transport, ask(server, first_byte=5)) for _ in range(20)))
        await transport.aclose()
        await _none_open(server)
        assert await fetch(transport, ask(server)) == OK
        await transport.aclose()
    assert asyncio.all_tasks() == before


# --- what is never sent ---


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a\r\nx: y",
        "http://127.0.0.1:{port}/a b",
        "http://user:secret@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@evil.example/",
        "http://127.0.0.1\\@evil.example/",
        "ftp://127.0.0.1:{port}/",
        "http:///path",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:{port}/ä",
        "127.0.0.1:{port}",
        "",
    ],
)
async def test_urls_that_are_refused(transport: Transport, url: str) -> None:
    async with saying(answer(OK)) as server:
        with pytest.raises(UpstreamUnreachable) as caught:
            await transport.send(HttpRequest("POST", url.replace("{port}", str(server.port))))
        assert "secret" not in str(caught.value)
        assert server.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer a\r\nx: y"},
        {"authorization": "Bearer a\nx: y"},
        {"x": "a\x00b"},
        {"x\r\ny": "z"},
        {"x y": "z"},
        {"": "z"},
        {"x": "\u20ac"},
        {"host": "evil.example"},
        {"Content-Length": "3"},
        {"transfer-encoding": "chunked"},
    ],
)
async def test_headers_that_are_refused(transport: Transport, headers: dict[str, str]) -> None:
    async with saying(answer(OK)) as server:
        with pytest.raises(UpstreamUnreachable):
            await transport.send(HttpRequest("POST", server.url, headers))
        assert server.connections == 0


# --- TLS ---


@asynccontextmanager
async def over_tls(make: Make, context: ssl.SSLContext, trust: ssl.SSLContext) -> AsyncIterator[list[bytes]]:
    """What a server with that certificate received from a client with that trust."""
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.say(answer(OK))

    async with raw_server(script, context) as server:
        transport = make(PRIVATE, trust)
        try:
            for _ in range(3):
                assert await fetch(transport, ask(server, first_byte=5)) == OK
            assert server.connections == 1
        finally:
            await transport.aclose()
            seen.append(b"tries")
            yield seen


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_tls_with_a_good_certificate(make: Make, authority: Authority) -> None:
    async with over_tls(make, authority.server("127.0.0.1"), authority.client()) as seen:
        assert len(seen) == 4


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
@pytest.mark.parametrize("fault", ["wrong-name", "unknown-authority", "expired"])
async def test_tls_with_a_bad_certificate(make: Make, authority: Authority, fault: str) -> None:
    context = authority.server(
        "other.example" if fault == "wrong-name" else "127.0.0.1", -1 if fault == "expired" else 1
    )
    trust = ssl.create_default_context() if fault == "unknown-authority" else authority.client()
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())

    async with raw_server(script, context) as server:
        transport = make(PRIVATE, trust)
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await fetch(transport, ask(server))
        await transport.aclose()
    assert not any(seen)


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_plain_server_behind_https(make: Make) -> None:
    async with saying(answer(OK)) as server:
        server.url = server.url.replace("http:", "https:")
        transport = make(PRIVATE)
        with pytest.raises(GatewayError):
            await fetch(transport, ask(server))
        await transport.aclose()


# --- addresses ---


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_private_addresses_need_the_switch(make: Make, host: str) -> None:
    transport = make(AddressPolicy())
    async with saying(answer(OK)) as server:
        request = HttpRequest("POST", f"http://{host}:{server.port}/", timeouts=Timeouts(0.5, 0.5, 0.5))
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await transport.send(request)
        assert server.connections == 0
    await transport.aclose()


@pytest.mark.parametrize(
    ("address", "port", "policy", "allowed"),
    [
        ("93.184.216.34", 443, AddressPolicy(), True),
        ("2606:2800:220:1::1", 443, AddressPolicy(), True),
        ("10.1.2.3", 443, AddressPolicy(), False),
        ("fd00::1", 443, AddressPolicy(), False),
        ("10.1.2.3", 443, PRIVATE, True),
        ("127.0.0.1", 443, PRIVATE, True),
        ("169.254.169.254", 80, PRIVATE, False),
        ("fe80::1%eth0", 80, PRIVATE, False),
        ("fd00:ec2::254", 80, PRIVATE, False),
        ("::ffff:169.254.169.254", 80, PRIVATE, False),
        ("64:ff9b::a9fe:a9fe", 80, PRIVATE, False),
        ("2002:a9fe:a9fe::", 80, PRIVATE, False),
        ("100.100.100.200", 80, PRIVATE, False),
        ("224.0.0.1", 80, PRIVATE, False),
        ("::1", 8000, AddressPolicy(True, frozenset({8000})), False),
        ("0.0.0.0", 8000, AddressPolicy(True, frozenset({8000})), False),
        ("::ffff:127.0.0.1", 8000, AddressPolicy(True, frozenset({8000})), False),
        ("127.0.0.1", 8001, AddressPolicy(True, frozenset({8000})), True),
    ],
)
async def test_address_policy(address: str, port: int, policy: AddressPolicy, allowed: bool) -> None:
    if allowed:
        policy.check(address, port)
    else:
        with pytest.raises(AddressRefused):
            policy.check(address, port)


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
async def test_engines_are_reached_without_the_switch(make: Make) -> None:
    transport = make(AddressPolicy())
    async with saying(answer(OK)) as server:
        assert await fetch(transport, HttpRequest("POST", server.url, engine=True)) == OK
    await transport.aclose()


@pytest.mark.parametrize("make", IMPLEMENTATIONS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_our_own_port_and_metadata_are_never_reached(make: Make, host: str) -> None:
    async with saying(answer(OK)) as server:
        transport = make(AddressPolicy(allow_private=True, own_ports=frozenset({server.port})))
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await transport.send(HttpRequest("POST", f"http://{host}:{server.port}/"))
        with pytest.raises(UpstreamUnreachable, match="not allowed"):
            await transport.send(HttpRequest("GET", "http://169.254.169.254/latest/meta-data"))
        assert server.connections == 0
        await transport.aclose()


async def _none_open(server: RawServer) -> None:
    """All connections of the server end within a second."""
    until = time.monotonic() + 1.0
    while server.open and time.monotonic() < until:
        await asyncio.sleep(0.005)
    assert server.open == 0


def _full_listener() -> list["socket.socket"]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    sockets = [listener]
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        sockets.append(client)
    time.sleep(0.05)
    return sockets
