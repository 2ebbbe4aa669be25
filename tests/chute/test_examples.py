"""Every documented example of the Chute API, as corrected in `examples/`, on a real server (acceptance A003).

Rows of docs/acceptance.md: A003-01.
"""

import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn
import websocket

from gateway.chute.chute import GatewayChute
from gateway.platform.sealing import open_line, open_whole, seal, seal_path
from tests.chute.overhead import instance
from tests.fakes.ports import free_port
from tests.fakes.upstream import Upstream

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> ModuleType:
    """A fresh copy of the module, as `python examples/NAME.py` would load it."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("ENGINES", "off")


@asynccontextmanager
async def running(chute: GatewayChute) -> AsyncIterator[httpx.AsyncClient]:
    """The chute as `run_local` serves it, startup and shutdown hooks included."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(chute.local_app(), lifespan="on", log_config=None))
    serving = asyncio.create_task(server._serve([sock]))
    try:
        while not server.started:
            assert not serving.done(), serving.exception()
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


async def test_cords() -> None:
    """A003-05, A003-07, A003-08: fields, schemas with bounds, an image, streams, text, GET."""
    async with running(example("cords").chute) as client:
        assert (await client.post("/generate", json={"prompt": "hi"})).json() == "You said: hi"
        checked = await client.post("/generate_checked", json={"prompt": "a b c", "max_tokens": 2})
        assert checked.json() == {"generated_text": "You said:", "tokens_used": 2}
        image = await client.post("/generate_image", json={"prompt": "a cat"})
        assert (image.headers["content-type"], image.content[:4]) == ("image/png", b"\x89PNG")
        assert image.headers["content-disposition"] == "inline; filename=generated.png"
        for path in ("/stream_generate", "/stream_words"):
            stream = await client.post(path, json={"prompt": "hi"})
            assert stream.headers["content-type"].startswith("text/event-stream")
            events = [json.loads(line.removeprefix("data: ")) for line in stream.text.split("\n\n") if line]
            assert [event["token"] for event in events] == ["You", "said:", "hi"]
        assert (await client.post("/subtitles", json={"text": "hello"})).text.startswith("WEBVTT")
        assert (await client.get("/count", params={"text": "four", "times": "2"})).json() == {"characters": 8}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/generate", {}, "prompt"),
        ("/generate", {"prompt": 7}, "prompt"),
        ("/generate_checked", {"prompt": "x", "max_tokens": 0}, "max_tokens"),
        ("/generate_checked", {"prompt": "x", "max_tokens": 1001}, "max_tokens"),
        ("/generate_checked", {"prompt": "x", "temperature": 2.1}, "temperature"),
        ("/stream_words", {}, "prompt"),
    ],
)
async def test_a_field_that_is_wrong_is_named(path: str, body: dict[str, Any], param: str) -> None:
    async with running(example("cords").chute) as client:
        reply = await client.post(path, json=body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    async with running(example("cords").chute) as client:
        assert (await client.post("/generate", content=body)).status_code == 400


async def test_a_web_page_cannot_call_functions_of_this_machine() -> None:
    async with running(example("cords").chute) as client:
        reply = await client.post("/generate", json={"prompt": "x"}, headers={"Origin": "https://evil.example"})
        assert reply.status_code == 401


async def test_lifecycle() -> None:
    """A003-06, A003-11, A003-12, A003-13."""
    module = example("lifecycle")
    async with running(module.chute) as client:
        custom = await client.get("/custom", headers={"Origin": "https://a.example"})
        assert custom.json() == {"message": "Custom endpoint"}
        assert custom.headers["access-control-allow-origin"] == "*"
        health = await client.get("/health")
        assert (health.status_code, health.json()["model_loaded"]) == (200, True)
        assert (await module.chute.health_check())["status"] == "healthy"
        assert (await client.post("/generate", json={"prompt": "hi"})).json() == "You said: hi"
        module.chute.model.loaded = False
        ill = await client.get("/health")
        assert (ill.status_code, ill.json()["error"]) == (503, "the model is not loaded")
        failed = await client.post("/generate", json={"prompt": "hi"})
        assert (failed.status_code, "not loaded" in failed.text) == (500, False)
    assert module.steps == ["loaded", "unloaded"]


async def test_jobs(upstream: Upstream) -> None:
    """A003-09: asked for, retried, visible."""
    module = example("jobs")
    module.chute.scheduler._pause = 0.01
    async with running(module.chute) as client:
        asked = {"name": "data_processing", "arguments": {"data": {"items": [1, 2]}}}
        run_id = (await client.post("/jobs/run", json=asked)).json()["run_id"]
        run = await _ended(client, run_id)
        assert (run["state"], run["result"]) == ("succeeded", {"status": "completed", "processed_items": 2})
        cleaned = await module.chute.scheduler.run("daily_cleanup")
        assert cleaned.result["cache_entries_cleared"] == 1
        upstream.script += ["500", "500", ""]
        call = {"endpoint": f"{upstream.url}/v1/embeddings", "data": {"model": "text-embed", "input": "x"}}
        called = await module.chute.scheduler.run("external_api_call", **call)
        assert (called.state, called.attempts) == ("succeeded", 3)
        jobs = {job["name"]: job for job in (await client.get("/jobs")).json()["jobs"]}
        assert jobs["daily_cleanup"]["next"].endswith("02:00:00+00:00")
        unknown = await client.post("/jobs/run", json={"name": "none"})
        assert unknown.status_code >= 400


async def _ended(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    for _ in range(500):
        runs = {run["run_id"]: run for run in (await client.get("/jobs")).json()["runs"]}
        if runs[run_id]["ended_at"]:
            found: dict[str, Any] = runs[run_id]
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("the run did not end")


async def test_websocket() -> None:
    """A003-10."""
    async with running(example("chat_socket").chute) as client:
        url = f"ws://127.0.0.1:{client.base_url.port}/chat"

        def talk() -> list[str | bytes]:
            connection = websocket.create_connection(url, timeout=60)
            heard = []
            for said in ("hello", "again"):
                connection.send(said)
                heard.append(connection.recv())
            connection.close()
            return heard

        assert await asyncio.to_thread(talk) == ["You said: hello", "You said: again"]

        def from_a_page() -> None:
            websocket.create_connection(url, timeout=60, origin="https://evil.example")

        with pytest.raises(websocket.WebSocketBadStatusException):
            await asyncio.to_thread(from_a_page)


async def test_statistics() -> None:
    """A003-14: the rate is 0 while empty."""
    module = example("statistics")
    async with running(module.chute) as client:
        assert (await client.get("/stats")).json()["cache_hit_rate"] == 0
        for prompt in ("a", "a", "b", "a"):
            await client.post("/generate", json={"prompt": prompt})
        module.chute.model.loaded = False
        assert (await client.post("/generate", json={"prompt": "c"})).status_code == 500
        expected = {"requests": 5, "errors": 1, "cache_hits": 2, "cache_misses": 3, "cache_hit_rate": 0.4}
        assert (await client.get("/stats")).json() == expected


class FakeModel:
    async def generate(self, prompt: str) -> str:
        return f"fake {prompt}"


class FullCache:
    async def get(self, key: str) -> str | None:
        return "from the cache" if key == "known" else None

    async def set(self, key: str, value: str) -> None: ...


async def test_dependencies() -> None:
    """A003-15: others in place of model and cache."""
    async with running(example("dependencies").build(FakeModel(), FullCache())) as client:
        assert (await client.post("/generate", json={"prompt": "known"})).json() == "from the cache"
        assert (await client.post("/generate", json={"prompt": "new"})).json() == "fake new"


async def test_errors() -> None:
    """A003-16."""
    module = example("errors")
    async with running(module.chute) as client:

        async def detail(prompt: str) -> tuple[int, str]:
            reply = await client.post("/generate", json={"prompt": prompt})
            return reply.status_code, reply.json()["detail"]

        assert await detail("  ") == (400, "Prompt cannot be empty")
        assert await detail("x" * 10_001) == (400, "Prompt too long (max 10,000 characters)")
        broken = await client.post("/broken", json={})
        assert (broken.status_code, broken.json()["error"]) == (500, "Internal server error")
        assert broken.json()["request_id"].startswith("req-")

        async def nothing(prompt: str) -> str:
            return ""

        module.chute.model.generate = nothing
        assert await detail("x") == (500, "Model failed to generate output")


async def test_batching() -> None:
    """A003-17: calls share batches, and one bad item fails alone."""
    module = example("batching")
    async with running(module.chute) as client:
        prompts = [f"p{n}" for n in range(11)] + [""]
        replies = await asyncio.gather(*(client.post("/generate_batched", json={"prompt": one}) for one in prompts))
        assert [reply.status_code for reply in replies] == [200] * 11 + [500]
        assert replies[3].json()["generated_text"] == "You said: p3"
        assert max(module.chute.batches) > 1
        assert sum(module.chute.batches) == 12


async def test_security() -> None:
    """A003-18: by header where headers arrive, by a field on the platform."""
    module = example("security")
    async with running(module.chute) as client:
        key = {"X-API-Key": "your-secret-api-key"}
        strange: dict[str, Any] = {"X-API-Key": "ключ".encode()}
        for body, headers in (({}, {}), ({"api_key": "wrong"}, {}), ({}, strange)):
            refused = await client.post("/secure_generate", json={"prompt": "x", **body}, headers=headers)
            assert (refused.status_code, refused.json()["detail"]) == (401, "Invalid or missing API key")
        module.chute.limit = 3
        body = {"prompt": "  hi  ", "api_key": "your-secret-api-key"}
        replies = [
            await client.post("/secure_generate", json={"prompt": "hi"}, headers=key),
            await client.post("/secure_generate", json=body),
            await client.post("/secure_generate", json={"prompt": "x" * 5001}, headers=key),
            await client.post("/secure_generate", json=body),
        ]
        assert [reply.status_code for reply in replies] == [200, 200, 400, 429]
        assert replies[1].json() == {"generated_text": "You said: hi"}
        assert replies[3].json() == {"detail": "Rate limit exceeded"}


async def test_multi_model() -> None:
    """A003-19."""
    async with running(example("multi_model").chute) as client:
        assert (await client.post("/generate_text", json={"prompt": "hi"})).json() == "You said: hi"
        assert (await client.post("/generate_image", json={"prompt": "hi"})).headers["content-type"] == "image/png"
        assert (await client.post("/embed_text", json={"text": "two words"})).json() == [9.0, 2.0]


async def test_template(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A003-20, with a model of a provider; with a local engine it is the same call."""
    Path("gateway.yaml").write_text(
        "allow_private_upstreams: true\n"
        f"providers: {{fake: {{type: openai, base_url: '{upstream.url}', api_key: k, models: [gpt-x]}}}}\n"
    )
    monkeypatch.setenv("EXAMPLE_MODEL", "gpt-x")
    async with running(example("template").chute) as client:
        styled = await client.post("/custom_generate", json={"prompt": "hello", "style": "casual"})
        assert styled.json() == {"generated_text": "Hello from the upstream.", "style": "casual"}
        assert upstream.last.json["messages"][0]["content"] == "Please respond casually: hello"
        upstream.faults["gpt-x"] = "400"
        assert (await client.post("/custom_generate", json={"prompt": "hello"})).status_code == 502
        assert (await client.get("/health")).json()["status"] == "healthy"


@pytest.mark.chute
def test_an_example_on_an_instance_of_the_platform() -> None:
    """Functions, bytes and generators through the SDK's middleware without dev mode."""
    with instance("cords", FOLDER) as (fleet, client, _):

        def call(path: str, **fields: Any) -> httpx.Response:
            body = seal({"json": fields, "params": {}})
            return client.post(seal_path(path), content=body, headers=fleet.headers(body))

        assert open_whole(call("/generate_text", prompt="hi").content).body == b'"You said: hi"'
        image = open_whole(call("/generate_image", prompt="hi").content)
        assert (image.media_type, image.body[:4]) == ("image/png", b"\x89PNG")
        stream = call("/stream_words", prompt="hi", stream=True)
        events = b"".join(open_line(line) for line in stream.content.splitlines())
        assert events == b'data: {"token":"You"}\n\ndata: {"token":"said:"}\n\ndata: {"token":"hi"}\n\n'
        refused = call("/generate_checked", prompt="x", max_tokens=0)
        assert (refused.status_code, refused.json()["detail"]["error"]["param"]) == (400, "max_tokens")


@pytest.mark.chute
def test_an_example_under_the_runner_of_the_sdk(tmp_path: Path) -> None:
    """`chutes run cords:chute --dev`, as the README says: functions, streams, and no strangers."""
    port = free_port()
    line = [str(Path(sys.executable).with_name("chutes")), "run", "cords:chute", "--dev", "--host", "127.0.0.1"]
    line += ["--port", str(port), "--logging-port", str(free_port())]
    kept = {name: os.environ[name] for name in ("PATH", "STATE_DIR", "ENGINES")}
    environment = {**kept, "HOME": str(tmp_path), "CHUTES_EXECUTION_CONTEXT": "REMOTE"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(line, cwd=FOLDER, env=environment, stdout=log, stderr=log) as child,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                _until_up(client, child)
                assert client.post("/generate", json={"prompt": "hi"}).json() == "You said: hi"
                assert client.post("/stream_words", json={"prompt": "hi"}).text.count("data: ") == 3
                assert client.get("/count", params={"text": "four"}).json() == {"characters": 4}
                assert client.post("/generate", json={}).status_code == 400
                stranger = client.post("/generate", json={"prompt": "hi"}, headers={"Origin": "https://evil.example"})
                assert stranger.status_code == 403
        finally:
            child.terminate()
            assert child.wait(40) == 0


def _until_up(client: httpx.Client, child: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and child.poll() is None:
        try:
            client.get("/count", params={"text": ""})
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("not up")


def test_every_example_is_run_here() -> None:
    run = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    names = {path.stem for path in FOLDER.glob("*.py")} - {"toy_model"}
    assert {"chat_socket" if one == "websocket" else one for one in run} >= names
    page = (FOLDER / "README.md").read_text()
    assert [name for name in names if f"`{name}.py`" not in page] == []
