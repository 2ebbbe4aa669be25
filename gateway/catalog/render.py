"""A model as JSON: the schema of document 001 with further fields. Used by the API, the export and the CLI."""

from datetime import UTC, datetime
from typing import Any

from gateway.catalog.facts import PRICE_UNITS, PriceKind
from gateway.catalog.kinds import modality
from gateway.catalog.logos import logo, site
from gateway.catalog.model import CatalogModel
from gateway.catalog.prices import per_token_text, price_document
from gateway.catalog.report import shown

_PLAIN = (
    "description", "hugging_face_id", "created", "owned_by", "root", "parent", "username", "public", "template",
    "image", "quantization", "context_length", "max_model_len", "max_output_length", "tee", "hot", "instances",
    "active_instances", "verified_instances", "gpu_count", "concurrency", "max_instances", "invocation_count",
    "utilization", "utilization_1h", "rate_limit_ratio", "ttft", "tps", "requests_per_day",
)  # fmt: skip


def document(model: CatalogModel) -> dict[str, Any]:
    """Unknown values are null: nothing is made up."""
    return {
        "id": model.id,
        "slug": model.id,
        "canonical_slug": model.upstream_id,
        "name": model.name,
        "provider_slug": model.provider_slug,
        "source_gateway": model.gateway,
        "model_type": model.model_type,
        "type": model.type,
        "chute_id": model.chute_id or None,
        "chute_slug": model.slug or None,
        "base_url": model.base_url or None,
        "tags": list(model.tags),
        "hints": list(model.hints),
        "tier": model.tier,
        "pricing": _pricing(model),
        "prices": {kind.value: price_document(kind, price) for kind, price in model.prices.items()},
        "architecture": {
            "modality": modality(model.input_modalities, model.output_modalities),
            "input_modalities": list(model.input_modalities),
            "output_modalities": list(model.output_modalities),
            "tokenizer": model.tokenizer or None,
            "instruct_type": model.instruct_type or None,
        },
        **{name: getattr(model, name) if getattr(model, name) != "" else None for name in _PLAIN},
        "description": model.description or _described(model),
        "gpus": list(model.gpus),
        "supported_features": list(model.features),
        "supported_parameters": list(model.sampling_parameters),
        "default_parameters": dict(model.default_parameters),
        "per_request_limits": {"max_output_tokens": model.max_output_length} if model.max_output_length else None,
        "cords": list(model.cords),
        "provider_site_url": site(model),
        "model_logo_url": logo(model.provider_slug),
        "origins": list(model.origins),
        "provenance": dict(model.provenance),
        "matches": dict(model.matches),
        "conflicts": [
            {"field": one.field, "chosen": one.chosen, "values": {name: shown(v) for name, v in one.values.items()}}
            for one in model.conflicts
        ],
        "stale": dict(model.stale),
    }


def _pricing(model: CatalogModel) -> dict[str, str | None]:
    """USD as decimal strings: tokens each, the rest per unit. Document 001 names the keys."""
    hourly, request = model.usd(PriceKind.HOUR), model.usd(PriceKind.REQUEST)
    step = model.usd(PriceKind.STEP)
    return {
        "prompt": per_token_text(model.usd(PriceKind.INPUT)),
        "completion": per_token_text(model.usd(PriceKind.OUTPUT)),
        "input_cache_read": per_token_text(model.usd(PriceKind.CACHE_READ)),
        "hourly_rate": None if hourly is None else str(hourly),
        "request": None if request is None else str(request),
        "step": None if step is None else str(step),
        "image": None,
        "web_search": None,
        "internal_reasoning": None,
    }


def _described(model: CatalogModel) -> str:
    where = {"chutes": "Chutes.ai hosted", "local": "Local"}.get(model.gateway, f"{model.gateway} hosted")
    said = [
        f"${price.usd:g} per {PRICE_UNITS[kind]} ({kind})" if kind is not PriceKind.HOUR else f"${price.usd}/hr"
        for kind, price in model.prices.items()
        if price.usd is not None
    ]
    pricing = f" Pricing: {', '.join(said)}." if said else ""
    return f"{where} {model.model_type} model: {model.upstream_id}.{pricing}"


def moment(milliseconds: int) -> str | None:
    """ISO 8601 in UTC; None for never."""
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
