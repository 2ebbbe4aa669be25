"""The two ways a reply leaves a chute: as it is (`--dev`, end-to-end encryption), or sealed for the platform."""

from collections.abc import Callable, Iterator

import orjson

from gateway.chute.asgi import Headers, Send, answer, rendered
from gateway.chute.coalesce import Coalescer
from gateway.chute.mapping import platform_status, refusal, with_status
from gateway.errors import GatewayError, InvalidRequest, Overloaded, render_event

Encrypt = Callable[[bytes], str]

JSON = "application/json"
EVENTS = "text/event-stream"
CLIENT_GONE = 499
PIECE = 2**20
"""Bytes per sealed line: the platform reads lines and gives up at 16 MiB of base64."""
MAX_WHOLE = 256 * 2**20
MAX_EVENT = 8 * 2**20

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"trailer"})


class PlainReply:
    """Answers with the app's own status, headers and bytes as they come.

    `mapped`: on the platform (end-to-end-encrypted calls) the status must be one that survives there.
    """

    def __init__(self, send: Send, *, mapped: bool = False) -> None:
        self._send = send
        self._mapped = mapped
        self._started = False
        self._streams = False
        self._refused: tuple[int, bytes] | None = None
        self._events = Coalescer(self._body)

    async def start(self, status: int, headers: Headers, body: bytes, more: bool) -> None:
        if self._mapped and status >= 400:
            self._refused = status, b""
            return await self.chunk(body, more)
        kept = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
        self._streams = media_type_of(headers) == EVENTS
        self._started = True
        shown = platform_status(status) if self._mapped else status
        await self._send({"type": "http.response.start", "status": shown, "headers": kept})
        return await self.chunk(body, more)

    async def chunk(self, body: bytes, more: bool) -> None:
        if self._refused is None:
            await (self._events.add(body, more=more) if self._mapped and self._streams else self._body(body, more))
            return
        status, before = self._refused
        self._refused = status, (before + body)[:MAX_EVENT]
        if not more:
            error = orjson.dumps(with_status(*self._refused))
            await answer(self._send, platform_status(status), [("content-type", JSON)], error)

    async def _body(self, body: bytes, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def fail(self, error: GatewayError) -> None:
        if not self._started:
            status, headers, body = rendered(error)
            shown = platform_status(status) if self._mapped else status
            await answer(self._send, shown, headers, body)
        elif self._streams:
            await self.chunk(render_event(error), more=False)
        else:
            raise ConnectionAbortedError("the gateway app broke in mid-reply")  # the server cuts the connection

    async def gone(self) -> None:
        self._events.drop()
        if not self._started:
            await answer(self._send, CLIENT_GONE, [], b"")


class SealedReply:
    """Answers through the platform's encryption, in the shape that it will read: `streams` says that it reads lines.

    A reply that is not an event stream is sealed whole; an event stream goes out in whole events, several at a time.
    """

    def __init__(self, send: Send, encrypt: Encrypt, *, streams: bool) -> None:
        self._send = send
        self._encrypt = encrypt
        self._streams = streams
        self._live = False
        self._sent = False
        self._status = 0
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._size = 0
        self._events = Coalescer(self._lines)

    async def start(self, status: int, headers: Headers, body: bytes, more: bool) -> None:
        self._status, self._headers = status, headers
        self._live = self._streams and status < 400 and media_type_of(headers) == EVENTS
        if self._live:
            await self._begin_lines()
        await self.chunk(body, more)

    async def chunk(self, body: bytes, more: bool) -> None:
        if self._live:
            await self._events.add(self._whole_events(body, more), more=more)
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > MAX_WHOLE:
            raise Overloaded("The answer is too large to be sent whole through the platform.")
        if not more:
            await self._seal(b"".join(self._parts))

    async def fail(self, error: GatewayError) -> None:
        if self._live:
            await self._events.add(render_event(error), more=False)
        elif self._sent:
            raise ConnectionAbortedError("the reply broke while it was sent")
        else:
            await self._refuse_with(error)

    async def gone(self) -> None:
        self._events.drop()
        if not self._sent:
            await answer(self._send, CLIENT_GONE, [], b"")

    def _whole_events(self, body: bytes, more: bool) -> bytes:
        """The platform decodes each line by itself, and a line it cannot decode is a failure of the instance: hold
        back what does not end an event yet, and let nothing through that is not UTF-8."""
        held = b"".join([*self._parts, body])
        cut = held.rfind(b"\n\n") + 2 if more and len(held) <= MAX_EVENT else len(held)
        cut = 0 if cut == 1 else cut
        self._parts = [held[cut:]] if cut < len(held) else []
        whole = held[:cut]
        return whole if whole.isascii() else whole.decode(errors="replace").encode()

    async def _begin_lines(self) -> None:
        self._sent = True
        headers = [(b"content-type", EVENTS.encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _lines(self, text: bytes, more: bool) -> None:
        lines = "".join(self._encrypt(piece) + "\n" for piece in pieces(text)).encode()
        if lines or not more:
            await self._send({"type": "http.response.body", "body": lines, "more_body": more})

    async def _seal(self, body: bytes) -> None:
        if self._status >= 400:
            await self._refuse(self._status, body)
        elif self._streams:
            await self._one_line(body)
        elif media_type_of(self._headers) == JSON:
            await self._answer_json({"json": self._encrypt(body)})
        else:
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in self._headers}
            sealed = {"type": "Response", "status_code": 200, "headers": headers, "body": self._encrypt(body)}
            await self._answer_json({**sealed, "media_type": headers.get("content-type", "application/octet-stream")})

    async def _one_line(self, body: bytes) -> None:
        try:
            body.decode()
        except UnicodeDecodeError:
            message = "This answer is not text and cannot be streamed: leave 'stream' out."
            await self._refuse_with(InvalidRequest(message, param="stream"))
            return
        await self._begin_lines()
        await self._lines(body, more=False)

    async def _answer_json(self, document: dict[str, object]) -> None:
        self._sent = True
        await answer(self._send, 200, [("content-type", JSON)], orjson.dumps(document))

    async def _refuse_with(self, error: GatewayError) -> None:
        status, _, body = rendered(error)
        await self._refuse(status, body)

    async def _refuse(self, status: int, body: bytes) -> None:
        self._sent = True
        await answer(self._send, platform_status(status), [("content-type", JSON)], refusal(status, body))


def media_type_of(headers: Headers) -> str:
    """Lower case and without parameters; empty where the reply names none."""
    value = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    return value.partition(b";")[0].strip().lower().decode("latin-1")


def pieces(text: bytes) -> Iterator[bytes]:
    """Cuts of at most `PIECE` bytes between characters of UTF-8; nothing for nothing."""
    start = 0
    while start < len(text):
        end = min(start + PIECE, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield text[start:end]
        start = end
