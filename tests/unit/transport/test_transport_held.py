"""Requests that wait for the end of the round: what comes on their connection meanwhile is nobody's answer."""

import asyncio
import os
import socket
from collections.abc import Callable

import pytest

from gateway.errors import UpstreamUnreachable
from gateway.providers.transport.outbox import Outbox, Sender
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.raw_server import Peer, answer, raw_server
from tests.unit.transport.kit import OK, PRIVATE, ask, fetch

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _end(peer: Peer) -> None:
    """At once, not when the loop comes to it."""
    with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as own:
        own.shutdown(socket.SHUT_WR)


MEANWHILE: dict[str, Callable[[Peer], None]] = {
    "answer": lambda peer: peer.writer.write(answer(b"of somebody else")),
    "end": _end,
}


class Held(Outbox):
    """Holds every message until the end of its round; `meanwhile` happens right before that of the second request."""

    holds = property(lambda _: True, lambda *_: None)

    def __init__(self, meanwhile: Callable[[], None], bounds: int) -> None:
        super().__init__()
        self._meanwhile, self._bounds = meanwhile, bounds
        self.requests = 0

    def post_request(self, sender: Sender, request: bytes) -> None:
        self.requests += 1
        super().post_request(sender, request)
        if self.requests == self._bounds:
            self._meanwhile()


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "large"])
@pytest.mark.parametrize("happens", MEANWHILE)
async def test_a_request_that_waits_goes_out_on_another_connection(happens: str, size: int) -> None:
    peers: list[Peer] = []
    bodies: list[bytes] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        while request := await peer.request():
            bodies.append(request.rpartition(b"\r\n\r\n")[2])
            await peer.say(answer(OK))

    outbox = Held(lambda: MEANWHILE[happens](peers[0]), bounds=2)
    transport = PooledTransport(PRIVATE, outbox=outbox)
    async with raw_server(script) as server:
        assert await fetch(transport, ask(server, b"first")) == OK
        if size > 10:  # it goes out at once, so that it happens before
            MEANWHILE[happens](peers[0])
        own = b"x" * size
        assert await fetch(transport, ask(server, own)) == OK
        assert bodies == [b"first", own]
        assert len(peers) == 2 and transport.counts.opened == 2
        await transport.aclose()


async def test_a_fresh_connection_that_ends_at_once_is_a_failure() -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    transport = PooledTransport(PRIVATE, outbox=Held(lambda: None, bounds=0))
    async with raw_server(script) as server:
        for _ in range(3):
            with pytest.raises(UpstreamUnreachable):
                await asyncio.wait_for(fetch(transport, ask(server)), 20)
        await transport.aclose()
