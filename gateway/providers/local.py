"""Our own engines on loopback: found on the board at each call, guarded from fields that could hurt them."""

from collections.abc import Callable
from functools import partial

import orjson

from gateway.errors import (
    EngineFailed,
    EngineLoading,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamServerError,
    UpstreamUnreachable,
)
from gateway.openai_api.call import ByteStream, Call, Reply, Take, Usage
from gateway.openai_api.operations import OCR, Body, ModelType
from gateway.providers.audio_calls import send_audio
from gateway.providers.base import Endpoint, ListedModel, Provider
from gateway.providers.engine_fields import check_fields, strip_reply
from gateway.providers.engines import EngineBoard, EngineState, EngineStatus
from gateway.providers.exchange import Upstream
from gateway.providers.guided import as_structured
from gateway.providers.json_calls import send_json
from gateway.providers.ocr_calls import send_images, send_vision
from gateway.providers.openai_compatible import OPERATIONS, check_url
from gateway.providers.transport.base import Transport

_LEARNED = "learned"
"""In `Provider.derived`: what its engine has refused before, whichever process that was."""
_BREAKS = (UpstreamUnreachable, UpstreamBadResponse, UpstreamServerError)


class EngineBroke(UpstreamError):
    """An engine failed at an answer or broke it off. Not held against the target: whether the process is well its
    supervisor knows better, and the next process is not to rest for what the last one did when it died."""

    counts_against_target = False

    @classmethod
    def like(cls, error: UpstreamError) -> "EngineBroke":
        wait, said = error.retry_after, error.upstream
        return cls(error.message, code=error.error_code, status=error.http_status, retry_after=wait, upstream=said)


class Local:
    """A provider of this type has an engine's name as its `id`."""

    def __init__(self, transport: Transport, board: EngineBoard) -> None:
        self._transport = transport
        self._board = board

    operations = OPERATIONS

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        engine = self._ready(endpoint.provider)
        try:
            return await self._ask(engine, _upstream(engine, endpoint.provider), call)
        except _BREAKS as error:
            self._board.suspect(engine.name)
            raise EngineBroke.like(error) from None

    async def _ask(self, engine: EngineStatus, upstream: Upstream, call: Call) -> Reply:
        if call.operation is OCR:
            return await self._read_pages(engine, upstream, call)
        if call.operation.body is Body.FILE:
            return await send_audio(self._transport, upstream, call, engine.upstream_model)
        check_fields(call.document())
        if engine.runtime == "vllm":
            call = as_structured(call)
        reply = await send_json(self._transport, upstream, call, engine.upstream_model, ask_usage=True)
        if isinstance(reply.body, bytes):
            reply.body = strip_reply(reply.body)
        else:
            reply.body = StrippedStream(reply.body, partial(self._board.suspect, engine.name))
        return reply

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        engine = self._board.status(provider.id)
        if engine is None:
            return []
        kind = ModelType(engine.kind) if engine.kind in frozenset(ModelType) else None
        return [ListedModel(engine.model, owned_by="local", type=kind)]

    async def check(self, provider: Provider) -> None:
        engine = self._ready(provider)
        await check_url(self._transport, _upstream(engine, provider), f"{engine.address}/health")

    def _ready(self, provider: Provider) -> EngineStatus:
        engine = self._board.status(provider.id)
        if engine is None:
            raise EngineFailed(f"There is no local engine '{provider.id}'.")
        if engine.state == EngineState.READY and engine.address:
            return engine
        if engine.state in (EngineState.FAILED, EngineState.STOPPED):
            raise EngineFailed(
                f"The local model '{engine.model}' could not be started: {engine.error or engine.state}.",
                retry_after=engine.retry_after or None,
            )
        raise EngineLoading(_progress(engine), retry_after=max(engine.retry_after, 1.0))

    async def _read_pages(self, engine: EngineStatus, upstream: Upstream, call: Call) -> Reply:
        if engine.runtime != "rapidocr":
            return await send_vision(self._transport, upstream, call, engine.upstream_model)
        model, url = engine.upstream_model, f"{engine.address}/v1/ocr"
        return await send_images(
            self._transport, upstream, call, url, lambda image: orjson.dumps({"model": model, "images": [image]})
        )


class StrippedStream:
    """A chunk stream without the engine's private keys, whose breaks make the engine suspect, and no more."""

    def __init__(self, chunks: ByteStream, suspect: Callable[[], None]) -> None:
        self._chunks, self._suspect = chunks, suspect

    @property
    def usage(self) -> Usage | None:
        return self._chunks.usage

    async def pour(self, take: Take) -> None:
        try:
            await self._chunks.pour(lambda events: take([_stripped(event) for event in events]))
        except _BREAKS as error:
            self._suspect()
            raise EngineBroke.like(error) from None

    async def aclose(self) -> None:
        await self._chunks.aclose()


def _stripped(event: bytes) -> bytes:
    if not event.startswith(b"data: {"):
        return event
    data = event[6:-2]
    stripped = strip_reply(data)
    return event if stripped is data else b"data: " + stripped + b"\n\n"


def _upstream(engine: EngineStatus, provider: Provider) -> Upstream:
    headers = {"authorization": f"Bearer {engine.secret}"} if engine.secret else {}
    learned = provider.derived.setdefault(_LEARNED, set())
    return Upstream(engine.address, headers, provider.timeouts, (engine.secret,), engine=True, learned=learned)


def _progress(engine: EngineStatus) -> str:
    percent = f" ({engine.percent:.0f} %)" if engine.percent is not None else ""
    return f"The local model '{engine.model}' is not ready: {engine.phase}{percent} for {engine.elapsed:.0f} s."
