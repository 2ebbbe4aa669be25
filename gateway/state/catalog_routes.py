"""What the catalog adds to the snapshot: routes of models that nobody configured, other names, prices, and the guard
that stops using a target which no longer is what its model demands. Pure; called by the builder."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

from gateway.catalog.catalog import Catalog
from gateway.catalog.drift import Demands, drift, replacement
from gateway.catalog.facts import CHUTES, PriceKind
from gateway.catalog.fields import LLM, SNAPSHOT
from gateway.catalog.model import CatalogModel
from gateway.openai_api.operations import ModelType
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes_hosts import for_all_models
from gateway.routing.types import Route, StreamPolicy, Target
from gateway.settings import ModelConfig, Settings
from gateway.usage.types import Price

SOURCE = "catalog"
"""The `source` of prices that the catalog told."""


def chutes_provider(providers: Mapping[str, Provider]) -> Provider | None:
    """The one for all models, of those that are enabled and have a key."""
    found = (p for p in providers.values() if p.type == ProviderType.CHUTES and p.enabled and p.api_keys)
    return for_all_models(found)


def catalog_routes(catalog: Catalog, provider: Provider, taken: Container[str], settings: Settings) -> Iterator[Route]:
    """One for each model at Chutes that a live source lists and an endpoint can ask, but for names that are taken."""
    policy = StreamPolicy(settings.stream_policy)
    for model in catalog.models:
        if model.gateway == CHUTES and model.type is not None and model.id not in taken and _is_live(model):
            target = Target(provider.id, model.upstream_id, base_url=_own_host(model), price=_blended(model))
            sees = "image" in model.input_modalities if model.input_modalities else None
            yield Route(
                model.id, (target,), type=model.type, stream_policy=policy, supports_images=sees, from_catalog=True
            )


def _own_host(model: CatalogModel) -> str:
    """Chat models that the shared host lists are served there; everything else on the host of its chute."""
    if LLM in model.origins or (model.type is ModelType.CHAT and not model.slug):
        return ""
    return model.base_url or (f"https://{model.slug}.chutes.ai" if model.slug else "")


def _blended(model: CatalogModel) -> float | None:
    """USD per 1 M tokens, three of input for one of output, as `Target.price` counts."""
    taken, given = model.usd(PriceKind.INPUT), model.usd(PriceKind.OUTPUT)
    if taken is None or given is None:
        return taken if given is None else given
    return (3 * taken + given) / 4


def chute_aliases(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Models by the UUID and by the slug of their chute."""
    found: dict[str, tuple[str, ...]] = {}
    for model in catalog.models:
        if model.gateway == CHUTES and _is_live(model):
            for name in (model.chute_id, model.slug):
                if name:
                    found.setdefault(name, (model.upstream_id,))
    return found


def catalog_prices(catalog: Catalog, provider_id: str) -> Iterator[Price]:
    """Token prices in USD, from the moment the catalog was made."""
    for model in catalog.models:
        taken, given = model.usd(PriceKind.INPUT), model.usd(PriceKind.OUTPUT)
        if model.gateway == CHUTES and _is_live(model) and (taken is not None or given is not None):
            yield Price(
                provider_id,
                model.upstream_id,
                input_per_million=taken,
                output_per_million=given,
                cached_input_per_million=model.usd(PriceKind.CACHE_READ),
                per_request=model.usd(PriceKind.REQUEST),
                valid_from=catalog.at / 1000,
                source=SOURCE,
            )


def guarded(route: Route, config: ModelConfig, catalog: Catalog, providers: Mapping[str, Provider]) -> Route:
    """The route without the targets that do not fit what its model demands; `blocked` says why none is left."""
    demands = Demands(config.min_quantization, config.max_price, config.min_context)
    if not demands:
        return route
    reasons = {target: _misfit(target, demands, catalog, providers) for target in route.targets}
    fitting = tuple(target for target in route.targets if not reasons[target])
    notes = tuple(reason for reason in reasons.values() if reason)
    if fitting:
        return replace(route, targets=fitting, notes=route.notes + notes)
    return replace(route, blocked="; ".join(notes), notes=route.notes + notes)


def lists_chutes(catalog: Catalog) -> bool:
    """Whether it tells what is at Chutes now: more than the snapshot that ships with the gateway lists it."""
    return any(model.gateway == CHUTES and _is_live(model) for model in catalog.models)


def gone(route: Route, catalog: Catalog, providers: Mapping[str, Provider]) -> tuple[str, ...]:
    """Targets at Chutes that a catalog which `lists_chutes` does not list any more, each with what could stand in."""
    missing = [
        target.upstream_model
        for target in route.targets
        if _at_chutes(target, providers) and catalog.find(target.upstream_model) is None
    ]
    return tuple(_missing(name, replacement(catalog, name)) for name in missing)


def created_at_chutes(
    routes: Iterable[Route], catalog: Catalog, providers: Mapping[str, Provider]
) -> Iterator[tuple[str, int]]:
    """Ids of the routes whose first target is a chute, and when that was made, where Chutes tells it."""
    for route in routes:
        first = route.targets[0]
        model = catalog.find(first.upstream_model) if _at_chutes(first, providers) else None
        if model is not None and model.created:
            yield route.id, model.created


def _missing(name: str, instead: str) -> str:
    return f"{name} is not in the catalog any more" + (f"; {instead} could stand in" if instead else "")


def _misfit(target: Target, demands: Demands, catalog: Catalog, providers: Mapping[str, Provider]) -> str:
    """Of what the catalog does not know, such as a local engine, nothing is demanded."""
    if not _at_chutes(target, providers):
        return ""
    model = catalog.find(target.upstream_model)
    return drift(model, demands) if model else f"{target.upstream_model}: is not in the catalog"


def _at_chutes(target: Target, providers: Mapping[str, Provider]) -> bool:
    provider = providers.get(target.provider_id)
    return provider is not None and provider.type == ProviderType.CHUTES


def _is_live(model: CatalogModel) -> bool:
    """Whether more than the snapshot that ships with the gateway lists it."""
    return any(origin != SNAPSHOT for origin in model.origins)
