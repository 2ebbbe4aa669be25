"""`/catalog/...`: models, providers, report, differences, export, refresh. Thin: `gateway.catalog` does the work.

Anybody may see public models of Chutes; whoever has a gateway key sees all.
"""

from collections.abc import Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from gateway.api.catalog_callers import known, sees_all
from gateway.api.catalog_raw import raw_routes
from gateway.api.catalog_schemas import Export, ModelPage, ModelRecord, Models, ProviderPage
from gateway.catalog.board import RefreshOutcome
from gateway.catalog.catalog import Catalog
from gateway.catalog.changes import changes, track
from gateway.catalog.export import MEDIA_TYPES, export
from gateway.catalog.facts import CHUTES
from gateway.catalog.logos import mark
from gateway.catalog.makers import makers_document
from gateway.catalog.names import closest
from gateway.catalog.parts import CatalogParts
from gateway.catalog.query import ALL, facet_counts, select
from gateway.catalog.raw_records import raw_records
from gateway.catalog.render import moment
from gateway.catalog.report import report_document
from gateway.catalog.shelf import now_ms
from gateway.catalog.threads import in_thread
from gateway.errors import NotFound

SeesAll = Annotated[bool, Depends(sees_all)]
Guard = Callable[..., Any]
"""A dependency that raises unless the caller may do it."""


def catalog_routes(parts: CatalogParts, authorise: Guard) -> APIRouter:
    """`authorise` lets administrators through."""
    router = APIRouter(tags=["catalog"], dependencies=[Depends(parts.ready)])
    _models(router, parts)
    _overviews(router, parts)
    _marks(router)
    _comparing(router, parts)
    _changing(router, parts, authorise)
    router.include_router(raw_routes(parts, authorise))
    return router


def json_response(document: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), media_type="application/json", headers=headers)


def _models(router: APIRouter, parts: CatalogParts) -> None:
    @router.get("/catalog/models", responses={200: {"model": ModelPage}})
    async def list_models(filters: Models, everything: SeesAll) -> Response:
        """Models that fit the filters."""
        catalog = parts.board.current
        page = select(catalog, filters.query(filters.limit, filters.offset), _within(catalog, everything))
        data = b",".join([catalog.documents[n] for n in page.positions])
        rest: dict[str, Any] = {
            "total": page.total,
            "returned": len(page.positions),
            "offset": filters.offset,
            "gateway": filters.gateway or ALL,
            "note": _note(filters.gateway),
            "timestamp": moment(now_ms()),
            "catalog_at": moment(catalog.at),
        }
        if filters.facets:
            rest["facets"] = facet_counts(catalog, page.mask)
        return Response(b'{"data":[' + data + b"]," + orjson.dumps(rest)[1:], media_type="application/json",
                        headers=_cache_headers(catalog))  # fmt: skip

    @router.get("/catalog/models/{id:path}/raw", dependencies=[Depends(known)])
    async def get_raw(id: str, everything: SeesAll) -> Response:
        """What each source said of a model, as it came."""
        catalog = parts.board.current
        model = catalog.models[_found(catalog, id, _within(catalog, everything))]
        return json_response({"id": model.id, "sources": await in_thread(raw_records, model, parts.shelf)})

    @router.get("/catalog/models/{id:path}", responses={200: {"model": ModelRecord}})
    async def get_model(id: str, everything: SeesAll, history: bool = False) -> Response:
        """One model by id, chute id, slug or name; `history` adds how it changed, for callers with a key."""
        catalog = parts.board.current
        position = _found(catalog, id, _within(catalog, everything))
        body = catalog.documents[position]
        if history:
            await known(everything)
            series = await in_thread(parts.history.series, catalog.models[position].id)
            body = body[:-1] + b',"history":' + orjson.dumps(series) + b"}"
        return Response(body, media_type="application/json", headers=_cache_headers(catalog))


def _overviews(router: APIRouter, parts: CatalogParts) -> None:
    @router.get("/catalog/provider", responses={200: {"model": ProviderPage}})
    async def list_providers(everything: SeesAll, gateway: str = ALL) -> Response:
        """Who makes the models, with site, logo key and number of models."""
        catalog = parts.board.current
        data = makers_document(catalog, gateway, _within(catalog, everything))
        page = {"data": data, "total": len(data), "gateway": gateway, "timestamp": moment(now_ms())}
        return json_response(page, _cache_headers(catalog))

    @router.get("/catalog/export")
    async def export_models(filters: Export, everything: SeesAll) -> Response:
        """All that fits, as a file."""
        catalog = parts.board.current
        page = select(catalog, filters.query(), _within(catalog, everything))
        body = await in_thread(export, catalog, page.positions, filters.format)
        name = f'attachment; filename="catalog.{filters.format}"'
        return Response(body, media_type=MEDIA_TYPES[filters.format], headers={"content-disposition": name})


def _marks(router: APIRouter) -> None:
    @router.get("/logos/{key}.svg")
    async def logo(key: str) -> Response:
        """The mark of a maker: its initials, drawn here."""
        drawn = mark(key)
        if drawn is None:
            raise NotFound("There is no such mark.", param="key")
        headers = {"cache-control": "public, max-age=86400"}
        return Response(drawn, media_type="image/svg+xml", headers=headers)


def _comparing(router: APIRouter, parts: CatalogParts) -> None:
    @router.get("/catalog/report", dependencies=[Depends(known)])
    async def report(matches: bool = True) -> Response:
        """How every row of every source found its model, and what did not fit."""
        catalog = parts.board.current
        document = {
            "catalog_at": moment(catalog.at),
            "refresh": outcome_document(parts.board.outcome),
            **report_document(catalog.report, matches=matches),
        }
        return json_response(document)

    @router.get("/catalog/diff", dependencies=[Depends(known)])
    async def diff(request: Request) -> Response:
        """What changed between the versions of two times; `to` defaults to now, `from` to the version before."""
        given = request.query_params
        return json_response(await in_thread(diff_document, parts, given.get("from", ""), given.get("to", "")))


def _changing(router: APIRouter, parts: CatalogParts, authorise: Guard) -> None:
    @router.post("/catalog/refresh", dependencies=[Depends(authorise)])
    async def refresh() -> Response:
        """Asks all sources now, whatever is still fresh."""
        return json_response(outcome_document(await parts.refresh(force=True)))

    @router.get("/catalog/webhooks", dependencies=[Depends(authorise)])
    async def list_webhooks() -> Response:
        """The receivers, without their addresses, and the messages that none of them took."""
        receivers = [{"name": one.name, "events": sorted(one.events)} for one in parts.webhooks.receivers]
        return json_response({"data": receivers, "dead_letters": parts.webhooks.dead_letters()})

    @router.post("/catalog/webhooks/{name}/test", dependencies=[Depends(authorise)])
    async def test_webhook(name: str) -> Response:
        """Sends one message, once, and tells what came back."""
        sent = await parts.webhooks.test(name)
        told = {"id": sent.id, "delivered": sent.delivered, "status": sent.status, "error": sent.error}
        return json_response(told)


def outcome_document(outcome: RefreshOutcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {
        "at": moment(outcome.at),
        "seconds": round(outcome.seconds, 3),
        "models": outcome.models,
        "changes": len(outcome.changes),
        "sources": [
            {
                "source": one.source,
                "gateway": one.gateway,
                "rows": one.rows,
                "at": moment(one.at),
                "fetched": one.fetched,
                "seconds": one.seconds,
                "error": one.error or None,
            }
            for one in outcome.sources
        ],
    }


def diff_document(parts: CatalogParts, start: str, end: str) -> dict[str, Any]:
    """Blocks on files. Without `end` the catalog as it is now."""
    versions = parts.history.versions()
    later = parts.history.version_at(end, "to") if end else None
    if start:
        earlier = parts.history.version_at(start)
    else:
        before = [at for at in versions if later is None or at < later]
        if not before:
            raise NotFound("The catalog has no earlier version to compare with.", param="from")
        earlier = before[-1] if later is not None or len(before) < 2 else before[-2]
    after = track(parts.board.current.models) if later is None else parts.history.load(later)
    found = changes(parts.history.load(earlier), after)
    return {
        "from": moment(earlier),
        "to": moment(parts.board.current.at if later is None else later),
        "versions": versions,
        "total": len(found),
        "changes": [one.document() for one in found],
    }


def _found(catalog: Catalog, id: str, within: int) -> int:
    """Its position. Raises NotFound, with the closest names that the caller may see."""
    position = catalog.position(id)
    if position is None or not within >> position & 1:
        near = [one for one in closest(id, catalog.by_id) if within >> catalog.by_id[one] & 1]
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise NotFound(f"The catalog has no model '{id[:200]}'.{hint}", param="id")
    return position


def _within(catalog: Catalog, everything: bool) -> int:
    """What the caller may see, as bits."""
    if everything:
        return catalog.everything
    return catalog.masks["gateway"].get(CHUTES, 0) & catalog.masks["public"].get("true", 0)


def _note(gateway: str) -> str:
    if gateway == CHUTES:
        return "Chutes.ai catalog"
    return "Combined catalog of all gateways" if gateway in ("", ALL) else f"Catalog of {gateway}"


def _cache_headers(catalog: Catalog) -> dict[str, str]:
    """A source that failed makes the answer stale; the bundled snapshot alone always is."""
    stale = any(one.stale for one in catalog.report.sources)
    age = max(0, now_ms() - catalog.at) // 1000
    return {"x-cache": "STALE" if stale else "HIT", "x-cache-age": str(age)}
