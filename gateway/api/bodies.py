"""Bodies of everything but inference: bounded in size, in time and in nesting. Wraps the FastAPI side, which knows none
of that and reads a body before it knows who sends it."""

import asyncio
import time

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.exchange import too_large, too_slow
from gateway.errors import GatewayError, InvalidRequest, UnsupportedMedia, render
from gateway.observe.request_ids import new_request_id
from gateway.openai_api.json_body import split_object

MAX_BYTES = 8 * 2**20
_OF_THEIR_OWN = frozenset({"/api/admin/backup/restore", "/v1/files"})
"""Paths whose handlers read and bound their bodies themselves, piece by piece."""
_FORMS = (b"multipart/form-data", b"application/x-www-form-urlencoded")
_WITHOUT = frozenset({"GET", "HEAD", "OPTIONS"})


class BoundedBodies:
    """A body is read whole before the app sees it. Refused: what is larger than `MAX_BYTES`, slower than `seconds`,
    compressed, framed in two ways, or neither a form nor a JSON object that every parser reads alike."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _WITHOUT or scope["path"] in _OF_THEIR_OWN:
            await self._app(scope, receive, send)
            return
        try:
            is_form = _check_head(scope)
            body = await self._read(receive)
            if body and not is_form:
                split_object(body)
        except GatewayError as error:
            status, headers, content = render(error, new_request_id())
            await Response(content, status, dict(headers) | {"connection": "close"})(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """None where the caller left."""
        pieces, size, end = [], 0, time.monotonic() + self._seconds
        while True:
            try:
                message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
            except TimeoutError:
                raise too_slow(self._seconds) from None
            if message["type"] == "http.disconnect":
                return None
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > MAX_BYTES:
                raise too_large(MAX_BYTES)
            if not message.get("more_body"):
                return b"".join(pieces)


def _check_head(scope: Scope) -> bool:
    """Whether the body is a form, which no path here reads: what it was sent to is judged by its path alone."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length and b"transfer-encoding" in headers:
        raise InvalidRequest("Send either Content-Length or Transfer-Encoding, not both.", code="invalid_framing")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMedia("Compressed request bodies are not supported; send the body as it is.")
    types = [value.lower() for name, value in scope["headers"] if name == b"content-type"]
    return bool(types) and all(one.startswith(_FORMS) for one in types)


def replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives `body` once and then whatever the client does next."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
