"""Finds out who calls: from the key in the headers, or from the door through which the call came."""

from collections.abc import Mapping

from starlette.requests import Request

from gateway.access.addresses import client_address
from gateway.access.keys import PLATFORM, Caller, authenticate, digest, limited_by_address
from gateway.errors import Unauthenticated
from gateway.state import State

_NOT_THIS_KEY = "'gw_key' is no key of this gateway. Leave it out, or give one that is valid, in the body or the query."
"""Through the chute's door no header arrives."""


def presented_key(headers: Mapping[str, str]) -> bytes | None:
    """The digest of the key in `Authorization: Bearer` or `X-API-Key`; None where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    return digest(key) if key else None


def identify(presented: bytes | None, headers: Mapping[str, str], door: str, state: State, peer: str = "") -> Caller:
    """The caller whose key was presented. Raises Unauthenticated, or Forbidden for a place where the key may not be
    used; `peer` is the socket's address.

    Through the chute's door a key is optional, since the platform has already authenticated the caller.
    """
    if presented is None and door == "chute":
        return PLATFORM
    if state.trusted:
        peer = client_address(peer, [headers.get("x-forwarded-for", "")], state.trusted)
    try:
        caller, rpm = authenticate(presented, state.snapshot.callers, peer), state.snapshot.ip_rpm
    except Unauthenticated:
        if door == "chute":
            raise Unauthenticated(_NOT_THIS_KEY) from None
        raise
    return caller if rpm is None or not peer else limited_by_address(caller, peer, rpm)


def identify_request(request: Request, state: State) -> Caller:
    """The same for the routes of FastAPI."""
    peer = request.client.host if request.client else ""
    headers = request.headers
    return identify(presented_key(headers), headers, request.scope.get("gateway.door", ""), state, peer)
