"""The paths of document 004: Chutes' documents as they come, the state of the copies, and everything in one file."""

from collections.abc import Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from fastapi.responses import Response

from gateway.api.catalog_callers import known, sees_all
from gateway.api.catalog_schemas import Chutes
from gateway.catalog.export import everything
from gateway.catalog.files import safe_name
from gateway.catalog.parts import CatalogParts
from gateway.catalog.raw import Listing, RawDocument
from gateway.catalog.render import moment
from gateway.catalog.shelf import Shelf

SeesAll = Annotated[bool, Depends(sees_all)]


def raw_routes(parts: CatalogParts, authorise: Callable[..., Any]) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["catalog"])
    _documents(router, parts)
    _copies(router, parts, authorise)
    return router


def _documents(router: APIRouter, parts: CatalogParts) -> None:
    @router.get("/models")
    async def chutes(query: Chutes, everything: SeesAll) -> Response:
        """Chutes' list of chutes. With a gateway key as the configured account sees it, else its public half."""
        return _answer(await parts.raw.listing(Listing(**query.model_dump(), own=everything)))

    @router.get("/models/v1/all")
    async def llm_models() -> Response:
        """The list of models of Chutes' LLM host."""
        return _answer(await parts.raw.llm_models())

    @router.get("/models/{chute_id:path}")
    async def chute(chute_id: str, everything: SeesAll) -> Response:
        """One chute by id or name, with its cords."""
        return _answer(await parts.raw.chute(chute_id, own=everything))

    @router.get("/health")
    async def health() -> Response:
        """The state of the catalog and of each of its sources."""
        catalog, now = parts.board.current, parts.shelf.clock()
        sources = [
            {"source": one.source, "models": one.rows, "at": moment(one.at), "stale": one.stale or None}
            for one in catalog.report.sources
        ]
        live = any(one.rows and not one.stale for one in catalog.report.sources if one.source != "local")
        return _json(
            {
                "status": "ok" if live else "stale",
                "models": len(catalog.models),
                "catalog_at": moment(catalog.at),
                "age_seconds": max(0, now - catalog.at) // 1000 if catalog.at else None,
                "sources": sources,
            }
        )


def _copies(router: APIRouter, parts: CatalogParts, authorise: Callable[..., Any]) -> None:
    @router.get("/cache/status", dependencies=[Depends(known)])
    async def cache_status() -> Response:
        """The copies in memory and on disk, with age and validity."""
        ttls = parts.refresher.ttls()
        files = [*_entries(parts.shelf, ttls, parts.raw.ttl), *_entries(parts.queries, {}, parts.raw.ttl)]
        return _json({"files": files, "total": len(files), "duration_minutes": parts.raw.ttl / 60})

    @router.delete("/cache", dependencies=[Depends(authorise)])
    async def invalidate() -> Response:
        """From now on no copy is fresh. What was last good is kept for when a source fails."""
        return _json({"invalidated": parts.shelf.invalidate() + parts.queries.invalidate()})

    @router.get("/export/data", dependencies=[Depends(known)])
    async def export_data() -> Response:
        """What each source said last, and how it was merged."""
        raw = {name: {"timestamp": copy.at, "data": orjson.Fragment(copy.body)} for name, copy in parts.shelf.entries()}
        return _json(everything(parts.board.current, {"sources": raw}))


def _entries(shelf: Shelf, ttls: dict[str, float], ttl: float) -> list[dict[str, Any]]:
    now = shelf.clock()
    return [
        {
            "file": f"{safe_name(name)}.json",
            "timestamp": copy.at,
            "age_seconds": round(copy.age(now), 1),
            "valid": copy.fresh(now, ttls.get(name, ttl)),
            "bytes": copy.size,
        }
        for name, copy in shelf.entries()
    ]


def _answer(found: RawDocument) -> Response:
    headers = {"x-cache": found.cache, "x-cache-age": str(int(found.age))}
    return Response(found.body, media_type="application/json", headers=headers)


def _json(document: Any) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
