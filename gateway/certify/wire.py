"""A small HTTP/1.1 server on loopback that lets its handler do to a connection whatever a bad provider does to it."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

_JSON = "application/json"
_EVENTS = "text/event-stream"
_NO_LINGER = struct.pack("ii", 1, 0)


class Exchange:
    """One request, its body as `document`, and the means to answer it, well or badly.

    Writing raises ConnectionError once the client has left.
    """

    def __init__(self, document: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.document = document
        self._reader, self._writer = reader, writer

    async def send_json(self, status: int, document: object, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        await self._write(_head(status, {"content-type": _JSON, "content-length": str(len(body)), **(headers or {})}))
        await self._write(body)

    async def begin(self) -> None:
        await self._write(_head(200, {"content-type": _EVENTS, "transfer-encoding": "chunked"}))

    async def event(self, event: bytes) -> None:
        await self._write(b"%x\r\n%b\r\n" % (len(event), event))

    async def end(self) -> None:
        await self._write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close the connection in the middle of the answer."""
        self._writer.close()

    def reset(self) -> None:
        """Close it the hard way: the client gets a TCP reset."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._writer.transport.abort()

    async def until_gone(self, seconds: float | None = None) -> None:
        """Silence until the client leaves; with `seconds`, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._reader.read(1)
        except TimeoutError:
            return
        raise ConnectionAbortedError("the client left")

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


Handler = Callable[[Exchange], Awaitable[None]]


class LoopbackServer:
    """Serves `handler` on a free port of 127.0.0.1, on the loop that entered it."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                await self._handler(Exchange(await _read_document(reader), reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read_document(reader: asyncio.StreamReader) -> Any:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line[15:] for line in head.splitlines() if line.startswith("content-length:")), "0")
    return json.loads(await reader.readexactly(int(length)) or b"{}")


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode()
