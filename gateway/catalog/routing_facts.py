"""What routing needs of the catalog: where a model is served, by which dialect, at which price. Pure; for the builder
of the snapshot, which makes routes of it, and for refusals that name what would be right."""

from dataclasses import dataclass

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import CHUTES, LOCAL, PriceKind
from gateway.catalog.fields import LLM
from gateway.catalog.model import CatalogModel
from gateway.catalog.names import closest
from gateway.openai_api.operations import OCR, ModelType, Operation
from gateway.providers.base import ProviderType

_INPUT_WEIGHT = 3
"""Input tokens for one of output, as `Target.price` counts."""


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """`provider_id` is `chutes` or a configured provider. `base_url` empty: the provider's own.
    `price` is USD per 1 M tokens, three of input for one of output."""

    id: str
    type: ModelType
    provider_id: str
    upstream_model: str
    base_url: str
    kind: ProviderType
    price: float | None


def route_facts(model: CatalogModel) -> RouteFacts | None:
    """None for a model that no endpoint of the gateway can ask, and for engines, which have routes of their own."""
    if model.type is None or model.gateway == LOCAL:
        return None
    kind = ProviderType.CHUTES if model.gateway == CHUTES else ProviderType.OPENAI
    base_url = _own_host(model) if kind is ProviderType.CHUTES else ""
    return RouteFacts(model.id, model.type, model.gateway, model.upstream_id, base_url, kind, blended_price(model))


def blended_price(model: CatalogModel) -> float | None:
    taken, given = model.usd(PriceKind.INPUT), model.usd(PriceKind.OUTPUT)
    if taken is None or given is None:
        return taken if given is None else given
    return (_INPUT_WEIGHT * taken + given) / (_INPUT_WEIGHT + 1)


def _own_host(model: CatalogModel) -> str:
    """Chat models that the shared host lists are served there; everything else on the host of its chute."""
    if LLM in model.origins or (model.type is ModelType.CHAT and not model.slug):
        return ""
    return model.base_url or (f"https://{model.slug}.chutes.ai" if model.slug else "")


def closest_names(catalog: Catalog, name: str, limit: int = 3) -> list[str]:
    """Ids of the catalog that somebody may have meant, best first."""
    return closest(name, catalog.by_id, limit)


def operation_mismatch(model: CatalogModel, operation: Operation) -> str:
    """Why the operation cannot be asked of the model, empty when it can."""
    if model.type is not None and model.type in operation.model_types:
        blind = operation is OCR and model.type is ModelType.CHAT and "image" not in model.input_modalities
        return f"The model '{model.id}' takes no images; {operation.path} needs one that does." if blind else ""
    needed = " or ".join(sorted(operation.model_types))
    article = "an" if (model.type or "").startswith(("e", "i", "o")) else "a"
    what = f"of the kind {model.model_type}, for which there is no endpoint"
    if model.type:
        what = f"{article} {model.type} model"
    return f"The model '{model.id}' is {what}; {operation.path} needs a model of type {needed}."
