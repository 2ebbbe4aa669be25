"""Chutes.ai: OpenAI's dialect for text, its own endpoints for everything else, and a host for every chute."""

from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

import orjson
from pybase64 import b64encode_as_string

from gateway.errors import GatewayError, UpstreamModelMissing
from gateway.media.voice import Voices
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.confidentiality import refused
from gateway.openai_api.operations import (
    CHAT,
    COMPLETIONS,
    EDITS,
    EMBEDDINGS,
    IMAGES,
    OCR,
    RERANK,
    SPEECH,
    TRANSCRIPTIONS,
    Operation,
)
from gateway.providers.audio_calls import audio_options, audio_reply
from gateway.providers.base import Endpoint, ListedModel, Provider
from gateway.providers.chutes_errors import clarified
from gateway.providers.chutes_hosts import API_URL, LLM_URL, Chute, ChuteHosts, chute_url, is_chutes_host
from gateway.providers.edit_calls import send_edit_json, send_own_edit
from gateway.providers.exchange import Upstream, ask, kept_headers, media_type, read_json, remote
from gateway.providers.json_calls import send_json
from gateway.providers.listing import list_models
from gateway.providers.ocr_calls import send_images
from gateway.providers.openai_compatible import check_url
from gateway.providers.other_calls import OTHERS, send_other, send_own
from gateway.providers.transport.base import Transport

__all__ = ["API_URL", "LLM_URL", "Chutes", "chute_url", "is_chutes_host"]

_OPERATIONS = frozenset(
    operation.name for operation in (CHAT, COMPLETIONS, EMBEDDINGS, TRANSCRIPTIONS, OCR, RERANK, IMAGES, EDITS, SPEECH)
)
_SHARED = frozenset({CHAT.name, COMPLETIONS.name})
"""What the shared host serves; everything else has a host per chute."""
_KEPT = ("x-chutes-",)
_THINKING = ":THINKING"


class Chutes:
    """`api_url` is the management API: it alone can tell whether a key works, the list of models is public, and where
    a chute lives. `llm_url` is the shared host."""

    operations = _OPERATIONS

    def __init__(self, transport: Transport, api_url: str = API_URL, llm_url: str = LLM_URL) -> None:
        self._transport = transport
        self._api_url = api_url.rstrip("/")
        self._shared_hosts = {_place(LLM_URL), _place(llm_url)}
        self._hosts = ChuteHosts(transport, self._api_url)
        self._voices = Voices()

    def send(self, endpoint: Endpoint, call: Call) -> Coroutine[Any, Any, Reply]:
        model = endpoint.upstream_model.removeprefix("chutes/")
        base_url = endpoint.base_url or endpoint.provider.base_url or LLM_URL
        if _place(base_url) not in self._shared_hosts:
            return self._explained(self._at(endpoint, call, model, base_url), model)
        if call.operation.name in _SHARED:
            return self._explained(self._text(endpoint, call, model, base_url), model)
        return self._explained(self._found(endpoint, call, model), model)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return await list_models(self._transport, remote(provider, provider.base_url or LLM_URL))

    async def check(self, provider: Provider) -> None:
        await check_url(self._transport, remote(provider), f"{self._api_url}/users/me")

    async def warm(self, endpoint: Endpoint) -> bool:
        """Asks Chutes to start the model's chute unless it runs; whether it does. Raises GatewayError."""
        model = endpoint.upstream_model.removeprefix("chutes/").removesuffix(_THINKING)
        return await self._hosts.is_hot(endpoint.provider, model)

    async def _explained(self, answer: Coroutine[Any, Any, Reply], model: str) -> Reply:
        try:
            return await answer
        except GatewayError as error:
            clear = clarified(error, model)
            if clear is error:
                raise
            raise clear from error

    async def _text(self, endpoint: Endpoint, call: Call, model: str, base_url: str) -> Reply:
        """By the shared host; a chute that it does not know has only a host of its own."""
        try:
            return await self._at(endpoint, call, model, base_url)
        except UpstreamModelMissing:
            plain = model.removesuffix(_THINKING)
            chute = None if "," in plain else await self._hosts.find(endpoint.provider, plain)
            if chute is None:
                raise
        _check_tee(endpoint, call, chute)
        return await self._at(endpoint, call, chute.name, chute.url)

    async def _found(self, endpoint: Endpoint, call: Call, model: str) -> Reply:
        """By the host of the model's chute. Where the API cannot tell it, Chutes' naming does."""
        chute = await self._hosts.find(endpoint.provider, model)
        if chute is None:
            if self._hosts.missing(endpoint.provider, model):
                raise UpstreamModelMissing(f"Chutes has no '{model}', or not for this account.", param="model")
            _check_tee(endpoint, call, None)
            return await self._at(endpoint, call, model, chute_url(model))
        _check_tee(endpoint, call, chute)
        return await self._at(endpoint, call, chute.name, chute.url, chute)

    def _at(
        self, endpoint: Endpoint, call: Call, model: str, base_url: str, chute: Chute | None = None
    ) -> Coroutine[Any, Any, Reply]:
        """On a host. A chute that has OpenAI's own path is asked in OpenAI's shape."""
        upstream = remote(endpoint.provider, base_url, api_key=endpoint.api_key, kept=_KEPT)
        operation = call.operation
        if operation is TRANSCRIPTIONS:
            return self._transcribe(upstream, call)
        if operation is OCR:
            url = f"{_root(upstream)}/ocr"
            return send_images(self._transport, upstream, call, url, lambda image: _dump({"image_b64": image}))
        if operation.name in OTHERS:
            if chute is not None and _has(chute, operation):
                return send_other(self._transport, upstream, call, model, self._voices)
            return send_own(self._transport, upstream, call, _root(upstream), model, self._voices)
        if operation is EDITS:
            return self._edit(endpoint.provider, upstream, call, model, chute)
        return send_json(self._transport, upstream, call, model, ask_usage=True)

    async def _edit(self, provider: Provider, upstream: Upstream, call: Call, model: str, chute: Chute | None) -> Reply:
        """Where only the host is known, the API is asked for its chute: one that draws from words alone would not say
        that it leaves out the pictures."""
        if chute is None and is_chutes_host(upstream.base_url):
            found = await self._hosts.find(provider, model)
            chute = found if found is not None and _place(found.url) == _place(upstream.base_url) else None
        if chute is not None and _has(chute, EDITS):
            return await send_edit_json(self._transport, upstream, call, model)
        pictures = chute.pictures if chute is not None else None
        return await send_own_edit(self._transport, upstream, call, _root(upstream), model, pictures)

    async def _transcribe(self, upstream: Upstream, call: Call) -> Reply:
        options = audio_options(call)
        document = {"audio_b64": b64encode_as_string(call.files[0].data)}
        if options.language:
            document["language"] = options.language
        url = f"{_root(upstream)}/transcribe"
        response = await ask(self._transport, upstream, url, _dump(document), deadline=call.deadline, trace=call.trace)
        headers = kept_headers(response, upstream)
        body = await read_json(response)
        return audio_reply(body, media_type(response), headers, upstream)


def _check_tee(endpoint: Endpoint, call: Call, chute: Chute | None) -> None:
    """A chute that was found by its name may be another one than the catalog means. Raises ConfidentialityUnmet."""
    if endpoint.in_tee and (chute is None or chute.tee is not True):
        assert call.rule is not None
        why = "Chutes does not say that the chute of this name runs in a trusted execution environment"
        raise refused(call.rule, call.model, [(f"{endpoint.provider.id}/{endpoint.upstream_model}", why)])


def _place(url: str) -> str:
    """Host and port; of what is no URL nothing."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _has(chute: Chute, operation: Operation) -> bool:
    return operation.path in chute.paths


def _root(upstream: Upstream) -> str:
    """A chute's own endpoints stand beside `/v1`, not below it."""
    return upstream.base_url.rstrip("/").removesuffix("/v1")


def _dump(document: dict[str, str]) -> bytes:
    return orjson.dumps(document)
