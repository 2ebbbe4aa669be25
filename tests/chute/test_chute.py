"""GatewayChute: SDK check, hooks, health check, `/route`, and where it believes to run.

Rows of docs/acceptance.md: A003-06, A003-11.
"""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from chutes.chute.cord import Cord

from gateway.chute import chute as module
from gateway.chute import runner
from gateway.chute.chute import GatewayChute, IncompatibleSDK, on_platform
from gateway.chute.front import plan
from gateway.errors import InvalidRequest
from tests.chute.toys import Client, ToyApp, call, toy_chute


def test_an_sdk_that_lacks_a_part_is_named_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Cord, "_request_handler")
    with pytest.raises(IncompatibleSDK, match=r"Cord\._request_handler"):
        toy_chute()


def test_an_sdk_that_names_its_state_otherwise_is_named_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: SimpleNamespace(origin=__file__))
    with pytest.raises(IncompatibleSDK, match=r"request\.state\._encrypt"):
        toy_chute()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"CHUTES_EXECUTION_CONTEXT": "REMOTE"}, False),
        ({"CHUTES_LAUNCH_JWT": "x"}, False),
        ({"CHUTES_EXECUTION_CONTEXT": "REMOTE", "CHUTES_LAUNCH_JWT": "x"}, True),
        ({"CHUTES_EXECUTION_CONTEXT": "REMOTE", "CHUTES_LAUNCH_JWT": "x", "CHUTES_DEV_MODE": "true"}, False),
    ],
)
def test_the_platform_is_known_by_its_launch_token(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    for name in ("CHUTES_EXECUTION_CONTEXT", "CHUTES_LAUNCH_JWT", "CHUTES_DEV_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert on_platform() is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/x/bin/chutes run m:c --dev --port 8100 --logging-port 8101", 8100),
        ("chutes run m:c --logging-port=9 --port=8200", 8200),
        ("chutes run m:c", 8000),
        ("chutes run m:c --port", None),
        ("chutes deploy m:c", None),
        ("chute_gateway.py --port 5", None),
    ],
)
def test_the_port_that_chutes_run_opens(line: str, expected: int | None) -> None:
    assert runner.port(line.split()) == expected


async def test_hooks_run_in_priority_order_and_a_broken_one_does_not_stop_the_end() -> None:
    chute, ran = toy_chute(), []

    @chute.on_startup(priority=20)
    async def second(self: GatewayChute) -> None:
        ran.append(("second", self is chute))

    @chute.on_startup(priority=10)
    def first(self: GatewayChute) -> None:
        ran.append(("first", self is chute))

    @chute.on_shutdown(priority=1)
    def breaks(self: GatewayChute) -> None:
        raise RuntimeError

    @chute.on_shutdown(priority=2)
    async def last(self: GatewayChute) -> None:
        ran.append(("last", self is chute))

    await chute.run_startup_hooks()
    await chute.close()
    assert ran == [("first", True), ("second", True), ("last", True)]


class HealthyApp(ToyApp):
    async def _answer(self, request: Any, receive: Any, send: Any) -> None:
        await self._chunks(send, "application/json", b'{"status": "healthy", "timestamp": "now"}')


async def test_the_health_check_is_the_apps_until_it_is_replaced() -> None:
    chute = toy_chute()
    assert (await chute.health_check())["status"] == "unhealthy"
    chute.open_gateway(HealthyApp())
    assert await chute.health_check() == {"status": "healthy", "timestamp": "now"}
    cord = chute.gateway_cord("/health", "/health", "GET")
    assert json.loads((await call(cord)).body)["status"] == "healthy"

    async def custom() -> dict[str, Any]:
        return {"status": "unhealthy", "error": "no model"}

    chute.health_check = custom  # type: ignore[method-assign]
    reply = await call(cord)
    assert (reply.status, json.loads(reply.body)) == (503, {"status": "unhealthy", "error": "no model"})


def test_what_documented_code_expects_of_a_chute() -> None:
    chute = toy_chute()
    assert chute.app is chute
    assert (chute.config.name, chute.config.username, chute.config.concurrency) == ("toy", "tester", 1)
    chute.logger.info("works")


async def test_local_runs_answer_route_and_websockets_reach_the_gateway() -> None:
    app = ToyApp()
    local = toy_chute(app).local_app()
    body = json.dumps({"operation": "completions", "model": "m", "prompt": "x"}).encode()
    scope = {"type": "http", "method": "POST", "path": "/route", "headers": [(b"x-a", b"b")], "query_string": b""}
    client = Client()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    await local(scope, receive, client.send)
    seen, forwarded = app.seen[0]
    assert seen["path"] == "/v1/completions"
    assert (b"x-a", b"b") in seen["headers"]
    assert json.loads(forwarded) == {"model": "m", "prompt": "x"}


def test_a_routed_call_keeps_its_fields() -> None:
    path, body = plan(b'{"path": "/v1/embeddings", "model": "a/b", "input": ["x"], "stream": false}')
    assert path == "/v1/embeddings"
    assert json.loads(body) == {"model": "a/b", "input": ["x"], "stream": False}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"{}", "path"),
        (b'{"path": "/v1/ocr", "operation": "ocr"}', "path"),
        (b'{"path": "/api/admin/keys"}', "path"),
        (b'{"path": "/route"}', "path"),
        (b'{"path": "/v1/../health"}', "path"),
        (b'{"path": 7}', "path"),
        (b'{"operation": "admin"}', "operation"),
        (b'{"operation": ["ocr"]}', "operation"),
    ],
)
def test_a_routed_call_reaches_only_known_operations(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan(body)
    assert refused.value.param == param
