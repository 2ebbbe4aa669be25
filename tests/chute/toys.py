"""A small gateway app for the door's tests, and the platform's side of a cord call: its payloads, its encryption, and
how it reads what comes back (source: the public API's `_invoke`)."""

import asyncio
import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from gateway.chute.asgi import Headers, Message, Receive, Scope, Send, read_body
from gateway.chute.chute import GatewayChute
from gateway.chute.cord import GatewayCord
from gateway.chute.door import GRACE
from gateway.settings import Settings


def encrypt(plaintext: bytes | str) -> str:
    data = plaintext.encode() if isinstance(plaintext, str) else plaintext
    return base64.b64encode(gzip.compress(data)).decode()


def decrypt(text: str | bytes) -> bytes:
    return gzip.decompress(base64.b64decode(text))


def sse(*texts: str) -> list[bytes]:
    return [f"data: {json.dumps({'text': text}, ensure_ascii=False)}\n\n".encode() for text in texts] + [
        b"data: [DONE]\n\n"
    ]


class ToyApp:
    """Does what the body's `do` says. `seen` are the requests, `open` the replies under way."""

    def __init__(self) -> None:
        self.seen: list[tuple[Scope, bytes]] = []
        self.open = 0
        self.told_gone = 0
        self.cancelled = 0
        self.booked = 0

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, 2**28)
        self.seen.append((scope, body))
        request = json.loads(body) if body else {}
        self.open += 1
        try:
            await getattr(self, f"_{request.get('do', 'answer')}")(request, receive, send)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.open -= 1

    async def _answer(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        if request.get("stream") is True:
            await self._chunks(send, "text/event-stream", *sse("häl", "lo ✓"))
        else:
            body = {"object": "toy", "text": "hällo ✓", "request": request}
            await self._chunks(send, "application/json", json.dumps(body, ensure_ascii=False).encode())

    async def _srt(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await self._chunks(send, "text/plain; charset=utf-8", "1\n00:00 ✓".encode(), b"\n")

    async def _binary(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await self._chunks(send, "audio/mpeg", b"\xff\xfb\x90\x00")

    async def _split(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        whole = b"".join(sse("ä✓" * 10))
        await self._chunks(send, "text/event-stream", *(whole[n : n + 3] for n in range(0, len(whole), 3)))

    async def _refuse(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        error = {"error": {"message": "no", "type": "t", "param": None, "code": "c"}}
        await self._chunks(send, "application/json", json.dumps(error).encode(), status=request["status"])

    async def _boom(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        raise RuntimeError("secret detail")

    async def _start_then_boom(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await self._chunks(send, request.get("type", "text/event-stream"), b"data: 1\n\n", more=True)
        raise RuntimeError("secret detail")

    async def _stop_short(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await self._chunks(send, request.get("type", "text/event-stream"), b"data: 1\n\n", more=True)

    async def _endless(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await send(start(200, "text/event-stream"))
        while True:
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
            await asyncio.sleep(request.get("pause", 0))

    async def _bookkeeping(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await self._chunks(send, "application/json", b"{}")
        await asyncio.sleep(GRACE + 0.2)
        self.booked += 1

    async def _silent(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        await asyncio.sleep(3600)

    async def _polite(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.told_gone += 1

    async def _chunks(self, send: Send, media_type: str, *chunks: bytes, status: int = 200, more: bool = False) -> None:
        await send(start(status, media_type))
        for n, chunk in enumerate(chunks):
            last = n == len(chunks) - 1 and not more
            await send({"type": "http.response.body", "body": chunk, "more_body": not last})


def start(status: int, media_type: str) -> Message:
    headers = [(b"content-type", media_type.encode()), (b"x-gateway-model", b"toy"), (b"connection", b"keep-alive")]
    return {"type": "http.response.start", "status": status, "headers": headers}


@dataclass
class Reply:
    """What one call sent."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key.decode().lower() == name), None)

    def as_platform_reads(self, *, stream: bool) -> Any:
        """The client's answer: text of a stream, JSON, or (media type, bytes). Any other status is the instance's
        failure."""
        assert self.status in (200, 400, 429), f"status {self.status} counts against the instance"
        if self.status != 200:
            return json.loads(self.body)["detail"]
        if stream:
            return "".join(decrypt(line).decode() for line in self.body.splitlines())
        document = json.loads(self.body)
        if "json" in document:
            return json.loads(decrypt(document["json"]))
        return document["media_type"], decrypt(document["body"])


@dataclass
class Client:
    """`leave_after`: the client goes once that many chunks have come; 0 is before the first."""

    leave_after: int | None = None
    reply: Reply = field(default_factory=Reply)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        if self.leave_after == 0:
            self.left.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            assert not self.reply.status, "started twice"
            self.reply.status, self.reply.headers = message["status"], list(message["headers"])
            return
        assert self.reply.status and not self.reply.ended, "body before start or after the end"
        if message.get("body"):
            self.reply.chunks.append(message["body"])
        self.reply.ended = not message.get("more_body", False)
        if self.leave_after is not None and len(self.reply.chunks) >= self.leave_after:
            self.left.set()


def toy_chute(app: ToyApp | None = None, *, platform: bool = False, **chute_settings: Any) -> GatewayChute:
    settings = Settings.model_validate({"chute": {"username": "tester", **chute_settings}})
    chute = GatewayChute(username="tester", name="toy", image="tester/toy:1", settings=settings)
    chute.on_platform = platform
    if app is not None:
        chute.open_gateway(app)
    return chute


async def call(
    cord: GatewayCord,
    body: Any = None,
    *,
    params: dict[str, str] | None = None,
    platform: bool = False,
    e2e: bool = False,
    client: Client | None = None,
    address: str = "127.0.0.1",
    change: Callable[[Scope], None] | None = None,
) -> Reply:
    """One call as the SDK hands it to the cord: sealed on the platform, bare under `--dev` and for `e2e`."""
    client = client or Client()
    query = "&".join(f"{name}={value}" for name, value in (params or {}).items())
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/hex" if platform else cord.public_api_path,
        "query_string": b"" if platform else query.encode(),
        "headers": [(b"authorization", b"Bearer of-the-client"), (b"cookie", b"a=b")],
        "client": (address, 1234),
        "state": {},
    }
    request = Request(scope)
    if platform and not e2e:
        request.state.decrypted = {"json": body, "params": params or {}}
        request.state._encrypt = encrypt
    else:
        request.state.decrypted = body
    request.state.e2e = e2e
    if change:
        change(scope)
    response = await cord._request_handler(request)
    await response(scope, client.receive, client.send)
    return client.reply
