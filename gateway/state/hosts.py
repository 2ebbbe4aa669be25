"""The base URLs that single targets bring along, beside those of their providers. Checked when a snapshot is built."""

from collections.abc import Iterable, Iterator

from gateway.providers.guard import check_base_url
from gateway.settings import Fallback, ModelConfig, ProviderConfig, Settings

_Written = tuple[tuple[str | int, ...], str]
"""Where a base URL is written, and what; empty where there is none."""


def check_hosts(settings: Settings) -> None:
    """Raises ConfigError naming the place of one that no provider might have either."""
    for place, url in _written(settings):
        if url:
            check_base_url(url, settings.place(*place, "base_url"), allow_private=settings.allow_private_upstreams)


def _written(settings: Settings) -> Iterator[_Written]:
    for name, provider in settings.providers.items():
        yield from _of_provider(("providers", name), provider)
    for name, fallbacks in settings.engine_fallbacks.items():
        yield from _of_fallbacks(("engines", name), fallbacks)
    for name, model in settings.models.items():
        yield from _of_model(("models", name), model)


def _of_provider(place: tuple[str, ...], provider: ProviderConfig) -> Iterator[_Written]:
    models = provider.models
    for key, entry in models.items() if isinstance(models, dict) else enumerate(models):
        yield (*place, "models", key), entry.base_url
    yield from _of_fallbacks(place, provider.fallbacks)


def _of_model(place: tuple[str, ...], model: ModelConfig) -> Iterator[_Written]:
    yield place, model.base_url
    for n, target in enumerate(model.targets):
        yield (*place, "targets", n), target.base_url
    yield from _of_fallbacks(place, model.fallbacks)


def _of_fallbacks(place: tuple[str, ...], fallbacks: Iterable[str | Fallback]) -> Iterator[_Written]:
    for n, fallback in enumerate(fallbacks):
        if isinstance(fallback, Fallback):
            yield (*place, "fallbacks", n), fallback.base_url
