"""HTTP/2 servers over TLS: a real one that runs an ASGI app, and one whose script decides about every frame."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from tests.fakes.raw_server import Peer, RawServer, raw_server


class _OverTls(Config):
    tls: ssl.SSLContext

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        self.tls.set_alpn_protocols(["h2", "http/1.1"])
        return self.tls


@contextlib.asynccontextmanager
async def hypercorn(app: ASGIFramework, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """The URL of a hypercorn on this loop."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = _OverTls()
        config.tls, config.bind = tls, [f"fd://{sock.fileno()}"]
        config.loglevel, config.graceful_timeout = "CRITICAL", 0.1
        stop = asyncio.Event()
        task = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
        yield f"https://127.0.0.1:{sock.getsockname()[1]}"
        stop.set()
        await task
        sock.detach()


class Frames:
    """One HTTP/2 connection of a scripted server."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.state = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        self.state.initiate_connection()

    async def request(self) -> int:
        """The stream of the next request, whole; 0 when the client has closed."""
        await self.flush()
        while data := await self.peer.reader.read(65536):
            for event in self.state.receive_data(data):
                if isinstance(event, DataReceived):
                    self.state.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                if isinstance(event, StreamEnded):
                    return event.stream_id
            await self.flush()
        return 0

    async def answer(self, stream: int, body: bytes, *headers: tuple[str, str], end: bool = True) -> None:
        self.state.send_headers(stream, [(":status", "200"), *headers])
        self.state.send_data(stream, body, end_stream=end)
        await self.flush()

    async def flush(self) -> None:
        await self.peer.say(self.state.data_to_send())


@contextlib.asynccontextmanager
async def frames_server(script: Callable[[Frames], Awaitable[None]], tls: ssl.SSLContext) -> AsyncIterator[RawServer]:
    tls.set_alpn_protocols(["h2"])
    async with raw_server(lambda peer: script(Frames(peer)), tls) as server:
        yield server
