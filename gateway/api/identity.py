"""Finds out who calls: from the key in the headers, or from the door through which the call came."""

from collections.abc import Mapping

from gateway.access.keys import PLATFORM, Caller, authenticate


def identify(headers: Mapping[str, str], door: str, callers: Mapping[bytes, Caller]) -> Caller:
    """The caller behind `Authorization: Bearer` or `X-API-Key`. Raises Unauthenticated.

    Through the chute's door a key is optional, since the platform has already authenticated the caller.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    presented = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    if not presented and door == "chute":
        return PLATFORM
    return authenticate(presented, callers)
