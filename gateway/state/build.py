"""Builds the snapshot from settings and the local engines. Called at start, and by whatever changes either."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from gateway.access.keys import Caller, digest
from gateway.catalog.catalog import Catalog
from gateway.errors import ConfigError, ModelNotFound
from gateway.openai_api.confidentiality import rule_of
from gateway.providers.base import Provider
from gateway.providers.engines import EngineBoard, EngineStatus
from gateway.routing.resolve import resolve
from gateway.routing.types import Route, Target
from gateway.settings import ModelConfig, Settings
from gateway.state.callers import GLOBAL, Resets, file_callers, limiting, limits_of, master_caller
from gateway.state.catalog_routes import (
    catalog_routes,
    chute_aliases,
    chutes_provider,
    created_at_chutes,
    gone,
    guarded,
    lists_chutes,
)
from gateway.state.hosts import check_hosts
from gateway.state.providers import engine_providers, remote_providers
from gateway.state.routes import configured_route, engine_routes, joined, provider_routes
from gateway.state.snapshot import Snapshot
from gateway.usage.price_facts import configured_prices
from gateway.usage.pricing import PriceBook, blended
from gateway.usage.types import Price

_NOBODY: Mapping[bytes, Caller] = {}
_NONE: Resets = {}
_NO_TIMES: Mapping[str, float] = {}


def build_snapshot(
    settings: Settings,
    engines: EngineBoard,
    master_key: str | None,
    revision: int = 0,
    *,
    callers: Mapping[bytes, Caller] = _NOBODY,
    facts: Iterable[Price] = (),
    catalog: Catalog | None = None,
    resets: Resets = _NONE,
    created: Mapping[str, float] = _NO_TIMES,
) -> Snapshot:
    """`revision` is that of the database; 0: nothing of it is in the settings. `callers` are those of the database;
    `master_key` is None where they hold that of the master key. `facts` are prices that were told before, by the
    catalog or by earlier configurations; `catalog` is what Chutes serves now; `resets` are of keys of the file and of
    everybody together; `created` is when models of the database were made, in seconds since 1970.

    Raises ConfigError naming the key of whatever cannot work.
    """
    statuses = {status.name: status for status in engines.statuses()}
    providers = _providers(settings, statuses)
    check_hosts(settings)
    routes = _configured(settings, statuses, providers)
    if revision == 0:
        _check_aliases(settings, routes)
    made = {name: int(at) for name, at in created.items()}
    if catalog is not None:
        routes = dict(_looked_up(routes, catalog, providers, settings))
        made |= created_at_chutes(routes.values(), catalog, providers)
    prices = PriceBook(facts, configured_prices(settings, time.time()), free=statuses)
    routes = {name: _priced(route, prices) for name, route in routes.items()}
    snapshot = Snapshot(
        revision,
        providers,
        routes,
        {alias: route.id for route in routes.values() for alias in route.aliases if alias not in routes},
        _callers(settings, callers, resets, master_key),
        settings.default_model,
        chute_aliases(catalog) if catalog is not None else {},
        drained=frozenset(drained_target(name) for name in settings.drained_targets),
        limits=limiting(limits_of(GLOBAL, {**settings.limits.model_dump(), **resets.get(GLOBAL, {})})),
        ip_rpm=settings.ip_rpm,
        prices=prices,
        since=int(settings.written_at),
        created=made,
        rule=rule_of(settings.confidentiality.tee, settings.confidentiality.data, "the settings"),
    )
    _check_defaults(snapshot, settings)
    return snapshot


def _providers(settings: Settings, statuses: Mapping[str, EngineStatus]) -> dict[str, Provider]:
    """Those of the settings and the engines, which cannot have the same name."""
    providers = remote_providers(settings)
    if clash := statuses.keys() & providers.keys():
        raise ConfigError(f"{settings.place('providers', min(clash))}: an engine has the same name; rename one of them")
    return providers | engine_providers(statuses.values())


def _callers(
    settings: Settings, stored: Mapping[bytes, Caller], resets: Resets, master_key: str | None
) -> dict[bytes, Caller]:
    """Those of the database, of the file and the master key."""
    master = {digest(master_key): master_caller()} if master_key else {}
    return {**stored, **file_callers(settings, resets), **master}


def drained_target(name: str) -> tuple[str, str]:
    """`chutes/Qwen/Qwen3-32B` is `Qwen/Qwen3-32B` of the provider `chutes`."""
    provider, _, model = name.partition("/")
    return provider, model


def _configured(
    settings: Settings, statuses: Mapping[str, EngineStatus], providers: Mapping[str, Provider]
) -> dict[str, Route]:
    """The routes of engines, of what providers list, and of `models`."""
    routes: dict[str, Route] = {}
    for route in (*engine_routes(settings, statuses.values()), *provider_routes(settings, providers)):
        routes[route.id] = joined(routes[route.id], route) if route.id in routes else route
    for name, model in settings.models.items():
        if model.enabled:
            routes[name] = configured_route(name, model, routes, statuses, settings)
        else:
            routes.pop(name, None)
    for route in routes.values():
        _check_route(route, routes, providers, settings)
    return routes


def _looked_up(
    routes: Mapping[str, Route], catalog: Catalog, providers: Mapping[str, Provider], settings: Settings
) -> Iterator[tuple[str, Route]]:
    """The configured routes as the catalog lets them be, then those of its models that nobody configured."""
    is_live = lists_chutes(catalog)
    for name, route in routes.items():
        config = settings.models.get(name)
        fitting = guarded(route, config, catalog, providers) if config else route
        missing = gone(route, catalog, providers) if is_live else ()
        yield name, replace(fitting, notes=(*fitting.notes, *missing)) if missing else fitting
    provider = chutes_provider(providers)
    if provider is not None and settings.catalog.auto_route:
        switched_off = (name for name, model in settings.models.items() if not model.enabled)
        taken = {*routes, *(alias for route in routes.values() for alias in route.aliases), *switched_off}
        for route in catalog_routes(catalog, provider, taken, settings):
            yield route.id, route


def _priced(route: Route, prices: PriceBook) -> Route:
    """Targets without a price of their own get that of the price book."""
    if all(target.price is not None for target in route.targets):
        return route
    found = [prices.at(target.provider_id, target.upstream_model) for target in route.targets]
    if not any(found):
        return route
    targets = tuple(
        replace(target, price=blended(price)) if price and target.price is None else target
        for target, price in zip(route.targets, found, strict=True)
    )
    return replace(route, targets=targets)


def _check_defaults(snapshot: Snapshot, settings: Settings) -> None:
    for name in snapshot.defaults:
        try:
            resolve(name, snapshot)
        except ModelNotFound:
            raise ConfigError(f"{settings.place('default_model')}: there is no model '{name}'") from None


def _check_route(
    route: Route, routes: Mapping[str, Route], providers: Mapping[str, Provider], settings: Settings
) -> None:
    for target in route.targets:
        if target.provider_id not in providers:
            place = _place_of(target, route, settings)
            raise ConfigError(f"{place}: {_missing(target.provider_id, settings.models.get(route.id))}")
    if route.context_fallback and route.context_fallback not in routes:
        place = settings.place("models", route.id)
        raise ConfigError(f"{place}.context_fallback: there is no model '{route.context_fallback}'")


def _missing(name: str, model: ModelConfig | None) -> str:
    if model and name in (model.engine, *(target.engine for target in model.targets)):
        return (
            f"no engine '{name}' is started (`gateway serve` starts engines only where ENGINES=auto is set,"
            " or `engines` in the file names them)"
        )
    return f"there is no provider or engine '{name}'"


def _place_of(target: Target, route: Route, settings: Settings) -> str:
    """Where a target is written: a route may have it from the fallbacks of its engine or provider."""
    of_providers = {name: provider.fallbacks for name, provider in settings.providers.items()}
    for block, fallbacks in (("engines", settings.engine_fallbacks), ("providers", of_providers)):
        for name, listed in fallbacks.items():
            for n, one in enumerate(listed):
                if (one.provider, one.model) == (target.provider_id, target.upstream_model):
                    return settings.place(block, name, "fallbacks", n)
    return settings.place("models", route.id)


def _check_aliases(settings: Settings, routes: Mapping[str, Route]) -> None:
    """Raises ConfigError for an alias that is another model's name or alias too. Of what the database holds the
    administration refuses it: several instances may have written what clashes, and all must go on."""
    owners: dict[str, str] = {}
    for name, model in settings.models.items():
        for n, alias in enumerate(model.aliases if model.enabled else ()):
            place = settings.place("models", name, "aliases", n)
            if alias in routes and alias != name:
                raise ConfigError(
                    f"{place}: '{alias}' is the name of another model, which would get its calls"
                    " (take the alias out, or rename or remove that model)"
                )
            if (owner := owners.setdefault(alias, name)) != name:
                raise ConfigError(f"{place}: '{alias}' is an alias of '{owner}' already (leave it at one of them)")
