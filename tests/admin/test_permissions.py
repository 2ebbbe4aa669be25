"""Every route of administration against every kind of caller, made from the routes themselves.

Rows of docs/acceptance.md: A002-08, A002-13.
"""

from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from gateway.api.admin import ROUTERS
from gateway.api.admin.identity import role_of
from tests.admin.people import USER, log_in, set_up
from tests.api.running import RunningGateway

OPEN_TO_ALL = {"GET /api/session", "POST /api/admin/login", "POST /api/user/login", "POST /api/admin/setup"}
ROUTES = {
    f"{method} {route.path.replace(':path', '')}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
}


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    """`nobody`, `wrong key`, `api key`, `forged` (an administrator's cookie without the CSRF token), `user`."""
    running = RunningGateway(tmp_path_factory.mktemp("state"))
    admin = set_up(running)
    admin.post("/api/admin/users", json=USER)
    key = admin.post("/api/admin/apikeys", json={"name": "ordinary"}).json()["key"]
    clients = {
        "nobody": running.http(None),
        "wrong key": running.http("sk-gw-this-is-not-a-key"),
        "api key": running.http(key),
        "forged": httpx.Client(base_url=running.url, cookies=dict(admin.cookies), timeout=20),
        "user": log_in(running, USER),
    }
    yield clients
    running.stop()


def test_only_these_routes_are_open_to_all() -> None:
    assert {name for name, route in ROUTES.items() if role_of(route) == "anybody"} == OPEN_TO_ALL


REFUSED = [
    (name, caller)
    for name in sorted(ROUTES.keys() - OPEN_TO_ALL)
    for caller in ("nobody", "wrong key", "api key", "forged", "user")
    if not (caller == "user" and role_of(ROUTES[name]) == "user")
    and not (caller == "forged" and name.startswith("GET "))
]


@pytest.mark.parametrize(("name", "caller"), REFUSED)
def test_a_route_refuses_who_may_not(callers: dict[str, httpx.Client], name: str, caller: str) -> None:
    method, path = name.split(" ")
    for part in ("id", "request_id", "name", "action"):
        path = path.replace(f"{{{part}}}", "load" if part == "action" else "something")
    answer = callers[caller].request(method, path, json={})
    expected = 401 if caller in ("nobody", "wrong key") else 403
    assert answer.status_code == expected, answer.text
    assert answer.json()["error"]["message"]
