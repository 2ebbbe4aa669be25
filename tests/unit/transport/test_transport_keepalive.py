"""When a `Transport` may use a connection again, and never whose answer it gets."""

import asyncio

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.providers.transport.base import Transport
from tests.fakes.raw_server import Peer, answer, raw_server
from tests.unit.transport.kit import (
    OK,
    ask,
    collect,
    fetch,
    none_open,
    opened,
    saying,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_connections_are_reused(transport: Transport) -> None:
    async with saying(answer(OK), then="keep") as server:
        for _ in range(20):
            assert await fetch(transport, ask(server)) == OK
            assert await collect(transport, ask(server)) == [OK]
        assert server.connections == opened(transport, 40)
        await asyncio.gather(*(fetch(transport, ask(server)) for _ in range(50)))
        assert server.connections <= opened(transport, 90, kept=51)


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
            await none_open(server)
        assert server.connections == 4


async def test_an_answer_without_length_is_not_kept(transport: Transport) -> None:
    async with saying(b"HTTP/1.1 200 OK\r\n\r\n" + OK) as server:
        assert await fetch(transport, ask(server)) == OK
        assert await fetch(transport, ask(server)) == OK
        assert server.connections == 2
