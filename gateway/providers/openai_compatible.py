"""The dialect of OpenAI and of everybody who speaks it."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from gateway.errors import GatewayError, UpstreamCredentials
from gateway.media.voice import Voices
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import CHAT, COMPLETIONS, EDITS, EMBEDDINGS, OCR, TRANSCRIPTIONS, TRANSLATIONS, Body
from gateway.providers.audio_calls import send_audio
from gateway.providers.base import Endpoint, ListedModel, Provider, Timeouts
from gateway.providers.edit_calls import send_edit
from gateway.providers.exchange import MAX_REPLY, Upstream, ask, join_url, refusal, remote
from gateway.providers.json_calls import send_json
from gateway.providers.listing import list_models
from gateway.providers.ocr_calls import send_vision
from gateway.providers.other_calls import OTHERS, send_other
from gateway.providers.transport.base import HttpRequest, Transport

OPERATIONS = frozenset(
    operation.name for operation in (CHAT, COMPLETIONS, EMBEDDINGS, TRANSCRIPTIONS, TRANSLATIONS, OCR)
)
CHECK_SECONDS = 10.0
_JSON = Body.JSON
"""By a name of its own: members of an enum are slow to find."""


class OpenAICompatible:
    """OCR goes through a chat model that sees."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._voices = Voices()

    operations = OPERATIONS | OTHERS | {EDITS.name}

    def send(self, endpoint: Endpoint, call: Call) -> Coroutine[Any, Any, Reply]:
        upstream = remote(endpoint.provider, endpoint.base_url, api_key=endpoint.api_key)
        if call.operation.name in OTHERS:
            return send_other(self._transport, upstream, call, endpoint.upstream_model, self._voices)
        if call.operation.body is _JSON:
            ask_usage = endpoint.provider.stream_usage
            return send_json(self._transport, upstream, call, endpoint.upstream_model, ask_usage=ask_usage)
        if call.operation is OCR:
            return send_vision(self._transport, upstream, call, endpoint.upstream_model)
        if call.operation is EDITS:
            return send_edit(self._transport, upstream, call, endpoint.upstream_model)
        return send_audio(self._transport, upstream, call, endpoint.upstream_model)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return await list_models(self._transport, remote(provider))

    async def check(self, provider: Provider) -> None:
        upstream = remote(provider)
        await check_url(self._transport, upstream, join_url(upstream.base_url, "/v1/models"))
        if provider.api_keys:
            await _check_key(self._transport, _hurried(upstream))


async def _check_key(transport: Transport, upstream: Upstream) -> None:
    """Many lists of models are open to all, so a chat without anything in it is asked for: a provider refuses it for
    what it lacks, which costs nothing, but for a wrong key first. Raises UpstreamCredentials."""
    try:
        await (await ask(transport, upstream, join_url(upstream.base_url, CHAT.path), b"{}")).aclose()
    except UpstreamCredentials:
        raise
    except GatewayError:
        return


async def check_url(transport: Transport, upstream: Upstream, url: str) -> None:
    """Raises "health check failed with status: N" for any answer but 200, within `CHECK_SECONDS`."""
    upstream = _hurried(upstream)
    request = HttpRequest(
        "GET", url, upstream.headers, timeouts=upstream.timeouts, engine=upstream.engine, via=upstream.via
    )
    response = await transport.send(request)
    if response.status == 200:
        await response.read(MAX_REPLY)
        return
    error = await refusal(response, upstream)
    error.message = f"health check failed with status: {response.status}"
    raise error


def _hurried(upstream: Upstream) -> Upstream:
    """The same within `CHECK_SECONDS`: somebody waits for the verdict, or the next check is due soon."""
    connect = min(upstream.timeouts.connect, CHECK_SECONDS)
    timeouts = Timeouts(connect=connect, first_byte=CHECK_SECONDS, whole=CHECK_SECONDS, idle=CHECK_SECONDS)
    return replace(upstream, timeouts=timeouts)
