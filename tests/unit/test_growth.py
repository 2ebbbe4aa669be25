"""What a request costs does not grow with the number of keys and models: counted in steps of the interpreter, which are
the same on every machine."""

import asyncio
import gc
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from gateway.access.keys import Caller, digest
from gateway.app import Gateway, create_app
from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import CHAT
from gateway.providers.base import Endpoint, ListedModel, Provider, ProviderType
from gateway.routing.types import Route, Target
from gateway.settings import Settings

ANSWER = json.dumps({"id": "x", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
PROVIDERS = {name: Provider(name, ProviderType.OPENAI, f"https://{name}.example/v1") for name in ("east", "west")}


class Prompt:
    """An adapter that has every answer ready."""

    @property
    def operations(self) -> frozenset[str]:
        return frozenset({CHAT.name})

    async def send(self, endpoint: Endpoint, call: Call) -> Reply:
        return Reply(200, "application/json", ANSWER)

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        return []

    async def check(self, provider: Provider) -> None: ...


def key(n: int) -> str:
    return f"sk-gw-{n:024d}"


def gateway(folder: Path, keys: int, models: int) -> Gateway:
    """With so many of both, as a snapshot holds them."""
    app = create_app(Settings.model_validate({"state_dir": folder, "engines": "off"}))
    routes = {}
    for n in range(models):
        targets = (Target("east", f"m{n}"), Target("west", f"m{n}", priority=1))
        routes[f"model-{n}"] = Route(f"model-{n}", targets)
    callers: Mapping[bytes, Caller] = {
        digest(key(n)): Caller(f"key {n}", allowed_models=("model-*",)) for n in range(keys)
    }
    app.state.snapshot = replace(app.state.snapshot, providers=PROVIDERS, routes=routes, callers=callers)
    app.state.dispatcher.asker.adapters = {"openai": Prompt()}
    return app


async def ask(app: Gateway, caller: int, model: int) -> int:
    body = json.dumps({"model": f"model-{model}", "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = [(b"authorization", f"Bearer {key(caller)}".encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": CHAT.path,
        "headers": headers,
        "query_string": b"",
        "client": None,
    }
    status = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    await app(scope, receive, send)
    return int(status[0])


def steps(app: Gateway, caller: int, model: int) -> int:
    """Steps of the interpreter for one request. The second of its kind: the first one meets its target for the first
    time. The fewest of three: a minute may turn in one of them. Garbage of others, which may take steps to collect, is
    left alone."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    async def counted() -> int:
        nonlocal count
        count, before = 0, sys.gettrace()
        sys._getframe().f_trace_opcodes = True  # Python 3.12 counts steps only where a frame asked before
        gc.disable()
        sys.settrace(trace)
        try:
            await ask(app, caller, model)
        finally:
            sys.settrace(before)
            gc.enable()
        return count

    async def fewest() -> int:
        assert await ask(app, caller, model) == 200
        return min([await counted() for _ in range(3)])

    return asyncio.run(fewest())


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    return gateway(tmp_path_factory.mktemp("few"), 1, 2)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    return gateway(tmp_path_factory.mktemp("many"), 200_000, 20_000)


def test_two_hundred_thousand_keys_and_twenty_thousand_models_cost_a_request_nothing(
    few: Gateway, many: Gateway
) -> None:
    alone = steps(few, 0, 1)
    assert alone > 500, "something was counted"
    for caller, model in ((0, 1), (199_999, 19_999), (100_000, 7)):
        assert abs(steps(many, caller, model) - alone) <= 0.02 * alone
