"""Finds the route of the model name a caller sent. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Protocol

from gateway.errors import InvalidRequest, ModelNotFound, ProviderNotConfigured
from gateway.openai_api.confidentiality import strictest
from gateway.openai_api.operations import ModelType, Operation
from gateway.providers.base import Provider, ProviderType
from gateway.providers.chutes_hosts import for_all_models
from gateway.routing.thinking import SUFFIX
from gateway.routing.types import Policy, Route, Target

DEFAULT = "default"
"""Chutes' word for whatever model is set."""

_POLICIES = {":latency": Policy.LOWEST_LATENCY, ":throughput": Policy.HIGHEST_THROUGHPUT}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Names(Protocol):
    """What names can lead to. The snapshot is one."""

    @property
    def routes(self) -> Mapping[str, Route]: ...

    @property
    def aliases(self) -> Mapping[str, str]: ...

    @property
    def providers(self) -> Mapping[str, Provider]: ...

    @property
    def defaults(self) -> Sequence[str]:
        """The models that `default` means, each for its type."""
        ...

    def resolve_alias(self, name: str) -> Sequence[str]:
        """The models at Chutes that a slug, a chute's UUID or an alias of its users stands for, best first; empty where
        nothing is known of it."""
        ...


def resolve(model: str, names: Names, operation: Operation | None = None) -> Route:
    """An exact name, an alias, `default`, a chute's UUID or slug, `provider/model`, which needs no configuration beyond
    the provider, or a list of these; behind it `:latency`, `:throughput` or `:THINKING`, as Chutes' own gateway takes
    them: `a,b,c:latency`. `operation` chooses among the defaults.

    Raises ModelNotFound; the caller adds the closest names (`suggest`) that this key may know of.
    """
    if route := names.routes.get(model) or names.routes.get(names.aliases.get(model, "")):
        return route
    parts, policy, thinking = _wishes(model)
    if parts == [model]:
        return _single(model, names, operation)
    if not parts:
        raise _not_found(model)
    found = [resolve(part, names, operation) for part in parts]
    route = found[0] if len(found) == 1 and policy is None else _listed(model, found, policy)
    if thinking:
        route = replace(route, targets=tuple(replace(target, thinking=True) for target in route.targets))
    return route


def _single(model: str, names: Names, operation: Operation | None) -> Route:
    if model == DEFAULT and names.defaults:
        return _default(names, operation)
    prefix, _, rest = model.partition("/")
    provider = names.providers.get(prefix)
    if provider is None or not provider.enabled or not rest:
        chutes = for_all_models(p for p in names.providers.values() if p.type == ProviderType.CHUTES and p.enabled)
        route = _at_chutes(chutes, model, names) if chutes is not None else None
        if route is None:
            raise _not_found(model)
        return route
    if route := _through(provider, rest, names.routes.get(rest)):
        return route
    known = _at_chutes(provider, rest, names) if provider.type == ProviderType.CHUTES else None
    return known or Route(id=model, targets=(Target(provider.id, rest),))


def _default(names: Names, operation: Operation | None) -> Route:
    """The first of the defaults that fits the endpoint, else the first, of which is then said why it does not."""
    found = [resolve(name, names, operation) for name in names.defaults if name != DEFAULT]
    if not found:
        raise _not_found(DEFAULT)
    types = None if operation is None else {None, *operation.model_types}
    return next((route for route in found if types is None or route.type in types), found[0])


def _at_chutes(provider: Provider, name: str, names: Names) -> Route | None:
    """What Chutes calls by another name than the model's. A UUID is passed on: its shared host knows them all."""
    models = names.resolve_alias(name) or ([name.lower()] if _UUID.fullmatch(name) else [])
    targets = tuple(Target(provider.id, model, priority) for priority, model in enumerate(models))
    return Route(id=f"{provider.id}/{name}", targets=targets) if targets else None


def _not_found(model: str) -> ModelNotFound:
    return ModelNotFound(f"The model '{model}' does not exist.", param="model")


def _wishes(model: str) -> tuple[list[str], Policy | None, bool]:
    """The names of a list, and what stands behind it. A name before it is never empty."""
    policy, thinking = None, False
    while True:
        suffix = next((s for s in (*_POLICIES, SUFFIX) if model.endswith(s) and len(model) > len(s)), "")
        if not suffix:
            return [name.strip() for name in model.split(",") if name.strip()], policy, thinking
        model = model.removesuffix(suffix)
        policy, thinking = policy or _POLICIES.get(suffix), thinking or suffix == SUFFIX


def _listed(model: str, parts: list[Route], policy: Policy | None) -> Route:
    """One after the other; with a policy all are equal, and what was measured decides. A target that several parts
    lead to stands where the first of them has it."""
    targets: dict[tuple[str, str, str, bool], Target] = {}
    for n, part in enumerate(parts):
        for target in part.targets:
            place = (target.provider_id, target.upstream_model, target.base_url, target.thinking)
            targets.setdefault(place, replace(target, priority=0 if policy else 1000 * n + target.priority))
    first = parts[0]
    return replace(
        first,
        id=model,
        targets=tuple(targets.values()),
        policy=policy or Policy.ORDERED,
        type=first.type if len({part.type for part in parts}) == 1 else None,
        parts=tuple(name for part in parts for name in part.parts or (part.id,)),
        rule=strictest(*(part.rule for part in parts)),
    )


def _through(provider: Provider, model: str, route: Route | None) -> Route | None:
    """The configured route with the named provider's target in front; None where it has no such target."""
    own = [target for target in route.targets if target.provider_id == provider.id] if route else []
    if route is None or not own:
        return None
    others = [replace(t, priority=t.priority + own[0].priority + 1) for t in route.targets if t not in own]
    return replace(route, targets=(*own, *others), policy=Policy.ORDERED)


def suggest(model: str, known: Iterable[str]) -> str:
    """A sentence with the closest names, empty if none is close."""
    by_lower = {name.lower(): name for name in known}
    short = {name.rpartition("/")[2]: name for name in by_lower}
    wanted = model.lower()
    close = get_close_matches(wanted, by_lower, n=3, cutoff=0.6)
    close += [short[name] for name in get_close_matches(wanted.rpartition("/")[2], short, n=3, cutoff=0.75)]
    names = list(dict.fromkeys(by_lower[name] for name in close))[:3]
    return f" Did you mean {' or '.join(repr(name) for name in names)}?" if names else ""


def check_type(route: Route, operation: Operation) -> None:
    """Raises InvalidRequest when a model of a declared type is asked for what it cannot do."""
    if route.type is None or route.type in operation.model_types:
        return
    needed = " or ".join(sorted(operation.model_types - {ModelType.CHAT})) or ModelType.CHAT
    article = "an" if route.type[0] in "aeiou" or route.type is ModelType.OCR else "a"
    raise InvalidRequest(
        f"The model '{route.id}' is {article} {route.type} model; {operation.path} needs a model of type {needed}.",
        param="model",
        code="invalid_model_type",
    )


def check_targets(route: Route, providers: Mapping[str, Provider]) -> None:
    """Raises ProviderNotConfigured when no target of the route has an enabled provider, or none is what the model
    demands."""
    if route.blocked:
        raise ProviderNotConfigured(f"The model '{route.id}' may not be used now: {route.blocked}.", param="model")
    for target in route.targets:
        if (provider := providers.get(target.provider_id)) is not None and provider.enabled:
            return
    raise ProviderNotConfigured(f"No provider is configured for the model '{route.id}'.", param="model")
