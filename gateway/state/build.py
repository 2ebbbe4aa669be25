"""Builds the snapshot from settings and the local engines. Called at start, and by whatever changes either."""

from collections.abc import Iterable, Mapping

from gateway.access.keys import Caller, digest
from gateway.errors import ConfigError, ModelNotFound
from gateway.providers.base import Provider
from gateway.providers.engines import EngineBoard
from gateway.routing.resolve import resolve
from gateway.routing.types import Route
from gateway.settings import Settings
from gateway.state.providers import engine_providers, remote_providers
from gateway.state.routes import configured_route, engine_routes, joined, provider_routes
from gateway.state.snapshot import Snapshot


def build_snapshot(settings: Settings, engines: EngineBoard, master_key: str, revision: int = 1) -> Snapshot:
    """Raises ConfigError naming the key of whatever cannot work."""
    statuses = {status.name: status for status in engines.statuses()}
    providers = remote_providers(settings)
    if clash := statuses.keys() & providers.keys():
        raise ConfigError(f"{settings.place('providers', min(clash))}: an engine has the same name; rename one of them")
    providers |= engine_providers(statuses.values())
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
    aliases = {alias: route.id for route in routes.values() for alias in route.aliases if alias not in routes}
    snapshot = Snapshot(
        revision, providers, routes, aliases, dict(_callers(settings, master_key)), settings.default_model
    )
    _check_defaults(snapshot, settings)
    return snapshot


def _callers(settings: Settings, master_key: str) -> Iterable[tuple[bytes, Caller]]:
    for n, key in enumerate(settings.keys, 1):
        if key.enabled:
            name, policy = key.name or f"key {n}", key.stream_policy or ""
            caller = Caller(name, False, key.allowed_models, key.allowed_operations, policy)
            yield digest(key.key.get_secret_value()), caller
    yield digest(master_key), Caller("master", is_master=True)


def _check_defaults(snapshot: Snapshot, settings: Settings) -> None:
    for name in snapshot.defaults:
        try:
            resolve(name, snapshot)
        except ModelNotFound:
            raise ConfigError(f"{settings.place('default_model')}: there is no model '{name}'") from None


def _check_route(
    route: Route, routes: Mapping[str, Route], providers: Mapping[str, Provider], settings: Settings
) -> None:
    place = settings.place("models", route.id)
    for target in route.targets:
        if target.provider_id not in providers:
            raise ConfigError(f"{place}: there is no provider or engine '{target.provider_id}'")
    if route.context_fallback and route.context_fallback not in routes:
        raise ConfigError(f"{place}.context_fallback: there is no model '{route.context_fallback}'")
