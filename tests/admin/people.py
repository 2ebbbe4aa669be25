"""People with a browser: a cookie and a CSRF token, as the UI has them."""

from pathlib import Path
from typing import Any

import httpx

from tests.api.running import RunningGateway

PASSWORD = "correct horse battery"
ADMIN = {"username": "ada", "password": PASSWORD}
USER = {"username": "bob", "password": PASSWORD}


def set_up(gateway: RunningGateway) -> httpx.Client:
    """The first visit: makes `ada` and is logged in as her."""
    client = httpx.Client(base_url=gateway.url, timeout=20)
    token = (Path(gateway.state_dir) / "setup_token").read_text().strip()
    return _entered(client, client.post("/api/admin/setup", json=ADMIN | {"token": token}))


def log_in(gateway: RunningGateway, who: dict[str, Any] = ADMIN, path: str = "/api/user/login") -> httpx.Client:
    client = httpx.Client(base_url=gateway.url, timeout=20)
    return _entered(client, client.post(path, json=who))


def _entered(client: httpx.Client, answer: httpx.Response) -> httpx.Client:
    assert answer.status_code == 200, answer.text
    client.headers["x-csrf-token"] = answer.json()["csrf_token"]
    return client
