"""`Client`: the gateway inside a Python program, without a server. For scripts and services that import it.

    async with Client("gateway.yaml") as client:
        reply = await client.chat(model="best", messages=[{"role": "user", "content": "Hello"}])

Calls go the way of HTTP requests: permissions, limits, routing, fallbacks, usage. Failures are the exceptions of
`gateway.errors`.
"""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from gateway.access.keys import master_key
from gateway.answers import Answer, Chat, ChatPiece, Embeddings, Ocr, Transcript
from gateway.api.identity import identify, presented_key
from gateway.api.inference import Inference
from gateway.api.local import Head, LocalExchange
from gateway.app import create_app
from gateway.openai_api.operations import CHAT, EMBEDDINGS, OCR, TRANSCRIPTIONS
from gateway.openai_api.sse import EventSplitter
from gateway.providers.engines import EngineBoard
from gateway.settings import Settings, load_settings
from gateway.settings.document import Document

Config = Settings | Mapping[str, Any] | str | Path | None
Messages = Sequence[Mapping[str, Any]]
_T = TypeVar("_T")
_A = TypeVar("_A", bound=Answer)


class Client:
    """`config` is a file, its content as a mapping, or settings; without one, as `gateway serve` finds it.

    `key` is the gateway key to call with, the master key without one. Local engines are those of `engines`, none
    without it. Raises ConfigError; opening it raises what keeps a gateway from starting.
    """

    def __init__(self, config: Config = None, *, key: str | None = None, engines: EngineBoard | None = None) -> None:
        self._app = create_app(_settings(config), engines)
        self._key = key

    async def __aenter__(self) -> "Client":
        try:
            await self._app.startup()
        except BaseException:
            with suppress(Exception):
                await self._app.shutdown()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing that was recorded is lost."""
        await self._app.shutdown()

    async def chat(self, *, model: str, messages: Messages, **more: Any) -> Chat:
        """`more` are the other fields of OpenAI's API. Raises GatewayError, as all calls do."""
        return await self.post(CHAT.path, {"model": model, "messages": messages, **more}, Chat)

    @asynccontextmanager
    async def stream(self, *, model: str, messages: Messages, **more: Any) -> AsyncIterator[AsyncIterator[ChatPiece]]:
        """Pieces as they come. Leaving the block stops the provider; a stream that breaks raises what broke it."""
        exchange = self._ask(CHAT.path, {"model": model, "messages": messages, **more, "stream": True})
        try:
            await exchange.begun()
            yield _chat_pieces(exchange)
        finally:
            await exchange.leave()

    async def embed(self, *, model: str, input: str | Sequence[str], **more: Any) -> Embeddings:
        return await self.post(EMBEDDINGS.path, {"model": model, "input": input, **more}, Embeddings)

    async def transcribe(self, *, model: str, audio: bytes | Path, **more: Any) -> Transcript:
        """With times unless `response_format` says otherwise."""
        fields = {"response_format": "verbose_json", **more, "model": model, **_file(audio)}
        return await self.post(TRANSCRIPTIONS.path, fields, Transcript)

    async def ocr(self, *, model: str, document: bytes | Path, **more: Any) -> Ocr:
        """`document` is an image or a PDF."""
        return await self.post(OCR.path, {**more, "model": model, **_file(document)}, Ocr)

    async def models(self) -> list[dict[str, Any]]:
        """What the key may use, as `GET /v1/models` tells it."""
        headers = self._headers()
        identify(presented_key(headers), headers, "", self._app.state)
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=self._headers()) as http:
            reply = await http.get("/v1/models")
        listed: list[dict[str, Any]] = reply.json()["data"]
        return listed

    async def post(self, path: str, fields: Mapping[str, Any], kind: type[_A]) -> _A:
        """Any other endpoint that takes JSON and does not stream, such as `/v1/rerank`, with `Answer` for `kind`."""
        exchange = self._ask(path, fields)
        try:
            head: Head = await exchange.begun()
        finally:
            await exchange.leave()
        return kind(head.body, head.headers)

    def _ask(self, path: str, fields: Mapping[str, Any]) -> LocalExchange:
        inference: Inference = self._app.inference
        return LocalExchange(inference, path, self._headers(), msgspec.json.encode(fields))

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key or self._master_key()}", "content-type": "application/json"}

    def _master_key(self) -> str:
        settings = self._app.settings
        configured = settings.master_api_key
        made = self._app.new_master_key
        return made or master_key(configured.get_secret_value() if configured else None, settings.state_dir)[0]


class BlockingClient:
    """The same for programs without a loop: `with BlockingClient(...) as client`. It has everything but streams."""

    def __init__(self, config: Config = None, *, key: str | None = None, engines: EngineBoard | None = None) -> None:
        self._client = Client(config, key=key, engines=engines)

    def __enter__(self) -> "BlockingClient":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        try:
            self._wait(self._client.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._wait(self._client.__aexit__())
        finally:
            self._stop()

    def chat(self, *, model: str, messages: Messages, **more: Any) -> Chat:
        return self._wait(self._client.chat(model=model, messages=messages, **more))

    def embed(self, *, model: str, input: str | Sequence[str], **more: Any) -> Embeddings:
        return self._wait(self._client.embed(model=model, input=input, **more))

    def transcribe(self, *, model: str, audio: bytes | Path, **more: Any) -> Transcript:
        return self._wait(self._client.transcribe(model=model, audio=audio, **more))

    def ocr(self, *, model: str, document: bytes | Path, **more: Any) -> Ocr:
        return self._wait(self._client.ocr(model=model, document=document, **more))

    def models(self) -> list[dict[str, Any]]:
        return self._wait(self._client.models())

    def post(self, path: str, fields: Mapping[str, Any], kind: type[_A]) -> _A:
        return self._wait(self._client.post(path, fields, kind))

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _settings(config: Config) -> Settings:
    if isinstance(config, Settings):
        return config
    if isinstance(config, Mapping):
        return load_settings(document=Document(Path("configuration"), dict(config))).settings
    return load_settings(config_path=Path(config) if config else None).settings


def _file(data: bytes | Path) -> dict[str, str]:
    name = data.name if isinstance(data, Path) else ""
    content = data.read_bytes() if isinstance(data, Path) else data
    return {"file_b64": base64.b64encode(content).decode(), "file_name": name}


async def _chat_pieces(exchange: LocalExchange) -> AsyncIterator[ChatPiece]:
    events = EventSplitter()
    async for piece in exchange.pieces():
        for event in events.feed(piece):
            data = event.removeprefix(b"data:").strip()
            if event.startswith(b"data:") and data != b"[DONE]":
                yield ChatPiece(msgspec.json.decode(data))
