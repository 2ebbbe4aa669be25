"""`model:THINKING`: how a target is asked to think first. Each kind of upstream has its own way. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from gateway.openai_api.call import Call
from gateway.openai_api.operations import CHAT
from gateway.providers.base import Provider, ProviderType
from gateway.routing.types import Target

SUFFIX = ":THINKING"

_HOSTS: Mapping[str, tuple[str, dict[str, object]]] = {
    "openrouter.ai": ("reasoning", {"enabled": True}),
    "api.deepseek.com": ("thinking", {"type": "enabled"}),
}
"""From these providers' own references: the field that turns thinking on."""
_TEMPLATE: tuple[str, dict[str, object]] = ("chat_template_kwargs", {"enable_thinking": True})
"""vLLM, SGLang and our engines hand it to the chat template."""


def thoughtful(call: Call, target: Target, provider: Provider) -> tuple[str, Call]:
    """The upstream's name of the model, and the call, so that it thinks. Chutes' own host knows the suffix; an upstream
    of which nothing is known is asked as it is. What the caller says in the field itself wins."""
    model = target.upstream_model
    if call.operation is not CHAT:
        return model, call
    if provider.type == ProviderType.CHUTES:
        return model.removesuffix(SUFFIX) + SUFFIX, call
    way = _way(provider, target)
    return model, call.replaced(body=_with(call.body, *way)) if way else call


def _way(provider: Provider, target: Target) -> tuple[str, dict[str, object]] | None:
    """A plain `http` address is a server of one's own."""
    url = urlsplit(target.base_url or provider.base_url)
    if provider.type == ProviderType.LOCAL or url.scheme == "http":
        return _TEMPLATE
    return _HOSTS.get(url.hostname or "")


def _with(body: bytes, field: str, options: dict[str, object]) -> bytes:
    document = msgspec.json.decode(body, type=dict[str, Raw])
    given = msgspec.json.decode(document[field]) if field in document else None
    if given is not None and not isinstance(given, dict):
        return body
    document[field] = Raw(msgspec.json.encode({**options, **(given or {})}))
    return msgspec.json.encode(document)
