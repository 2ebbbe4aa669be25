"""What an upstream says it has: `GET /v1/models` in its several shapes, page after page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.operations import ModelType
from gateway.providers.base import ListedModel
from gateway.providers.exchange import Upstream, ask, join_url, read_json
from gateway.providers.transport.base import Transport

MAX_PAGES = 100
_TYPES = frozenset(ModelType)


async def list_models(transport: Transport, upstream: Upstream) -> list[ListedModel]:
    """Every model once, in the upstream's order."""
    return [model for _, model in await list_entries(transport, upstream)]


async def list_entries(transport: Transport, upstream: Upstream) -> list[tuple[Mapping[str, Any], ListedModel]]:
    """Every model once, as the upstream wrote it and as we read it. Follows `has_more`/`last_id` and
    `page`/`limit`/`total`."""
    url = join_url(upstream.base_url, "/v1/models")
    found: dict[str, tuple[Mapping[str, Any], ListedModel]] = {}
    query = ""
    for _ in range(MAX_PAGES):
        document = _parse(await read_json(await ask(transport, upstream, url + query, method="GET")))
        entries = document["data"]
        new = {model.id: (entry, model) for entry in entries if (model := _model(entry)) and model.id not in found}
        found |= new
        query = _next(document, len(found))
        if not query or not new:
            break
    return list(found.values())


def _parse(body: bytes) -> dict[str, Any]:
    """The document with its list under `data`. A bare list and `models` or `items` in place of `data` are known."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamBadResponse("The provider's list of models is not JSON.") from None
    if isinstance(document, list):
        return {"data": document}
    if isinstance(document, dict):
        for key in ("data", "models", "items"):
            if isinstance(document.get(key), list):
                return {**document, "data": document[key]}
    raise UpstreamBadResponse("The provider's list of models has no usable 'data'.")


def _model(entry: object) -> ListedModel | None:
    if not isinstance(entry, Mapping):
        return None
    name = entry.get("id") or entry.get("name")
    if not isinstance(name, str) or not name:
        return None
    created, owner, kind = entry.get("created"), entry.get("owned_by"), entry.get("type")
    return ListedModel(
        name,
        int(created) if isinstance(created, int | float) else 0,
        owner if isinstance(owner, str) else "",
        ModelType(kind) if isinstance(kind, str) and kind in _TYPES else None,
    )


def _next(document: Mapping[str, Any], known: int) -> str:
    """The query of the next page; empty when this was the last one."""
    if document.get("has_more") is True:
        entries = document["data"]
        last = document.get("last_id") or (entries[-1].get("id") if entries and isinstance(entries[-1], dict) else None)
        return f"?after={quote(str(last), safe='')}" if last else ""
    page, total = document.get("page"), document.get("total")
    if isinstance(page, int) and isinstance(total, int) and total > known:
        return f"?page={page + 1}"
    return ""
