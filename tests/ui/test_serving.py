"""The bundle as it is served: headers, caching, paths, size, and that it is built from these sources.

Rows of docs/acceptance.md: A002-12.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.ui import STATIC
from tests.api.running import RunningGateway

ROOT = Path(__file__).resolve().parents[2]
UI = ROOT / "ui"
MAX_GZIP = 200_000
INPUTS = ["index.html", "package-lock.json", "tsconfig.json", "vite.config.ts"]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    running = RunningGateway(tmp_path_factory.mktemp("state"))
    with running.http(None) as client:
        yield client
    running.stop()


def asset(ending: str) -> str:
    return next(f"/ui/assets/{path.name}" for path in sorted((STATIC / "assets").iterdir()) if path.suffix == ending)


@pytest.mark.parametrize("path", ["/", "/ui", "/ui/", "/ui/overview", "/ui/requests/of/nothing", "/ui/catalog?q=x"])
def test_every_screen_is_the_same_page(http: httpx.Client, path: str) -> None:
    reply = http.get(path)
    assert reply.status_code == 200 and reply.headers["content-type"] == "text/html; charset=utf-8"
    assert '<div id="app">' in reply.text and reply.headers["cache-control"] == "no-cache"


def test_the_old_addresses_lead_to_the_app(http: httpx.Client) -> None:
    assert http.get("/admin.html").headers["location"] == "/ui/overview"
    assert http.get("/chat.html").headers["location"] == "/ui/playground"


def test_nothing_but_the_gateway_is_trusted(http: httpx.Client) -> None:
    headers = http.get("/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    text = http.get("/").text
    assert not re.search(r"<script(?![^>]*\ssrc=)", text) and "style=" not in text and "//" not in text


@pytest.mark.parametrize("ending", [".js", ".css", ".woff2", ".svg"])
def test_assets_are_kept_for_ever_and_packed(http: httpx.Client, ending: str) -> None:
    reply = http.get(asset(ending))
    assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]
    assert reply.headers.get("content-encoding") == (None if ending == ".woff2" else "gzip")
    plain = http.get(asset(ending), headers={"accept-encoding": "identity"})
    assert plain.content == reply.content and "content-encoding" not in plain.headers


def test_a_known_page_is_not_sent_again(http: httpx.Client) -> None:
    tag = http.get("/").headers["etag"]
    reply = http.get("/", headers={"if-none-match": tag})
    assert reply.status_code == 304 and reply.content == b"" and "content-security-policy" in reply.headers
    assert http.head("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/ui/assets/none.js", "/ui/assets/../../pages.py", "/ui/assets/%2e%2e/%2e%2e/%2e%2e/pyproject.toml",
        "/ui/assets/..%2f..%2fapp.py", "/ui/assets//etc/passwd", "/ui/assets/%00",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_bundle(http: httpx.Client, path: str) -> None:
    reply = http.send(httpx.Request("GET", httpx.URL(str(http.base_url)).copy_with(raw_path=path.encode())))
    assert reply.status_code in (200, 404)
    assert reply.status_code == 404 or '<div id="app">' in reply.text


def test_the_bundle_is_small_and_names_no_other_host() -> None:
    told = json.loads((STATIC / "build.json").read_text())
    assert told["gzip_bytes"] < MAX_GZIP
    allowed = (
        "http://www.w3.org",
        "https://api.groq.com",
        "https://llm.chutes.ai",
        "https://huggingface.co",
        "http://proxy",
        "https://example.com",
    )
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css", ".html", ".svg"):
            hosts = re.findall(r"https?://[a-z0-9.-]+", path.read_text())
            assert [host for host in hosts if not host.startswith(allowed)] == [], path.name


def test_the_committed_bundle_is_of_these_sources() -> None:
    names = sorted([*INPUTS, *(path.relative_to(UI).as_posix() for path in (UI / "src").rglob("*") if path.is_file())])
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode() + (UI / name).read_bytes() + b"\0")
    told = json.loads((STATIC / "build.json").read_text())
    assert told["sources"] == digest.hexdigest(), "run make ui"


def test_a_fresh_build_is_the_committed_one(tmp_path: Path) -> None:
    vite = UI / "node_modules/.bin/vite"
    if not vite.exists() or shutil.which("node") is None:
        pytest.skip("the UI's tools are not installed (npm ci in ui)")
    subprocess.run([vite, "build", "--outDir", tmp_path, "--logLevel", "error"], cwd=UI, check=True)
    built = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in STATIC.rglob("*") if path.is_file()}
    kept.pop("build.json")
    assert built.keys() == kept.keys() and all(built[name] == kept[name] for name in built), "run make ui"


def test_the_shapes_that_the_ui_knows_are_those_of_the_api(tmp_path: Path) -> None:
    running = RunningGateway(tmp_path)
    with running.http(None) as client:
        now: dict[str, Any] = client.get("/openapi.json").json()["components"]["schemas"]
    running.stop()
    known = json.loads((UI / "src/api/schema.json").read_text())["components"]["schemas"]
    used = re.findall(r'Schemas\["(\w+)"\]', (UI / "src/api/types.ts").read_text())
    assert len(used) > 20
    assert {name: fields(known[name]) for name in used} == {name: fields(now.get(name, {})) for name in used}, (
        "run make ui"
    )


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    """Names and types of the fields, without what is only for readers."""
    plain = ("description", "title", "examples", "default")
    return {
        name: {key: value for key, value in field.items() if key not in plain}
        for name, field in schema.get("properties", {}).items()
    }


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((UI / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
