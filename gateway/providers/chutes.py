"""Chutes.ai: OpenAI's dialect for text, its own endpoints for speech and pages, and a host for every chute."""

import base64
import re
from urllib.parse import urlsplit

import orjson

from gateway.openai_api.audio_parse import parse_transcript
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import CHAT, COMPLETIONS, EMBEDDINGS, OCR, TRANSCRIPTIONS
from gateway.providers.audio_calls import audio_options, audio_reply
from gateway.providers.base import Endpoint, ListedModel, Provider
from gateway.providers.exchange import Upstream, ask, kept_headers, media_type, read_json, remote
from gateway.providers.json_calls import send_json
from gateway.providers.listing import list_models
from gateway.providers.ocr_calls import send_images
from gateway.providers.openai_compatible import check_url
from gateway.providers.transport.base import Transport

LLM_URL = "https://llm.chutes.ai"
API_URL = "https://api.chutes.ai"

_OPERATIONS = frozenset(operation.name for operation in (CHAT, COMPLETIONS, EMBEDDINGS, TRANSCRIPTIONS, OCR))
_SHARED = frozenset({CHAT.name, COMPLETIONS.name})
"""What the shared host serves; everything else has a host per chute."""
_SHARED_HOST = "llm.chutes.ai"
_NO_SLUG = re.compile(r"[^a-z0-9]+")


def is_chutes_host(url: str) -> bool:
    """Judged by the host alone, never by what else stands in the URL."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return host == "chutes.ai" or host.endswith(".chutes.ai")


def chute_url(model: str) -> str:
    """Where a public chute of this model lives by Chutes' naming: `https://chutes-{model}.chutes.ai`."""
    slug = _NO_SLUG.sub("-", model.lower()).strip("-")
    return f"https://{slug if slug.startswith('chutes-') else f'chutes-{slug}'}.chutes.ai"


class Chutes:
    """`api_url` is the management API: it alone can tell whether a key works, the list of models is public."""

    def __init__(self, transport: Transport, api_url: str = API_URL) -> None:
        self._transport = transport
        self._api_url = api_url.rstrip("/")

    @property
    def operations(self) -> frozenset[str]:
        return _OPERATIONS

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        model = endpoint.upstream_model.removeprefix("chutes/")
        upstream = _upstream(endpoint, call, model)
        if call.operation is TRANSCRIPTIONS:
            return await self._transcribe(upstream, call)
        if call.operation is OCR:
            url = f"{_root(upstream)}/ocr"
            return await send_images(self._transport, upstream, call, url, lambda image: _dump({"image_b64": image}))
        return await send_json(self._transport, upstream, call, model, ask_usage=True)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return await list_models(self._transport, remote(provider, provider.base_url or LLM_URL))

    async def check(self, provider: Provider) -> None:
        await check_url(self._transport, remote(provider), f"{self._api_url}/users/me")

    async def _transcribe(self, upstream: Upstream, call: Call) -> Reply:
        options = audio_options(call)
        document = {"audio_b64": base64.b64encode(call.files[0].data).decode()}
        if options.language:
            document["language"] = options.language
        url = f"{_root(upstream)}/transcribe"
        response = await ask(self._transport, upstream, url, _dump(document), deadline=call.deadline, trace=call.trace)
        headers = kept_headers(response, upstream)
        body = await read_json(response)
        return audio_reply(parse_transcript(body, media_type(response)), headers)


def _upstream(endpoint: Endpoint, call: Call, model: str) -> Upstream:
    base_url = endpoint.base_url or endpoint.provider.base_url or LLM_URL
    if call.operation.name not in _SHARED and urlsplit(base_url).hostname == _SHARED_HOST:
        base_url = chute_url(model)
    return remote(endpoint.provider, base_url, api_key=endpoint.api_key, kept=("x-chutes-",))


def _root(upstream: Upstream) -> str:
    """A chute's own endpoints stand beside `/v1`, not below it."""
    return upstream.base_url.rstrip("/").removesuffix("/v1")


def _dump(document: dict[str, str]) -> bytes:
    return orjson.dumps(document)
