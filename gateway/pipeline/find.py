"""Finds the route of a call and asks whether the caller may take it. The first step of every request."""

from gateway.access.keys import Caller
from gateway.errors import ModelNotAllowed, ModelNotFound
from gateway.openai_api.operations import Operation
from gateway.routing.resolve import resolve, suggest
from gateway.routing.types import Route
from gateway.state import Snapshot


def find_route(model: str, operation: Operation | None, caller: Caller, snapshot: Snapshot) -> Route:
    """`operation` None: whatever it will be asked for. Raises ModelNotFound with the closest names this caller may know
    of, and ModelNotAllowed."""
    try:
        route = resolve(model, snapshot, operation)
    except ModelNotFound as error:
        hint = suggest(model, (route.id for route in snapshot.routes_for(caller)))
        raise ModelNotFound(error.message + hint, param="model") from None
    for name in route.parts or (route.id,):
        if operation is not None:
            caller.check(name, operation.name)
        elif not caller.may_use(name):
            raise ModelNotAllowed(f"This key may not use the model '{name}'.", param="model")
    return route
