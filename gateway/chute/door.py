"""The in-process door: one call of a cord becomes one request to the gateway app. Called by the cords.

There is no queue between the two: what the app sends goes straight to a `Sink`, whose speed is the client's.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Protocol

from gateway.chute.asgi import ASGIApp, Headers, Message, Receive, Scope
from gateway.errors import GatewayError

GRACE = 0.5
"""Seconds between telling the app that its client has gone and cancelling it."""

WATCH_AFTER = 0.05
"""Seconds before the client is watched at all: a watch costs as much as a quick answer."""

STALLED = 300.0
"""Seconds for which one write may wait for the client to read."""

log = logging.getLogger("gateway.chute")


@dataclass(frozen=True, slots=True)
class DoorCall:
    """One call as the app will see it.

    `key` is the gateway key the caller gave (`gw_key`); it travels as an Authorization header. `demands` are the
    headers by which a caller asks for confidentiality or a job; there are no others.
    `trusted`: the platform has authenticated the caller, so a key may be missing.
    """

    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    key: str | None = None
    trusted: bool = False
    demands: tuple[tuple[str, str], ...] = ()


class Sink(Protocol):
    """Where the reply goes. `start` is called with the first body bytes in hand, or with the whole empty reply."""

    async def start(self, status: int, headers: Headers, body: bytes, more: bool) -> None: ...

    async def chunk(self, body: bytes, more: bool) -> None: ...

    async def fail(self, error: GatewayError) -> None:
        """The app broke before `start` or in mid-reply: tell the client, never end as if all were well."""
        ...

    async def gone(self) -> None:
        """The client left; called once, after the app has ended."""
        ...


class BrokenReply(GatewayError):
    """The app stopped in mid-reply; a fault of the gateway itself."""


def scope_of(call: DoorCall) -> Scope:
    """The ASGI scope of a call. `client` is None: the platform tells no address, and loopback would be a lie."""
    headers: Headers = [(b"host", b"chute")]
    if call.method != "GET":
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", str(len(call.body)).encode()))
    if call.key is not None:
        headers.append((b"authorization", b"Bearer " + call.key.encode("ascii")))
    headers += [(name.encode("ascii"), word.encode("ascii")) for name, word in call.demands]
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "https",
        "path": call.path,
        "raw_path": call.path.encode(),
        "query_string": call.query,
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": ("chute", 443),
        "state": {},
        "extensions": {},
        "gateway.edge": "chute",
        "gateway.bounded": True,
    }
    if call.trusted:
        scope["gateway.door"] = "chute"
    return scope


class Door:
    """One passage. `run` returns when the app has ended and nothing of it is left, whatever happened."""

    def __init__(self, app: ASGIApp, call: DoorCall, sink: Sink) -> None:
        self._app = app
        self._call = call
        self._sink = sink
        self._body: bytes | None = call.body
        self._left = asyncio.Event()
        self._head: tuple[int, Headers] | None = None
        self._started = False
        self._ending = False
        self._whole = False
        self._sending: float | None = None

    async def run(self, receive: Receive) -> None:
        """`receive` is the client's own, its body already read: all that can still come is the disconnect."""
        app = asyncio.ensure_future(self._app(scope_of(self._call), self._receive, self._send))
        try:
            await asyncio.wait({app}, timeout=WATCH_AFTER)
            if not app.done():
                await self._watch(app, receive)
        finally:
            if app.cancel():
                await asyncio.wait({app})
        await self._settle(app)

    async def _watch(self, app: "asyncio.Future[None]", receive: Receive) -> None:
        """Returns when the app has ended, or when it was told that its client has gone and did not end by itself."""
        watcher = asyncio.create_task(_disconnected(receive))
        try:
            while not (app.done() or self._stalled() or (watcher.done() and not self._ending)):
                awaited = {app} if watcher.done() else {app, watcher}
                await asyncio.wait(awaited, timeout=STALLED, return_when=asyncio.FIRST_COMPLETED)
            if not app.done():
                self._left.set()
                await asyncio.wait({app}, timeout=GRACE)
        finally:
            watcher.cancel()
            await asyncio.wait({watcher})

    def _stalled(self) -> bool:
        """Over HTTP/2 a client can stop reading one stream without closing it, and no disconnect ever comes."""
        return self._sending is not None and time.monotonic() - self._sending > STALLED

    async def _settle(self, app: "asyncio.Future[None]") -> None:
        error = None if app.cancelled() else app.exception()
        if error is not None and not self._left.is_set():
            log.error("the gateway app failed on %s %s", self._call.method, self._call.path, exc_info=error)
        if self._left.is_set():
            await self._sink.gone()
        elif error is not None or not self._whole:
            known = error if isinstance(error, GatewayError) else None
            await self._sink.fail(known or BrokenReply("The gateway failed while answering."))

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        """Holds the start until there is a body byte or the end, so that an early failure keeps its status."""
        if self._left.is_set() or self._whole:
            return
        if message["type"] == "http.response.start":
            self._head = message["status"], list(message.get("headers", []))
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if more and not body:
            return
        self._ending = not more
        self._sending = time.monotonic()
        if self._started:
            await self._sink.chunk(body, more)
        elif self._head is not None:
            self._started = True
            await self._sink.start(*self._head, body, more)
        self._sending = None
        self._whole = self._ending


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
