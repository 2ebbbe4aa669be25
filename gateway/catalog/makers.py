"""Who makes the models of a catalog, counted. Called by the API."""

from collections import Counter, defaultdict
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.logos import MAKERS, logo
from gateway.catalog.model import CatalogModel
from gateway.catalog.query import ALL


def makers_document(catalog: Catalog, gateway: str, within: int) -> list[dict[str, Any]]:
    """By number of models, then by slug. `within` are the models to count, as bits."""
    mask = within if gateway in ("", ALL) else within & catalog.masks["gateway"].get(gateway.lower(), 0)
    models: dict[str, list[CatalogModel]] = defaultdict(list)
    for n, model in enumerate(catalog.models):
        if mask >> n & 1:
            models[model.provider_slug].append(model)
    return [
        {
            "slug": slug,
            "name": MAKERS[slug.lower()].name if slug.lower() in MAKERS else slug,
            "provider_site_url": MAKERS[slug.lower()].site if slug.lower() in MAKERS else None,
            "model_logo_url": logo(slug),
            "models": len(found),
            "gateways": sorted({model.gateway for model in found}),
            "model_types": dict(Counter(model.model_type for model in found).most_common()),
        }
        for slug, found in sorted(models.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
