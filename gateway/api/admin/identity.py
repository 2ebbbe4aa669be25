"""Who administrates: the master key, or a person with a session. Every route of administration depends on one of these.

`role_of` tells the role of a route from these dependencies, so that a route without one fails a test.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from gateway.access.addresses import client_address, is_secure
from gateway.access.cookies import check_csrf, check_origin, csrf_token, read_cookie
from gateway.access.keys import authenticate, digest
from gateway.admin.accounts import outlasts
from gateway.admin.administration import Actor
from gateway.api.services import Services, services
from gateway.errors import Forbidden, Unauthenticated
from gateway.store.records import Record, Resource


@dataclass(frozen=True, slots=True)
class Person:
    """`record` is the user; None for the master key. `token` is that of the session."""

    actor: Actor
    record: Record | None = None
    token: str = ""

    @property
    def role(self) -> str:
        return str(self.record.document.get("role", "user")) if self.record else "admin"

    @property
    def csrf_token(self) -> str:
        return csrf_token(self.token) if self.token else ""


async def person(request: Request) -> Person:
    """Whoever is logged in, and the master key. Raises Unauthenticated, Forbidden."""
    found = await identify_person(request, request.method)
    if found is None:
        raise Unauthenticated(
            "Log in first, or send the master key as 'Authorization: Bearer <key>'.", code="login_required"
        )
    return found


async def administrator(found: Annotated[Person, Depends(person)]) -> Person:
    """Raises Forbidden for everybody else."""
    if found.role != "admin":
        raise Forbidden("Only administrators may do this.")
    return found


def role_of(route: APIRoute) -> str:
    """`admin`, `user` (anybody who is logged in) or `anybody`."""
    asked = {dependency.call for dependency in _all(route.dependant)}
    return "admin" if administrator in asked else "user" if person in asked else "anybody"


def _all(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from _all(one)


async def identify_person(connection: HTTPConnection, method: str, upgrade: bool = False) -> Person | None:
    """None where nobody says who he is. Raises Unauthenticated for a wrong key, Forbidden for a forged change."""
    known, headers = services(connection), connection.headers
    address = address_of(connection)
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        caller = authenticate(digest(key.strip()), known.state.snapshot.callers, address)
        if not caller.is_master:
            raise Forbidden("Administration takes the master key or a login, not an ordinary key.")
        return Person(Actor("master key", address))
    token = read_cookie(headers.get("cookie", ""), secure(connection))
    record = await _logged_in(token, known)
    if record is None:
        return None
    check_origin(method, headers, known.origins, upgrade)
    check_csrf(method, token, headers.get("x-csrf-token", ""))
    return Person(Actor(record.document["username"], address), record, token)


async def _logged_in(token: str, known: Services) -> Record | None:
    session = await known.sessions.find(token)
    if session is None:
        return None
    record = known.administration.directory.table(Resource.USERS).get(session.user_id)
    return record if record and outlasts(session.created_at, record) else None


def address_of(connection: HTTPConnection) -> str:
    peer = connection.client.host if connection.client else ""
    forwarded = connection.headers.getlist("x-forwarded-for")
    return client_address(peer, forwarded, services(connection).state.trusted)


def secure(connection: HTTPConnection) -> bool:
    """Whether the browser's end of the connection is encrypted, which decides the name of the cookie."""
    peer = connection.client.host if connection.client else ""
    proto = connection.headers.get("x-forwarded-proto", "")
    return is_secure(connection.url.scheme, peer, proto, services(connection).state.trusted)
