"""A small threaded HTTP/1.1 server for fakes: real sockets, its own event loop, and full control over every byte."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools


@dataclass(slots=True)
class Received:
    """One request as it arrived. `at` is `time.monotonic()`; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(self, request: Received, connection: "_Connection") -> None:
        self.request = request
        self._connection = connection

    @property
    def gone(self) -> bool:
        """The client has closed the connection."""
        return self._connection.lost

    def write(self, data: bytes) -> None:
        if not self.gone:
            self._connection.transport.write(data)

    def head(self, status: int, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode())

    def send(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head(status, {"content-type": content_type, "content-length": str(len(body)), **named})
        self.write(body)

    def send_json(self, status: int, document: object, **headers: str) -> None:
        self.send(status, json.dumps(document).encode(), **headers)

    def begin(self, content_type: str = "text/event-stream", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head(200, {"content-type": content_type, "transfer-encoding": "chunked", **named})

    def chunk(self, data: bytes) -> None:
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.write(b"0\r\n\r\n")

    async def drained(self) -> None:
        """Returns once the system has nearly all that was written, as a server that does not write ahead waits."""
        while not self.gone and self._connection.transport.get_write_buffer_size() > 1 << 20:
            await asyncio.sleep(0.005)

    async def is_read(self) -> None:
        """Returns once the client has taken all that was written out of its socket."""
        while not self.gone and self._unread():
            await asyncio.sleep(0.005)

    def _unread(self) -> bool:
        """As the system tells of both ends of the connection, in hexadecimal: what is sent and what is received."""
        transport = self._connection.transport
        ends = {f":{transport.get_extra_info(name)[1]:04X}" for name in ("sockname", "peername")}
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        ours = [row[4] for row in rows if {row[1][-5:], row[2][-5:]} == ends]
        return bool(transport.get_write_buffer_size()) or any(queues != "00000000:00000000" for queues in ours)

    def close(self) -> None:
        self._connection.transport.close()

    def reset(self) -> None:
        """A TCP RST in place of a FIN."""
        sock = self._connection.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.transport.abort()


Handler = Callable[[Exchange], Awaitable[None]]


class _Connection(asyncio.Protocol):
    def __init__(self, server: "HttpServer") -> None:
        self.server = server
        self.lost = False
        self.transport: Any = None
        self.task: asyncio.Task[None] | None = None
        self.waiting: list[Received] = []
        self.parser = httptools.HttpRequestParser(self)
        self.url, self.body = b"", bytearray()
        self.headers: dict[str, str] = {}
        self.disconnects = server.disconnects

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.server.connections += 1
        self.server.live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.server.live.discard(self)
        if self.task is not None and not self.task.done():
            at = time.monotonic()
            self.task.add_done_callback(lambda _: self.disconnects.append(at))
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        path, _, query = self.url.decode().partition("?")
        method = self.parser.get_method().decode()
        self.waiting.append(Received(method, path, query, self.headers, bytes(self.body)))
        self.url, self.headers, self.body = b"", {}, bytearray()
        if self.task is None or self.task.done():
            self.disconnects = self.server.disconnects
            self.task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while self.waiting:
            request = self.waiting.pop(0)
            if self.server.lists(request):
                self.server.requests.append(request)
            await self.server.handler(Exchange(request, self))


async def _turns() -> None:
    """Of the loop, in each of which it reads whatever has arrived: one takes a connection up, another its request."""
    for _ in range(20):
        await asyncio.sleep(0)


class HttpServer:
    """Serves `handler` on a free loopback port from a thread of its own. `requests` has those that it `lists`."""

    def __init__(self, handler: Handler, lists: Callable[[Received], bool] = lambda _: True) -> None:
        self.handler, self.lists = handler, lists
        self.requests: list[Received] = []
        self.disconnects: list[float] = []
        """`time.monotonic()` of each time that a client left before its answer was complete."""
        self.connections = 0
        """Connections accepted so far."""
        self.live: set[_Connection] = set()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="fake-http-server")

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def forget(self) -> None:
        """What was sent so far, though it may not be read yet, and whoever leaves that came so far."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(_turns(), self._loop).result(60)
        self.requests, self.disconnects = [], []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, function: Callable[[], object]) -> None:
        """Run something on the server's own loop."""
        self._loop.call_soon_threadsafe(function)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for connection in list(self.live):
            connection.transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()
