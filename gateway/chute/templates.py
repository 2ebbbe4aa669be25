"""Ready parts of a chute: the gateway's hooks and cords, and a chute around one model. Used by entry files.

Engines come in as a function (`chute_models.build`), because nothing here knows how models run.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from gateway.chute import schemas
from gateway.chute.asgi import Message
from gateway.chute.chute import GatewayChute
from gateway.chute.door import DoorCall, scope_of
from gateway.errors import ConfigError, UpstreamBadResponse
from gateway.observe import logs
from gateway.openai_api.operations import CHAT
from gateway.providers.engines import EngineBoard, NoEngines
from gateway.settings import Settings, load_settings

BuildEngines = Callable[..., EngineBoard]

_CORDS: tuple[tuple[str, str, str, Any], ...] = (
    ("/health", "/health", "GET", None),
    ("/models", "/v1/models", "GET", None),
    ("/chat_completions", "/v1/chat/completions", "POST", schemas.Chat),
    ("/messages", "/v1/messages", "POST", schemas.Messages),
    ("/messages/count_tokens", "/v1/messages/count_tokens", "POST", schemas.CountedMessages),
    ("/responses", "/v1/responses", "POST", schemas.Responses),
    ("/responses/input_tokens", "/v1/responses/input_tokens", "POST", schemas.CountedResponses),
    ("/completions", "/v1/completions", "POST", schemas.Completion),
    ("/embeddings", "/v1/embeddings", "POST", schemas.Embedding),
    ("/transcriptions", "/v1/audio/transcriptions", "POST", schemas.Transcription),
    ("/translations", "/v1/audio/translations", "POST", schemas.Translation),
    ("/transcribe", "/transcribe", "POST", schemas.Transcribe),
    ("/ocr", "/v1/ocr", "POST", schemas.Ocr),
    ("/rerank", "/v1/rerank", "POST", schemas.Rerank),
    ("/images", "/v1/images/generations", "POST", schemas.Drawing),
    ("/image_edits", "/v1/images/edits", "POST", schemas.Edit),
    ("/speech", "/v1/audio/speech", "POST", schemas.Speech),
    ("/moderations", "/v1/moderations", "POST", schemas.Moderation),
    ("/jobs", "/v1/jobs", "GET", None),
    ("/job", "/v1/jobs", "POST", schemas.Job),
    ("/job/result", "/v1/jobs/result", "POST", schemas.Job),
    ("/job/cancel", "/v1/jobs/cancel", "POST", schemas.Job),
    ("/route", "/route", "POST", schemas.Route),
    ("/warmup/kick", "/warmup/kick", "POST", schemas.Kick),
    ("/warmup/status", "/warmup/status", "GET", None),
)


def add_gateway(chute: GatewayChute, build_engines: BuildEngines | None = None) -> None:
    """One cord per endpoint, and the hooks that open the gateway and close it.

    Engines begin to load side by side and in the background: the port opens at once, `/health` tells how far.
    """

    @chute.on_startup(priority=10)
    def configure_logs(self: GatewayChute) -> None:
        logs.configure(self.settings.log_level, self.settings.log_format)
        config = self.config
        self.logger.info("chute %s of %s, concurrency %d", config.name, config.username, config.concurrency)

    @chute.on_startup(priority=20)
    async def open_gateway(self: GatewayChute) -> None:
        from gateway.app import create_app  # takes most of a second, and nothing that deploys needs it

        gateway = create_app(self.settings, engines=_engines(self.settings, build_engines))
        await gateway.startup()
        gateway.count_jobs(self.in_flight)
        self.open_gateway(gateway)

    @chute.on_shutdown(priority=10)
    async def close_gateway(self: GatewayChute) -> None:
        """Stops the engines with their children and closes the connections to the upstreams."""
        if self.gateway is not None:
            await self.gateway.shutdown()

    for path, public, method, schema in _CORDS:
        chute.gateway_cord(path, public, method, **({"input_schema": schema} if schema else {}))


def _engines(settings: Settings, build_engines: BuildEngines | None) -> EngineBoard:
    if settings.engines == "off" or build_engines is None:
        return NoEngines()
    try:
        return build_engines(
            settings.engines,
            settings.engine_config,
            state_dir=settings.state_dir,
            log=logging.getLogger("chute_models"),
            model_hub=settings.model_hub,
        )
    except ValueError as error:
        raise ConfigError(settings.placed(str(error))) from None


class ModelChute(GatewayChute):
    """A chute around one chat model, which functions of the chute call by `generate`."""

    model: str

    async def generate(self, prompt: str, **options: Any) -> str:
        """The model's answer to one message; `options` as in OpenAI's chat request. Raises UpstreamBadResponse."""
        body = {"model": self.model, "messages": [{"role": "user", "content": prompt}], **options}
        status, answer = await self._ask(orjson.dumps(body))
        document = orjson.loads(answer)
        if status != 200:
            raise UpstreamBadResponse(str(document.get("error", {}).get("message") or "The model did not answer."))
        return str(document["choices"][0]["message"]["content"] or "")

    async def _ask(self, body: bytes) -> tuple[int, bytes]:
        parts, status = bytearray(), 0
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if not given:
                await asyncio.Event().wait()  # this caller stays
            return given.pop()

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.extend(message.get("body", b""))

        await self.front(scope_of(DoorCall("POST", CHAT.path, body=body, trusted=True)), receive, send)
        return status, bytes(parts)


def build_vllm_chute(
    username: str,
    name: str,
    model_name: str,
    image: Any,
    *,
    build_engines: BuildEngines | None = None,
    settings: Settings | None = None,
    **kwargs: Any,
) -> ModelChute:
    """A chute that serves `model_name` on the engine `chat`, with all endpoints of the gateway; add cords to it.

    Without `build_engines`, or where `settings` turn engines off, `model_name` is a model of a configured provider.
    """
    settings = settings or load_settings().settings
    if build_engines is not None and settings.engines != "off":
        engine = {"kind": "chat", "model": model_name}
        settings = settings.model_copy(update={"engines": ("chat",), "engine_config": {"chat": engine}})
    chute = ModelChute(username, name, image, settings=settings, **kwargs)
    chute.model = model_name
    add_gateway(chute, build_engines)
    return chute
