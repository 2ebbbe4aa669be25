"""A forward proxy of raw sockets: tunnels for CONNECT, and requests in absolute form passed on."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.fakes.raw_server import Peer, RawServer, raw_server

REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass(slots=True)
class ForwardProxy:
    """`seen` holds the heads of the requests to the proxy itself."""

    server: RawServer
    seen: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def forward_proxy(
    tls: ssl.SSLContext | None = None, user: str = "", answer: bytes = b""
) -> AsyncIterator[ForwardProxy]:
    """Demands `user` ("name:password") where given; `answer` is said instead of doing anything."""
    expected = b"proxy-authorization: basic " + base64.b64encode(user.encode()).lower()

    async def script(peer: Peer) -> None:
        request = await peer.request()
        head = request.partition(b"\r\n\r\n")[0]
        proxy.seen.append(head)
        if answer or (user and expected not in head.lower()):
            await peer.say(answer or REFUSED)
            await peer.closed()
        elif head.startswith(b"CONNECT "):
            host, _, port = head.split()[1].decode().rpartition(":")
            await _join(peer, host, int(port), CONNECTED, b"")
        else:
            await _forward(peer, request)

    async with raw_server(script, tls) as server:
        proxy = ForwardProxy(server)
        yield proxy


async def _forward(peer: Peer, request: bytes) -> None:
    line, _, rest = request.partition(b"\r\n")
    method, url, version = line.split()
    parts = urlsplit(url.decode())
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    passed = b"%b %b %b\r\n%b" % (method, target.encode(), version, rest)
    await _join(peer, parts.hostname or "", parts.port or 80, b"", passed)


async def _join(peer: Peer, host: str, port: int, greeting: bytes, first: bytes) -> None:
    """Passes bytes both ways until either side closes."""
    reader, writer = await asyncio.open_connection(host, port)
    await peer.say(greeting)
    writer.write(first)
    ways = [asyncio.create_task(_pump(peer.reader, writer)), asyncio.create_task(_pump(reader, peer.writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
