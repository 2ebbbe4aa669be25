"""Finds the route of the model name a caller sent. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from gateway.errors import InvalidRequest, ModelNotFound, ProviderNotConfigured
from gateway.openai_api.operations import ModelType, Operation
from gateway.providers.base import Provider
from gateway.routing.types import Policy, Route, Target

_SUFFIXES = {"latency": Policy.LOWEST_LATENCY, "throughput": Policy.HIGHEST_THROUGHPUT}


def resolve(
    model: str, routes: Mapping[str, Route], aliases: Mapping[str, str], providers: Mapping[str, Provider]
) -> Route:
    """An exact name, an alias, `provider/model`, which needs no configuration beyond the provider, or a list of
    these with an optional `:latency` or `:throughput`, as Chutes' own gateway takes it: `a,b,c:latency`.

    Raises ModelNotFound; the caller adds the closest names (`suggest`) that this key may know of.
    """
    if route := routes.get(model) or routes.get(aliases.get(model, "")):
        return route
    prefix, _, rest = model.partition("/")
    provider = providers.get(prefix)
    if rest and provider and provider.enabled:
        return _through(provider, rest, routes.get(rest)) or Route(id=model, targets=(Target(provider.id, rest),))
    names, policy = _list_of(model)
    if policy or len(names) > 1:
        return _listed(model, [resolve(name, routes, aliases, providers) for name in names], policy)
    raise ModelNotFound(f"The model '{model}' does not exist.", param="model")


def _list_of(model: str) -> tuple[list[str], Policy | None]:
    names, _, suffix = model.rpartition(":")
    policy = _SUFFIXES.get(suffix) if names else None
    return [name.strip() for name in (names if policy else model).split(",") if name.strip()], policy


def _listed(model: str, parts: list[Route], policy: Policy | None) -> Route:
    """One after the other; with a policy all are equal, and what was measured decides."""
    targets = tuple(
        replace(target, priority=0 if policy else 1000 * n + target.priority)
        for n, part in enumerate(parts)
        for target in part.targets
    )
    first = parts[0]
    return replace(
        first,
        id=model,
        targets=targets,
        policy=policy or Policy.ORDERED,
        type=first.type if len({part.type for part in parts}) == 1 else None,
        parts=tuple(part.id for part in parts),
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
    """Raises ProviderNotConfigured when no target of the route has an enabled provider."""
    if not any((provider := providers.get(target.provider_id)) and provider.enabled for target in route.targets):
        raise ProviderNotConfigured(f"No provider is configured for the model '{route.id}'.", param="model")
