"""Public model names: what the database says of them, over what the file, the providers and the engines offer."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.admin.directory import Directory
from gateway.admin.documents import ModelDocument
from gateway.admin.kinds import Dependent, Written, kept, stored
from gateway.admin.views import ModelView, TargetView
from gateway.errors import InvalidRequest
from gateway.providers.base import ProviderType
from gateway.routing.types import Route, Target
from gateway.settings import Fallback, ModelConfig, TargetConfig
from gateway.state import Snapshot
from gateway.store.records import Put, Resource

_FROM_CONFIG = (
    "sticky",
    "audio",
    "default_max_tokens",
    "max_tokens",
    "min_quantization",
    "max_price",
    "min_context",
    "tee",
    "data",
)
"""Fields that only a configured model has."""


class Models:
    resource, noun = Resource.MODELS, "model"

    def written(self, document: ModelDocument, id: str, directory: Directory) -> Written:
        return Written(Put(self.resource, id or document.id, kept(document, {"id"})), {})

    def summaries(self, directory: Directory) -> Iterable[Mapping[str, Any]]:
        for route in directory.snapshot.routes.values():
            first = route.targets[0]
            yield {
                "id": route.id,
                "name": route.name or route.id,
                "type": route.type or "",
                "enabled": True,
                "provider_id": first.provider_id,
                "upstream_model": first.upstream_model,
                "policy": route.policy,
            }
        for id, config in directory.settings.models.items():
            if not config.enabled:
                yield {"id": id, "name": config.name or id, "type": config.type or "", "enabled": False}

    def view(self, id: str, directory: Directory) -> ModelView | None:
        config = directory.settings.models.get(id)
        route = directory.snapshot.routes.get(id)
        if route is not None:
            fields = _routed(route, directory.snapshot)
        elif config is not None:
            fields = _off(id, config, directory.snapshot)
        else:
            return None
        settings = config.model_dump(mode="json") if config else {}
        record = directory.table(self.resource).get(id)
        return ModelView.model_validate(
            {"fallbacks": settings.get("fallbacks", []), "spill": settings.get("spill"), "hedge": settings.get("hedge")}
            | {name: settings[name] for name in _FROM_CONFIG if name in settings}
            | fields
            | stored(record)
            | {"id": id, "origin": _origin(id, config, route, directory)}
        )

    def dependents(self, id: str, directory: Directory) -> list[Dependent]:
        """Models of the database that fall back on this one."""
        found = []
        for record in directory.table(Resource.MODELS).values():
            document = record.document
            fallbacks = [name for name in document.get("fallbacks", []) if name != id]
            context = document.get("context_fallback", "")
            if record.id != id and (len(fallbacks) < len(document.get("fallbacks", [])) or context == id):
                left = {**document, "fallbacks": fallbacks, "context_fallback": "" if context == id else context}
                put = Put(Resource.MODELS, record.id, {name: value for name, value in left.items() if value})
                found.append(Dependent(Resource.MODELS, record.id, "loses its fallback to it", put))
        return found


def _routed(route: Route, snapshot: Snapshot) -> dict[str, Any]:
    targets = [_target(target, snapshot) for target in route.targets]
    return {
        "name": route.name or route.id,
        "type": route.type,
        "enabled": True,
        "provider_id": targets[0].provider_id,
        "upstream_model": targets[0].upstream_model,
        "targets": targets,
        "policy": route.policy,
        "stream_policy": route.stream_policy,
        "context_fallback": route.context_fallback,
        "supports_image_upload": route.supports_images,
        "aliases": list(route.aliases),
        "demo": route.demo,
        "blocked": route.blocked,
        "notes": list(route.notes),
    }


def _off(id: str, config: ModelConfig, snapshot: Snapshot) -> dict[str, Any]:
    """A model that is switched off has no route: its configuration is all there is, its targets as they would be."""
    targets = [_written(target) for target in config.targets]
    if config.provider or config.engine:
        targets.append(
            TargetView(
                provider_id=config.provider or config.engine,
                upstream_model=config.model,
                engine=config.engine,
                base_url=config.base_url,
            )
        )
    for fallback in config.fallbacks:
        last = max((target.priority for target in targets), default=-1)
        targets += _stand_ins(fallback, last + 1, snapshot)
    return {
        "name": config.name or id,
        "type": config.type,
        "enabled": False,
        "provider_id": targets[0].provider_id if targets else "",
        "upstream_model": targets[0].upstream_model if targets else "",
        "targets": targets,
        "policy": config.policy,
        "stream_policy": config.stream_policy or "",
        "context_fallback": config.context_fallback,
        "supports_image_upload": config.supports_image_upload,
        "aliases": list(config.aliases),
    }


def _written(target: TargetConfig) -> TargetView:
    return TargetView(
        provider_id=target.provider or target.engine,
        upstream_model=target.model,
        engine=target.engine,
        priority=target.priority,
        weight=target.weight,
        base_url=target.base_url,
        price=target.price,
        prefill=target.prefill,
        tee=target.tee,
        supports=dict(target.supports),
    )


def _stand_ins(fallback: str | Fallback, priority: int, snapshot: Snapshot) -> list[TargetView]:
    """Of a model that is off itself: none."""
    if isinstance(fallback, Fallback):
        view = TargetView(
            provider_id=fallback.provider,
            upstream_model=fallback.model,
            priority=priority,
            base_url=fallback.base_url,
            prefill=fallback.prefill,
            tee=fallback.tee,
        )
        return [view]
    route = snapshot.routes.get(fallback)
    found = [_target(target, snapshot) for target in route.targets] if route else []
    return [view.model_copy(update={"priority": priority + view.priority}) for view in found]


def _target(target: Target, snapshot: Snapshot) -> TargetView:
    provider = snapshot.providers[target.provider_id]
    return TargetView(
        provider_id=target.provider_id,
        upstream_model=target.upstream_model,
        engine=provider.id if provider.type == ProviderType.LOCAL else "",
        priority=target.priority,
        weight=target.weight,
        base_url=target.base_url,
        price=target.price,
        prefill=target.prefill,
        tee=target.tee,
        supports=dict.fromkeys(target.supports, True) | dict.fromkeys(target.lacks, False),
    )


def _origin(id: str, config: ModelConfig | None, route: Route | None, directory: Directory) -> str:
    if config is not None or route is None:
        return directory.origin(Resource.MODELS, id)
    provider = directory.snapshot.providers[route.targets[0].provider_id]
    if provider.type == ProviderType.LOCAL:
        return f"engine {provider.id}"
    listed = directory.settings.providers.get(provider.id)
    return f"provider {provider.id}" if listed and listed.models else "catalog"


def refuse_clashes(before: Directory, after: Directory) -> None:
    """Raises InvalidRequest for a configured alias that a change makes, or lets become, another model's too."""
    for alias, owner, other in sorted(_clashes(after) - _clashes(before)):
        named = "the name" if alias == other else "already an alias"
        raise InvalidRequest(
            f"'{alias}' cannot be an alias of the model '{owner}': it is {named} of the model '{other}'.",
            param="aliases",
        )


def _clashes(directory: Directory) -> set[tuple[str, str, str]]:
    """Alias, the model it is written at, and the model that has it as its name or its alias."""
    found, owners = set(), dict[str, str]()
    for id, model in directory.settings.models.items():
        for alias in model.aliases if model.enabled else ():
            other = alias if alias in directory.snapshot.routes else owners.setdefault(alias, id)
            if other != id:
                found.add((alias, id, other))
    return found
