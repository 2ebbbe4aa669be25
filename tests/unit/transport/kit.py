"""What the contract of `Transport` is tested with: the implementations, and ways to ask."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from gateway.openai_api.call import Enough
from gateway.providers.base import Timeouts
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.base import HttpRequest, HttpResponse, Transport
from gateway.providers.transport.httpx_client import HttpxTransport
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes.raw_server import Peer, RawServer, raw_server

OK = b'{"ok":true}'
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PRIVATE = AddressPolicy(allow_private=True)

Make = Callable[..., Transport]
IMPLEMENTATIONS: list[Make] = [PooledTransport, HttpxTransport]


def ask(server: RawServer, body: bytes = b"{}", deadline: float | None = None, **timeouts: float) -> HttpRequest:
    """Patient, where nothing else is asked for: the machine may stand still for a while."""
    first = timeouts.get("first_byte", 20.0)
    patience = Timeouts(**{"connect": 20.0, "first_byte": first, "whole": first, "idle": 20.0, **timeouts})
    return HttpRequest("POST", f"{server.url}/v1/x?a=b", {"authorization": "Bearer k"}, body, patience, deadline)


def opened(transport: Transport, requests: int, kept: int = 1) -> int:
    """How many connections so many requests make: `kept` where one is used again. httpx keeps none of HTTP/1.1."""
    return kept if isinstance(transport, PooledTransport) else requests


async def fetch(transport: Transport, request: HttpRequest, limit: int = 1_000_000) -> bytes:
    return await (await transport.send(request)).read(limit)


async def collect(transport: Transport, request: HttpRequest) -> list[bytes]:
    return await poured(await transport.send(request))


async def poured(response: HttpResponse) -> list[bytes]:
    """The rest of its body, in the pieces in which it came."""
    pieces: list[bytes] = []
    await response.pour(pieces.append)
    return pieces


async def one_piece(response: HttpResponse) -> bytes:
    """The next one; the rest can still be poured."""
    pieces: list[bytes] = []

    def take(piece: bytes) -> None:
        pieces.append(piece)
        raise Enough

    with suppress(Enough):
        await response.pour(take)
    return b"".join(pieces)


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


async def none_open(server: RawServer) -> None:
    """All connections of the server end, and not only because they were kept too long."""
    await until(lambda: not server.open)


async def until(true: Callable[[], object], looks: int = 700) -> None:
    """Some seconds, counted in looks: while the machine stands still, none is taken."""
    for _ in range(looks):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to be")
