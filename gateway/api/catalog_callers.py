"""Who may see what of the catalog: dependencies of its routes."""

from typing import Annotated

from fastapi import Depends, Request

from gateway.api.admin.identity import identify_person
from gateway.api.identity import identify_request
from gateway.errors import Unauthenticated


async def sees_all(request: Request) -> bool:
    """Whoever has a gateway key, is logged in, or comes through the chute. Raises Unauthenticated for a wrong key."""
    headers = request.headers
    if "authorization" in headers or "x-api-key" in headers or request.scope.get("gateway.door") == "chute":
        identify_request(request, request.app.state.gateway)
        return True
    return await identify_person(request, request.method) is not None


async def known(everything: Annotated[bool, Depends(sees_all)]) -> None:
    """Raises Unauthenticated for whoever says nothing of himself."""
    if not everything:
        raise Unauthenticated("This needs a gateway key: send 'Authorization: Bearer <key>', or log in.")
