"""`GET /v1/models`: what this caller may use, with the state of what is loading here. Clients of Anthropic's API, who
send `anthropic-version`, are told in its shape of those that answer Messages."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from gateway.access.keys import Caller
from gateway.api.identity import identify_request
from gateway.dialects.messages import is_meant
from gateway.errors import ModelNotFound
from gateway.openai_api.images import supports_vision
from gateway.openai_api.model_names import guess_type
from gateway.openai_api.operations import CHAT, ModelType
from gateway.routing.resolve import suggest
from gateway.routing.types import Route
from gateway.state import Snapshot, State

router = APIRouter(tags=["models"])


@router.get("/v1/models")
async def list_models(
    request: Request,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="At most this many models.")] = None,
    after: Annotated[str | None, Query(description="Continue behind this model id.")] = None,
    after_id: Annotated[str | None, Query(description="The same, for Anthropic's clients.")] = None,
    before_id: Annotated[
        str | None, Query(description="The last ones before this id, for Anthropic's clients.")
    ] = None,
) -> dict[str, Any]:
    """The models that the key may use. Without `limit` all of them, as OpenAI's clients expect."""
    state: State = request.app.state.gateway
    caller, snapshot = _caller(request, state)
    routes = list(snapshot.routes_for(caller))
    if is_meant(request.url.path, request.headers):
        chats = [route for route in routes if _kind(route) in CHAT.model_types]
        return _infos(chats, snapshot, limit, after_id, before_id)
    routes = _behind(routes, "after", after)
    page = routes[:limit]
    return {"object": "list", "data": [_entry(route, snapshot, state) for route in page], **_bounds(page, routes)}


@router.get("/v1/models/{model:path}")
async def get_model(request: Request, model: str) -> dict[str, Any]:
    state: State = request.app.state.gateway
    caller, snapshot = _caller(request, state)
    routes = {route.id: route for route in snapshot.routes_for(caller)}
    route = routes.get(model) or routes.get(snapshot.aliases.get(model, ""))
    if route is None:
        raise ModelNotFound(f"The model '{model}' does not exist.{suggest(model, routes)}", param="model")
    return _info(route, snapshot) if is_meant(request.url.path, request.headers) else _entry(route, snapshot, state)


def _caller(request: Request, state: State) -> tuple[Caller, Snapshot]:
    snapshot = state.snapshot
    return identify_request(request, state), snapshot


def _behind(routes: list[Route], name: str, after: str | None) -> list[Route]:
    """`name` is that of the parameter."""
    if after is None:
        return routes
    position = next((n for n, route in enumerate(routes) if route.id == after), None)
    if position is None:
        raise ModelNotFound(f"There is no model '{after}' to continue behind.", param=name)
    return routes[position + 1 :]


def _bounds(page: Sequence[Route], routes: Sequence[Route]) -> dict[str, Any]:
    """Of a page of `routes`."""
    return {
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": len(page) < len(routes),
    }


def _infos(
    routes: list[Route], snapshot: Snapshot, limit: int | None, after: str | None, before: str | None
) -> dict[str, Any]:
    """A page in the shape of Anthropic's API; one `before` a model is the last before it."""
    routes = _behind(routes, "after_id", after)
    if before is None:
        page = routes[:limit]
    else:
        routes = _behind(routes[::-1], "before_id", before)
        page = routes[:limit][::-1]
    return {"data": [_info(route, snapshot) for route in page], **_bounds(page, routes)}


def _info(route: Route, snapshot: Snapshot) -> dict[str, Any]:
    """Source of the shape: Anthropic's API reference, "Models"."""
    created = datetime.fromtimestamp(_created(route, snapshot), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = route.name or route.id
    return {"type": "model", "id": route.id, "display_name": name, "created_at": created, "lifecycle": "active"}


def _created(route: Route, snapshot: Snapshot) -> int:
    """In seconds since 1970."""
    return snapshot.created.get(route.id, snapshot.since)


def _kind(route: Route) -> ModelType:
    return route.type or guess_type(route.id)


def _entry(route: Route, snapshot: Snapshot, state: State) -> dict[str, Any]:
    vision = route.supports_images if route.supports_images is not None else supports_vision(route.id)
    return {
        "id": route.id,
        "object": "model",
        "created": _created(route, snapshot),
        "owned_by": snapshot.providers[route.targets[0].provider_id].name,
        "name": route.name or route.id,
        "type": _kind(route),
        "supports_image_upload": vision,
        "aliases": list(route.aliases),
        "demo": route.demo,
        "state": _engine_state(route, state),
    }


def _engine_state(route: Route, state: State) -> str:
    """`ready`, or what the engine behind a local model is doing."""
    engines: Iterable[str] = (
        status.state for target in route.targets if (status := state.engines.status(target.provider_id))
    )
    states = list(engines)
    return "ready" if not states or "ready" in states or len(states) < len(route.targets) else states[0]
