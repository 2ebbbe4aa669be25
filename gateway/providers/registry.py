"""All dialects by name. Ours are registered the way outsiders do: a factory that takes an `AdapterContext`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

from gateway.errors import ConfigError
from gateway.providers.base import ProviderAdapter, ProviderType
from gateway.providers.chutes import API_URL, LLM_URL, Chutes
from gateway.providers.engines import EngineBoard, NoEngines
from gateway.providers.local import Local
from gateway.providers.openai_compatible import OpenAICompatible
from gateway.providers.transport.base import Transport

GROUP = "chute_gateway.providers"
"""Entry-point group: the name is the provider's `type`, the value a `Factory`."""


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What a dialect may use. `transport` is shared by all of them and closed by the app."""

    transport: Transport
    engines: EngineBoard
    chutes_api_url: str = API_URL
    chutes_llm_url: str = LLM_URL


Factory = Callable[[AdapterContext], ProviderAdapter]

BUILT_IN: Mapping[str, Factory] = {
    ProviderType.OPENAI.value: lambda context: OpenAICompatible(context.transport),
    ProviderType.CHUTES.value: lambda context: Chutes(
        context.transport, context.chutes_api_url, context.chutes_llm_url
    ),
    ProviderType.LOCAL.value: lambda context: Local(context.transport, context.engines),
}
"""A table and not entry points of our own, so that a bare copy of the package, as in a chute's image, works."""


def build_adapters(
    transport: Transport,
    engines: EngineBoard | None = None,
    chutes_api_url: str = API_URL,
    chutes_llm_url: str = LLM_URL,
) -> Mapping[str, ProviderAdapter]:
    """Raises `ConfigError` naming an installed dialect that cannot be loaded."""
    context = AdapterContext(transport, engines or NoEngines(), chutes_api_url, chutes_llm_url)
    return {name: factory(context) for name, factory in {**_installed(), **BUILT_IN}.items()}


def _installed() -> dict[str, Factory]:
    factories: dict[str, Factory] = {}
    for entry in entry_points(group=GROUP):
        try:
            factories[entry.name] = entry.load()
        except Exception as error:
            raise ConfigError(f"the provider type '{entry.name}' cannot be loaded: {error}") from error
    return factories
