"""Routes of the snapshot: from the engines, from what providers list, and from the `models` of the configuration."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from gateway.errors import ConfigError
from gateway.openai_api.confidentiality import rule_of
from gateway.openai_api.features import Feature
from gateway.openai_api.operations import ModelType
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes_hosts import is_shared
from gateway.providers.engines import EngineStatus
from gateway.routing.types import Hedge, Policy, Route, Spill, Splitting, Sticky, StreamPolicy, Target
from gateway.settings import Fallback, ModelConfig, ModelEntry, ProviderConfig, Settings, TargetConfig

_ROLES = ("primary", "fallback")
_LACKED_BY_RUNTIME = {"transformers": frozenset({Feature.IMAGES, Feature.JSON_SCHEMA})}
"""What an engine's program cannot do, whatever its model."""


def engine_routes(settings: Settings, statuses: Iterable[EngineStatus]) -> Iterator[Route]:
    """An engine's model under its public name, and under the engine's name as an alias."""
    for status in statuses:
        goes_on = "continue_final_message" if status.runtime == "vllm" else ""
        lacks = _LACKED_BY_RUNTIME.get(status.runtime, frozenset())
        first = Target(status.name, status.upstream_model, prefill=goes_on, lacks=lacks)
        yield Route(
            id=status.model,
            targets=(first, *_fallbacks(settings.engine_fallbacks.get(status.name, ()))),
            type=ModelType(status.kind),
            aliases=(status.name,),
            stream_policy=StreamPolicy(settings.stream_policy),
            demo=status.demo,
        )


def provider_routes(settings: Settings, providers: Mapping[str, Provider]) -> Iterator[Route]:
    """The provider's own fallbacks stand in for its chat models; what is declared as another type has none."""
    for name, config in settings.providers.items():
        spare = [
            Fallback(provider=name, model=entry.id, base_url=entry.base_url, tee=entry.tee) for entry in _spare(config)
        ]
        stand_ins = tuple(_fallbacks((*spare, *config.fallbacks)))
        for entry, kind in _offered(name, config, settings):
            host = entry.base_url or _own_host(providers[name])
            first = Target(name, entry.id, base_url=host, tee=entry.tee)
            fallbacks = stand_ins if kind in (None, ModelType.CHAT) else ()
            policy = StreamPolicy(settings.stream_policy)
            yield Route(id=entry.name or entry.id, targets=(first, *fallbacks), type=kind, stream_policy=policy)


def joined(first: Route, second: Route) -> Route:
    """The same model offered twice: the later offer stands in for the earlier."""
    last = max(target.priority for target in first.targets)
    more = tuple(replace(target, priority=last + 1 + target.priority) for target in second.targets)
    return replace(first, targets=first.targets + more, type=first.type or second.type)


def configured_route(
    name: str,
    model: ModelConfig,
    routes: Mapping[str, Route],
    engines: Mapping[str, EngineStatus],
    settings: Settings,
) -> Route:
    """The route of a `models` entry. What the entry leaves out is taken from a route of the same name."""
    known = routes.get(name)
    targets = list(_targets(name, model, engines, settings)) or (list(known.targets) if known else [])
    if not targets:
        raise ConfigError(f"{settings.place('models', name)}: needs targets, or provider and model, or an engine")
    for fallback in model.fallbacks:
        last = max(target.priority for target in targets)
        targets += _stand_ins(f"{settings.place('models', name)}.fallbacks", fallback, routes, last + 1)
    engine = engines.get(targets[0].provider_id)
    kind = model.type or (known.type if known else None) or (engine.kind if engine else None)
    return Route(
        id=name,
        targets=tuple(targets),
        name=model.name,
        type=ModelType(kind) if kind else None,
        policy=Policy(model.policy),
        stream_policy=StreamPolicy(model.stream_policy or settings.stream_policy),
        context_fallback=model.context_fallback,
        default_max_tokens=model.default_max_tokens,
        max_tokens=model.max_tokens,
        sticky=Sticky(model.sticky),
        spill=Spill(**model.spill.model_dump()) if model.spill else None,
        hedge=_hedge(name, model),
        splitting=_splitting(model, settings),
        aliases=model.aliases or (known.aliases if known else ()),
        supports_images=model.supports_image_upload,
        demo=known.demo if known else bool(engine and engine.demo),
        rule=rule_of(model.tee, model.data, f"the model '{name}'"),
    )


def _hedge(name: str, model: ModelConfig) -> Hedge | None:
    if model.hedge is None:
        return None
    after = None if model.hedge.after == "p95" else model.hedge.after
    return Hedge(name, after, model.hedge.max_share)


def _splitting(model: ModelConfig, settings: Settings) -> Splitting | None:
    if model.audio is None:
        return None
    audio = settings.audio.model_copy(update=model.audio.model_dump(exclude_none=True))
    return Splitting(audio.split_seconds, audio.parallel, audio.spread)


def _fallbacks(fallbacks: Iterable[Fallback]) -> Iterator[Target]:
    for n, fallback in enumerate(fallbacks, 1):
        yield _stand_in(fallback, n)


def _stand_in(fallback: Fallback, priority: int) -> Target:
    prefill, tee = fallback.prefill, fallback.tee
    return Target(fallback.provider, fallback.model, priority, base_url=fallback.base_url, prefill=prefill, tee=tee)


def _spare(config: ProviderConfig) -> list[ModelEntry]:
    return [config.models["fallback"]] if isinstance(config.models, dict) and "fallback" in config.models else []


def _offered(name: str, config: ProviderConfig, settings: Settings) -> Iterator[tuple[ModelEntry, ModelType | None]]:
    """The models to make routes of, with the type that the entry or its role declares."""
    if not isinstance(config.models, dict):
        for entry in config.models:
            yield entry, ModelType(entry.type) if entry.type else None
        return
    for role, entry in config.models.items():
        if role not in _ROLES and role not in list(ModelType):
            known = ", ".join([*_ROLES, *ModelType])
            raise ConfigError(f"{settings.place('providers', name, 'models', role)}: is not a role (known: {known})")
        if role != "fallback":
            kind = entry.type or (role if role not in _ROLES else None)
            yield entry, ModelType(kind) if kind else None


def _own_host(provider: Provider) -> str:
    """The base URL of a chute's own host, which serves just that chute; empty for hosts that many models share."""
    return "" if provider.type is not ProviderType.CHUTES or is_shared(provider.base_url) else provider.base_url


def _targets(
    name: str, model: ModelConfig, engines: Mapping[str, EngineStatus], settings: Settings
) -> Iterator[Target]:
    if model.targets and (model.provider or model.engine):
        raise ConfigError(f"{settings.place('models', name)}: give either targets, or provider and model, or an engine")
    for n, target in enumerate(model.targets):
        if bool(target.engine) == bool(target.provider):
            place = settings.place("models", name, "targets", n)
            raise ConfigError(f"{place}: give either an engine, or a provider and a model")
        yield _target(target, target.model or _served_as(target.engine, engines) or name, engines)
    if model.engine or model.provider:
        upstream = model.model or _served_as(model.engine, engines) or name
        lacks = _lacked_by(model.engine, engines)
        yield Target(model.engine or model.provider, upstream, base_url=model.base_url, lacks=lacks)


def _target(target: TargetConfig, upstream: str, engines: Mapping[str, EngineStatus]) -> Target:
    said = {Feature(name): can for name, can in target.supports.items()}
    unsaid = _lacked_by(target.engine, engines).difference(said)
    return Target(
        target.engine or target.provider,
        upstream,
        target.priority,
        target.weight,
        target.base_url,
        target.price,
        target.prefill,
        frozenset(name for name, can in said.items() if can),
        unsaid | {name for name, can in said.items() if not can},
        tee=target.tee,
    )


def _lacked_by(engine: str, engines: Mapping[str, EngineStatus]) -> frozenset[Feature]:
    return _LACKED_BY_RUNTIME.get(engines[engine].runtime if engine in engines else "", frozenset())


def _served_as(engine: str, engines: Mapping[str, EngineStatus]) -> str:
    return engines[engine].upstream_model if engine in engines else ""


def _stand_ins(place: str, fallback: str | Fallback, routes: Mapping[str, Route], priority: int) -> list[Target]:
    if isinstance(fallback, Fallback):
        return [_stand_in(fallback, priority)]
    if fallback not in routes:
        raise ConfigError(f"{place}: there is no model '{fallback}' (declare it above this one)")
    return [replace(target, priority=priority + target.priority) for target in routes[fallback].targets]
