"""Finds the route of a call and asks whether the caller may take it. The first step of every request."""

from gateway.access.keys import Caller
from gateway.errors import ModelNotFound
from gateway.openai_api.operations import Operation
from gateway.routing.resolve import resolve, suggest
from gateway.routing.types import Route
from gateway.state import Snapshot


def find_route(model: str, operation: Operation, caller: Caller, snapshot: Snapshot) -> Route:
    """Raises ModelNotFound with the closest names this caller may know of, and ModelNotAllowed."""
    try:
        route = resolve(model, snapshot, operation)
    except ModelNotFound as error:
        hint = suggest(model, (route.id for route in snapshot.routes_for(caller)))
        raise ModelNotFound(error.message + hint, param="model") from None
    for name in route.parts or (route.id,):
        caller.check(name, operation.name)
    return route
