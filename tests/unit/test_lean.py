"""What a gateway that only infers does not load: each of these costs start-up time and memory in every worker.

Rows of docs/acceptance.md: A002-01.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = (
    *("fastapi", "pydantic.v1", "httpx", "httpcore", "h2", "rich", "pygments"),
    *("redis", "psycopg", "alembic", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm"),
    *("cryptography", "rapidfuzz", "PIL", "pypdfium2", "opentelemetry", "hypothesis", "pytest"),
    *("gateway.platform", "gateway.certify", "gateway.chute", "gateway.api.admin", "gateway.api.pages"),
)

_START = """
import asyncio, json, sys
from gateway.cli import _parser
from gateway.settings import Settings
from gateway.app import create_app

_parser(["serve"])
values = {"state_dir": sys.argv[1], "port": int(sys.argv[2]), "engines": "off", "master_api_key": sys.argv[3]}
app = create_app(Settings.model_validate({**values, "allow_private_upstreams": True}))
asked = json.loads(sys.argv[4])

async def answer(path):
    told = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        told.append(message)
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1),
             "scheme": "http", "root_path": "", "state": {}}
    await app(scope, receive, send)
    return told[0]["status"]

async def main():
    await app.startup()
    statuses = [await answer(path) for path in asked]
    await app.shutdown()
    print(json.dumps({"statuses": statuses, "modules": sorted(sys.modules)}))

asyncio.run(main())
"""


def _started(folder: Path, *asked: str) -> tuple[list[int], set[str]]:
    """In a process of its own: the statuses of what was asked, and every module it loaded."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-c", _START, str(folder), str(port), "sk-lean-8f3b1c5d7e9a2046", json.dumps(asked)]
    plain = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(command, capture_output=True, cwd=folder, env=plain, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    return told["statuses"], set(told["modules"])


def test_a_start_loads_nothing_heavy_that_it_may_never_need(tmp_path: Path) -> None:
    statuses, modules = _started(tmp_path, "/live", "/ready", "/health")
    assert statuses[:2] == [200, 200] and statuses[2] in (200, 503)
    assert [name for name in _HEAVY if name in modules] == []


@pytest.mark.parametrize("path", ["/openapi.json", "/stats"])
def test_pages_are_loaded_when_the_first_of_them_is_asked_for(tmp_path: Path, path: str) -> None:
    statuses, modules = _started(tmp_path, path, path)
    assert statuses == [200, 200] and "fastapi" in modules
    assert ("gateway.api.openapi" in modules) is (path == "/openapi.json")
