"""Functions as cords: how requests become arguments, how results leave on the platform, and who may call.

Rows of docs/acceptance.md: A003-08.
"""

import json
from typing import Any

import pytest
from fastapi import HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse

from gateway.chute.binding import bind
from gateway.chute.chute import GatewayChute
from gateway.chute.functions import FunctionCord
from gateway.errors import ConfigError, InvalidRequest
from tests.chute.toys import ToyApp, call, toy_chute


class Body(BaseModel):
    prompt: str
    count: int = Field(1, ge=1)


def request() -> Request:
    return Request({"type": "http", "headers": []})


def bound(function: Any, fields: dict[str, Any], schema: Any = None) -> dict[str, Any]:
    return bind(function, schema).arguments(fields, request())


def test_fields_by_name_with_defaults() -> None:
    def function(self: Any, prompt: str, style: str = "formal", count: int | None = None) -> None: ...

    assert bound(function, {"prompt": "x", "other": 1}) == {"prompt": "x", "style": "formal", "count": None}
    assert bound(function, {"prompt": "x", "count": "3"})["count"] == 3


def test_a_model_takes_the_whole_body() -> None:
    def annotated(self: Any, params: Body) -> None: ...

    def by_schema(self: Any, params) -> None: ...  # type: ignore[no-untyped-def]

    assert bound(annotated, {"prompt": "x"}) == {"params": Body(prompt="x")}
    assert bound(by_schema, {"prompt": "x"}, Body) == {"params": Body(prompt="x")}


def test_a_dict_takes_the_whole_body() -> None:
    def function(self: Any, args: dict[str, Any]) -> None: ...

    assert bound(function, {"a": 1}) == {"args": {"a": 1}}


def test_the_request_comes_along_and_nothing_is_needed() -> None:
    def function(self: Any, prompt: str, http: Request) -> None: ...

    def nothing(self: Any) -> None: ...

    assert set(bound(function, {"prompt": "x"})) == {"prompt", "http"}
    assert bound(nothing, {"a": 1}) == {}


@pytest.mark.parametrize(
    ("fields", "param"), [({}, "prompt"), ({"prompt": []}, "prompt"), ({"prompt": "x", "count": 0}, "count")]
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    def function(self: Any, params: Body) -> None: ...

    with pytest.raises(InvalidRequest) as refused:
        bound(function, fields)
    assert refused.value.param == param


def test_a_function_that_no_request_can_call_is_refused() -> None:
    def function(self: Any, *prompts: str) -> None: ...

    with pytest.raises(ConfigError, match="prompts"):
        bind(function)


# --- on the platform -------------------------------------------------------------------------------------------


def chute_with(function: Any, app: ToyApp | None = None, **options: Any) -> tuple[GatewayChute, FunctionCord]:
    extra = {name: options.pop(name) for name in ("output_content_type", "method") if name in options}
    chute = toy_chute(app, **{"platform": True, **options})
    chute.cord("/v1/do", **extra)(function)
    cord = chute.cords[-1]
    assert isinstance(cord, FunctionCord)
    return chute, cord


async def test_results_leave_in_the_platforms_shapes() -> None:
    async def data(self: Any, prompt: str) -> dict[str, str]:
        return {"said": prompt}

    async def text(self: Any) -> str:
        return "WEBVTT"

    async def raw(self: Any) -> bytes:
        return b"\x00\xff"

    async def page(self: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    _, cord = chute_with(data)
    assert (await call(cord, {"prompt": "x"}, platform=True)).as_platform_reads(stream=False) == {"said": "x"}
    _, cord = chute_with(text, output_content_type="text/vtt")
    assert (await call(cord, {}, platform=True)).as_platform_reads(stream=False)[1] == b"WEBVTT"
    _, cord = chute_with(raw)
    assert (await call(cord, {}, platform=True)).as_platform_reads(stream=False)[1] == b"\x00\xff"
    _, cord = chute_with(page)
    assert (await call(cord, {}, platform=True)).as_platform_reads(stream=False)[1] == b"page"


async def test_a_generator_streams_only_as_the_platform_reads_it() -> None:
    async def stream(self: Any, stream: Any = None) -> Any:
        for n in range(3):
            yield {"n": n}

    _, cord = chute_with(stream)
    events = 'data: {"n":0}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\n'
    assert (await call(cord, {"stream": True}, platform=True)).as_platform_reads(stream=True) == events
    kind, body = (await call(cord, {}, platform=True)).as_platform_reads(stream=False)
    assert (kind.partition(";")[0], body.decode()) == ("text/event-stream", events)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HTTPException(404, "no"), 400),
        (HTTPException(503, "later"), 429),
        (RuntimeError("secret"), 429),
        (InvalidRequest("bad"), 400),
    ],
)
async def test_no_error_counts_against_the_instance(error: Exception, status: int) -> None:
    async def fail(self: Any) -> None:
        raise error

    for stream in (False, True):
        _, cord = chute_with(fail)
        reply = await call(cord, {"stream": stream}, platform=True)
        assert reply.status == status
        assert b"secret" not in reply.body


async def test_get_takes_the_query() -> None:
    async def get(self: Any, limit: int = 1) -> int:
        return limit

    _, cord = chute_with(get, method="GET")
    assert (await call(cord, {}, params={"limit": "5"}, platform=True)).as_platform_reads(stream=False) == 5


# --- who may call ----------------------------------------------------------------------------------------------


class KeyedApp(ToyApp):
    """Lists models to one key."""

    async def _answer(self, given: Any, receive: Any, send: Any) -> None:
        scope = self.seen[-1][0]
        good = dict(scope["headers"]).get(b"authorization") == b"Bearer sk-good"
        await self._chunks(send, "application/json", b"{}", status=200 if good else 401)


async def open_to_all(self: Any) -> str:
    return "done"


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("sk-bad", 401), ("sk-good", 200)])
async def test_a_stranger_needs_a_key_that_the_gateway_knows(key: str | None, status: int) -> None:
    _, cord = chute_with(open_to_all, KeyedApp(), platform=False)
    params = {"gw_key": key} if key else {}
    reply = await call(cord, {}, params=params, address="203.0.113.9")
    assert reply.status == status, reply.body
    assert (await call(cord, {}, change=_local)).status == 200


async def test_a_demanded_key_is_demanded_on_the_platform() -> None:
    _, cord = chute_with(open_to_all, KeyedApp(), require_key=True)
    refused = await call(cord, {}, platform=True)
    assert refused.as_platform_reads(stream=False)["status"] == 401
    good = await call(cord, {"gw_key": "sk-good"}, platform=True)
    assert good.as_platform_reads(stream=False) == "done"


async def test_without_a_gateway_strangers_are_refused() -> None:
    _, cord = chute_with(open_to_all, platform=False)
    assert (await call(cord, {"gw_key": "sk-good"}, address="203.0.113.9")).status == 401


async def test_a_handler_of_ones_own_answers_for_its_class() -> None:
    class Special(Exception):
        pass

    async def fail(self: Any) -> None:
        raise Special

    chute, cord = chute_with(fail, platform=False)

    async def handle(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(request.state.request_id, 418)

    chute.app.add_exception_handler(Special, handle)
    reply = await call(cord, {}, change=_local)
    assert (reply.status, reply.body[:4]) == (418, b"req-")


def test_the_cord_is_registered_as_the_platform_needs_it() -> None:
    chute, cord = chute_with(open_to_all)
    assert (cord.path, cord.public_api_path, cord.method) == ("/open_to_all", "/v1/do", "POST")
    assert (cord._stream, cord._passthrough, cord._func.__name__) == (False, True, "open_to_all")
    assert chute.jobs == []


def _local(scope: Any) -> None:
    scope["headers"].append((b"host", b"localhost"))


def test_bodies_are_shown_with_their_schema() -> None:
    def function(self: Any, prompt: str, count: int = 1) -> None: ...

    _, cord = chute_with(function)
    assert "prompt" in json.dumps(cord.input_schema)
