"""How a `Transport` bears silence, and stops when its user leaves."""

import asyncio
import socket
import time

import pytest

from gateway.errors import DeadlinePassed, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.base import Timeouts
from gateway.providers.transport.base import HttpRequest, Transport
from tests.fakes.certificates import Authority
from tests.fakes.raw_server import Peer, RawServer, answer, raw_server
from tests.unit.transport.kit import (
    CHUNKED,
    IMPLEMENTATIONS,
    OK,
    PRIVATE,
    Make,
    ask,
    collect,
    fetch,
    none_open,
    one_piece,
    opened,
    poured,
    saying,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def hurried(server: RawServer, body: bytes = b"{}") -> HttpRequest:
    """Asks a server that falls silent."""
    return ask(server, body, first_byte=0.5, idle=0.3)


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
            await (fetch if mode == "read" else collect)(transport, hurried(server))
        assert 0.2 < time.monotonic() - started < 15
        await none_open(server)


@pytest.mark.parametrize("where", ["head", "body"])
async def test_dripping_does_not_outlast_the_deadline_of_a_whole_answer(transport: Transport, where: str) -> None:
    raw = answer(b"x" * 1000)
    head = raw.index(b"\r\n\r\n") + 4
    first = b"" if where == "head" else raw[:head]
    drops = [raw[n : n + 1] for n in range(len(first), len(raw))]
    async with saying(first, *drops, pause=0.03) as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await fetch(transport, hurried(server))
        assert time.monotonic() - started < 15


async def test_the_overall_deadline_ends_a_lively_stream(transport: Transport) -> None:
    """Once it has begun: the time that a machine takes that stands still before is the answer's first."""
    async with saying(CHUNKED, *([b"1\r\nx\r\n"] * 1000), pause=0.02) as server:
        for seconds in (0.4, 2.0, 10.0):
            pieces: list[bytes] = []
            started = time.monotonic()
            with pytest.raises(UpstreamTimeout) as found:
                response = await transport.send(ask(server, deadline=started + seconds))
                await response.pour(pieces.append)
            assert 0.9 * seconds < time.monotonic() - started < seconds + 15
            if pieces:
                break
        assert isinstance(found.value, DeadlinePassed)
        assert not found.value.counts_against_target and not found.value.retryable


async def test_a_server_that_takes_nothing(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    async with raw_server(script) as server:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await fetch(transport, hurried(server, b"x" * 30_000_000))
        assert time.monotonic() - started < 15


async def test_connecting_takes_too_long(transport: Transport) -> None:
    """A listener whose queue is full answers no SYN."""
    listener = await asyncio.get_running_loop().run_in_executor(None, _full_listener)
    try:
        request = HttpRequest(
            "POST",
            f"http://127.0.0.1:{listener[0].getsockname()[1]}/",
            timeouts=Timeouts(connect=0.3, first_byte=0.3, whole=0.3, idle=0.3),
        )
        started = time.monotonic()
        with pytest.raises((UpstreamTimeout, UpstreamUnreachable)):
            await transport.send(request)
        assert time.monotonic() - started < 15
    finally:
        for sock in listener:
            sock.close()


async def test_hundred_hung_calls_slow_no_other(transport: Transport) -> None:
    async with saying(then="wait") as hung, saying(answer(OK), then="keep") as good:
        calls = [asyncio.create_task(fetch(transport, ask(hung, first_byte=30))) for _ in range(100)]
        await asyncio.sleep(0.1)
        for _ in range(20):
            assert await fetch(transport, ask(good)) == OK
        assert not any(call.done() for call in calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await none_open(hung)


# --- leaving ---


@pytest.mark.parametrize("phase", ["request", "head", "body", "whole"])
async def test_cancelling_closes_the_connection(transport: Transport, phase: str) -> None:
    pieces = {"request": [], "head": [b"HTTP/1.1 200 OK\r\n"], "body": [CHUNKED], "whole": [CHUNKED]}[phase]
    async with saying(*pieces, then="wait") as server:
        run = fetch if phase == "whole" else collect
        task = asyncio.create_task(run(transport, ask(server, first_byte=30, idle=30)))
        await until(lambda: server.open)
        await asyncio.sleep(0.05)  # what was said has come
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await none_open(server)


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
        await none_open(server)
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
        await none_open(server)


@pytest.mark.parametrize("after", [0, 1])
async def test_aclose_stops_a_stream(transport: Transport, after: int) -> None:
    async with saying(CHUNKED, b"5\r\nhello\r\n", then="wait") as server:
        response = await transport.send(ask(server))
        for _ in range(after):
            assert await one_piece(response) == b"hello"
        await response.aclose()
        await response.aclose()
        await none_open(server)
        assert await poured(response) == []


@pytest.mark.parametrize("at", [0, 1])
async def test_what_a_taker_raises_closes_the_stream(transport: Transport, at: int) -> None:
    taken: list[bytes] = []

    def take(piece: bytes) -> None:
        taken.append(piece)
        if len(taken) > at:
            raise RuntimeError("full")

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"5\r\nhello\r\n")
        await until(lambda: taken)
        await peer.say(b"5\r\nagain\r\n")
        await peer.closed()

    async with raw_server(script) as server:
        response = await transport.send(ask(server))
        with pytest.raises(RuntimeError, match="full"):
            await response.pour(take)
        await none_open(server)
    assert taken == [b"hello", b"again"][: at + 1]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_cancelled_taker_is_closed(transport: Transport, waits: bool) -> None:
    """Whether it was being served at the time or made the stream wait."""
    async with saying(CHUNKED, b"5\r\nhello\r\n", then="wait") as server:
        response = await transport.send(ask(server))
        pouring = asyncio.ensure_future(response.pour(lambda _: asyncio.sleep(60) if waits else None))
        await asyncio.sleep(0.05)
        pouring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pouring
        await none_open(server)


async def test_a_forgotten_answer_is_closed(transport: Transport) -> None:
    async with saying(CHUNKED, b"5\r\nhello\r\n", then="wait") as server:
        await transport.send(ask(server))
        await none_open(server)


async def test_drain_keeps_the_connection_of_a_stream_that_ends(transport: Transport) -> None:
    ends = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.say(CHUNKED + b"5\r\nhello\r\n")
            await asyncio.sleep(0.01)
            await ends.wait()
            await peer.say(b"0\r\n\r\n")

    async with raw_server(script) as server:
        ends.set()
        for _ in range(3):
            response = await transport.send(ask(server))
            assert await one_piece(response) == b"hello"
            await response.drain(20)
        assert server.connections == opened(transport, 3)
        ends.clear()
        response = await transport.send(ask(server))
        assert await one_piece(response) == b"hello"
        await response.drain(0.001)
        ends.set()
        await none_open(server)


async def test_nothing_is_left_behind(transport: Transport) -> None:
    """No task, and after `aclose` no connection."""
    before = asyncio.all_tasks()
    async with saying(answer(OK), then="keep") as server:
        await asyncio.gather(*(fetch(transport, ask(server)) for _ in range(20)))
        await transport.aclose()
        await none_open(server)
        assert await fetch(transport, ask(server)) == OK
        await transport.aclose()
    assert asyncio.all_tasks() <= before


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
