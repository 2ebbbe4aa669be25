"""What stands before the gateway app in a chute, for cords and for `run_local` alike: `/route`, a replaced health
check, and an honest answer while the app is still starting."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from gateway.api.bodies import replay
from gateway.api.paths import INFERENCE
from gateway.chute.asgi import ASGIApp, ClientGone, Receive, Scope, Send, answer, read_body, rendered, with_body
from gateway.errors import EngineLoading, GatewayError, InvalidJSON, InvalidRequest, MethodNotAllowed
from gateway.openai_api.operations import OPERATIONS

HEALTH_PATH = "/health"
ROUTE_PATH = "/route"
MAX_ROUTED = 128 * 2**20
"""The platform's own limit for a body."""
BODY_SECONDS = 60.0

HealthCheck = Callable[[], Awaitable[Mapping[str, Any]]]

_BY_NAME = {operation.name: operation.path for operation in OPERATIONS.values()}


class Front:
    """`app` is set by the startup hook; `replaced_health` gives the health check that stands in for the app's."""

    def __init__(self, replaced_health: Callable[[], HealthCheck | None]) -> None:
        self.app: ASGIApp | None = None
        self._replaced_health = replaced_health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] == HEALTH_PATH and (check := self._replaced_health()):
                await _answer_health(check, send)
                return
            if scope["path"] == ROUTE_PATH:
                scope, receive = await _routed(scope, receive)
            if self.app is None:
                raise EngineLoading("The gateway is starting.", code="starting", retry_after=5)
        except ClientGone:
            return
        except GatewayError as error:
            await answer(send, *rendered(error))
            return
        await self.app(scope, receive, send)


async def _answer_health(check: HealthCheck, send: Send) -> None:
    report = dict(await check())
    status = 503 if report.get("status") == "unhealthy" else 200
    await answer(send, status, [("content-type", "application/json")], orjson.dumps(report, default=str))


async def _routed(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """The request that a call to `/route` stands for."""
    if scope["method"] != "POST":
        raise MethodNotAllowed("/route takes POST.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            path, body = plan(await read_body(receive, MAX_ROUTED))
    except TimeoutError:
        raise ClientGone from None
    routed = {**scope, "path": path, "raw_path": path.encode(), "headers": with_body(scope["headers"], body)}
    return routed, replay(body, receive)


def plan(body: bytes) -> tuple[str, bytes]:
    """Path and body of the call that `{"path" or "operation", …fields}` asks for. Raises InvalidRequest.

    The fields stand beside `path`, not below it: the platform looks for `stream` at the top of the body it sees.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidJSON("The body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_type")
    name = document.pop("operation", None)
    path = document.pop("path", None)
    if (name is None) == (path is None):
        raise InvalidRequest("Give either 'path' or 'operation', and the request's fields beside it.", param="path")
    if name is not None:
        path = _BY_NAME.get(name) if isinstance(name, str) else None
        if path is None:
            raise InvalidRequest(f"'operation' must be one of {', '.join(_BY_NAME)}.", param="operation")
    if not isinstance(path, str) or path not in INFERENCE:
        raise InvalidRequest(f"'path' must be one of {', '.join(sorted(INFERENCE))}.", param="path")
    return path, orjson.dumps(document)
