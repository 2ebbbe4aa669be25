"""The ASGI types and the two small steps that every part of the chute door needs."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

from gateway.errors import GatewayError, TooLarge, render
from gateway.observe.request_ids import new_request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class ASGIApp(Protocol):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class GatewayApp(ASGIApp, Protocol):
    """What `gateway.app.create_app` gives: both coroutines run on the loop that serves."""

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...


class ClientGone(Exception):
    """The client left before its request was whole."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """Raises TooLarge past `limit` bytes and ClientGone when the client leaves first."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > limit:
            raise TooLarge(f"The body is larger than {limit // 2**20} MB.")
        if not message.get("more_body", False):
            return b"".join(parts)


async def answer(send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    """A whole reply. `content-length` is added."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def rendered(error: GatewayError) -> tuple[int, list[tuple[str, str]], bytes]:
    """An error that arose before the gateway app could give the request its id."""
    return render(error, new_request_id())


def with_body(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Headers:
    """The headers of a request whose body was replaced by the JSON `body`."""
    dropped = (b"content-type", b"content-length", b"transfer-encoding")
    kept = [(name, value) for name, value in headers if name.lower() not in dropped]
    return [*kept, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
