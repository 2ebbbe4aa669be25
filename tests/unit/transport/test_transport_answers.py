"""What every `Transport` makes of answers, good and broken, from a server of raw sockets."""

import asyncio
import gzip
import resource
import time
from collections.abc import Awaitable
from random import Random

import pytest

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.transport.base import Transport
from tests.fakes.raw_server import Peer, answer, raw_server
from tests.unit.transport.kit import (
    CHUNKED,
    OK,
    ask,
    collect,
    fetch,
    saying,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
        assert await fetch(transport, ask(server)) == OK
        assert b"".join(await collect(transport, ask(server))) == OK


async def test_ipv6(transport: Transport) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.say(answer(OK))

    try:
        server = raw_server(script, host="::1")
        async with server as state:
            assert await fetch(transport, ask(state)) == OK
            assert b"host: [::1]:%d\r\n" % state.port in seen[0]
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


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
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        for n, piece in enumerate(pieces, 1):
            await peer.say(piece)
            await until(lambda n=n: len(got) == n)  # type: ignore[misc]
        await peer.say(b"0\r\n\r\n")

    async with raw_server(script) as server:
        await (await transport.send(ask(server))).pour(got.append)
    assert got == events


async def test_large_bodies_both_ways(transport: Transport) -> None:
    sent, received = b"s" * 9_000_000, b"r" * 9_000_000
    seen: list[int] = []

    async def script(peer: Peer) -> None:
        seen.append(len(await peer.request()))
        await peer.say(answer(received))

    async with raw_server(script) as server:
        assert await fetch(transport, ask(server, sent, first_byte=60), 10_000_000) == received
    assert seen[0] > len(sent)


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
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"content-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 512_000 + b"\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000,
        CHUNKED + b"5\r\nhello\r\n0\r\nx: " + b"y" * 2_000_000 + b"\r\n\r\n",  # more than comes at once
        answer(gzip.compress(b" " * 50_000_000), b"content-encoding: gzip"),
        answer(OK, b"content-encoding: br"),
    ],
    ids=lambda raw: raw[:60].decode("latin-1"),
)
@pytest.mark.parametrize("mode", ["read", "stream"])
@pytest.mark.parametrize("then", ["close", "wait"])
async def test_broken_answers(transport: Transport, raw: bytes, mode: str, then: str) -> None:
    """Never an answer, never a hang; where the server waits, the failure may only be noticed as silence."""
    first_byte, idle = (0.25, 0.1) if then == "wait" else (20.0, 20.0)
    async with saying(raw, then=then) as server:
        started = time.monotonic()
        with pytest.raises((UpstreamBadResponse, UpstreamTimeout)) as caught:
            await (fetch if mode == "read" else collect)(transport, ask(server, first_byte=first_byte, idle=idle))
        assert time.monotonic() - started < 15
        assert then == "wait" or isinstance(caught.value, UpstreamBadResponse)


async def test_mutated_answers(transport: Transport) -> None:
    """Whatever comes, it is an answer or one of our errors, in time."""
    random = Random(20261121)
    good = [answer(OK), CHUNKED + b"b\r\n" + OK + b"\r\n0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(OK)]

    async def script(peer: Peer) -> None:
        while await peer.request():
            raw = bytearray(random.choice(good))
            for _ in range(random.randint(1, 4)):
                at = random.randrange(len(raw))
                change = random.choice([b"", b"\x00", b"\r\n", b":", b"9", b"\xff", bytes(raw[at : at + 9]) * 2])
                raw[at : at + random.choice([0, 1, 1, 20])] = change
            await peer.say(bytes(raw))
            if random.random() < 0.7:
                return

    async with raw_server(script) as server:
        answered = 0
        for n in range(400):
            try:
                run = fetch if n % 2 else collect
                await run(transport, ask(server, first_byte=0.03, idle=0.03))
                answered += 1
            except GatewayError:
                pass
        assert 0 < answered < 400


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
                await fetch(transport, ask(server))
            assert time.monotonic() - started < 15


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
    seen = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await seen.wait()  # takes no more of the request, and leaves the connection open

    async with raw_server(script) as server:
        response = await transport.send(ask(server, b"x" * 50_000_000))
        assert response.status == 413
        assert await response.read(100) == b"big"
        seen.set()
        assert (await transport.send(ask(server, b""))).status == 413
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
            await fetch(transport, ask(server), limit=2_000_000)
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

    got, slow, go_on = 0, True, asyncio.Event()

    async def wait() -> None:
        await go_on.wait()

    def take(piece: bytes) -> Awaitable[None] | None:
        nonlocal got
        got += len(piece)
        return wait() if slow and got > 1_000_000 else None

    async with raw_server(script) as server:
        response = await transport.send(ask(server))
        pouring = asyncio.ensure_future(response.pour(take))
        await asyncio.sleep(0.3)
        assert got < 3_000_000 and sent < 20_000_000 and not pouring.done()
        slow = False
        go_on.set()
        await pouring
        assert got == 40_000_000
