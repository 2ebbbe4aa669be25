"""`GET /v1/models`: what this caller may use, with the state of what is loading here."""

import time
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from gateway.access.keys import Caller
from gateway.api.identity import identify_request
from gateway.errors import ModelNotFound
from gateway.openai_api.images import supports_vision
from gateway.openai_api.model_names import guess_type
from gateway.routing.resolve import suggest
from gateway.routing.types import Route
from gateway.state import Snapshot, State

router = APIRouter(tags=["models"])
_STARTED = int(time.time())


@router.get("/v1/models")
async def list_models(
    request: Request,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="At most this many models.")] = None,
    after: Annotated[str | None, Query(description="Continue behind this model id.")] = None,
) -> dict[str, Any]:
    """The models that the key may use. Without `limit` all of them, as OpenAI's clients expect."""
    state: State = request.app.state.gateway
    caller, snapshot = _caller(request, state)
    routes = _behind(list(snapshot.routes_for(caller)), after)
    page = routes[:limit]
    data = [_entry(route, snapshot, state) for route in page]
    return {
        "object": "list",
        "data": data,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": len(page) < len(routes),
    }


@router.get("/v1/models/{model:path}")
async def get_model(request: Request, model: str) -> dict[str, Any]:
    state: State = request.app.state.gateway
    caller, snapshot = _caller(request, state)
    routes = {route.id: route for route in snapshot.routes_for(caller)}
    route = routes.get(model) or routes.get(snapshot.aliases.get(model, ""))
    if route is None:
        raise ModelNotFound(f"The model '{model}' does not exist.{suggest(model, routes)}", param="model")
    return _entry(route, snapshot, state)


def _caller(request: Request, state: State) -> tuple[Caller, Snapshot]:
    snapshot = state.snapshot
    return identify_request(request, state), snapshot


def _behind(routes: list[Route], after: str | None) -> list[Route]:
    if after is None:
        return routes
    position = next((n for n, route in enumerate(routes) if route.id == after), None)
    if position is None:
        raise ModelNotFound(f"There is no model '{after}' to continue behind.", param="after")
    return routes[position + 1 :]


def _entry(route: Route, snapshot: Snapshot, state: State) -> dict[str, Any]:
    kind = route.type or guess_type(route.id)
    vision = route.supports_images if route.supports_images is not None else supports_vision(route.id)
    return {
        "id": route.id,
        "object": "model",
        "created": _STARTED,
        "owned_by": snapshot.providers[route.targets[0].provider_id].name,
        "name": route.name or route.id,
        "type": kind,
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
