"""A cord that calls a function of the chute. Made by `GatewayChute.cord`; its door is that of the gateway's.

The function runs on the server's own loop (the SDK would give each call a loop of its own, in which pooled clients and
background tasks die). What it returns may be a Response, a generator, a model, text, bytes or plain data.
"""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import HTTPException, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from gateway.chute import guard
from gateway.chute.asgi import ASGIApp, ClientGone, Receive, Scope, Send, read_body
from gateway.chute.binding import bind
from gateway.chute.cord import GatewayCord
from gateway.chute.replies import CLIENT_GONE, EVENTS, JSON
from gateway.errors import GatewayError, InvalidJSON, Unauthenticated
from gateway.observe.request_ids import new_request_id

if TYPE_CHECKING:
    from gateway.chute.chute import GatewayChute


class FunctionCord(GatewayCord):
    """`function` takes the chute first, then fields of the body (or of the query, for GET) by their names."""

    def __init__(
        self, chute: "GatewayChute", function: Callable[..., Any], *, path: str, public_api_path: str, method: str,
        **extra: Any,
    ) -> None:  # fmt: skip
        self.function = function
        self.binding = bind(function, extra.get("input_schema"))
        extra["input_schema"] = extra.get("input_schema") or self.binding.model
        self._answer_schema = extra.get("output_schema")
        self._answer_type: str | None = extra.get("output_content_type")  # the SDK guesses one where none is given
        super().__init__(
            chute, path=path, public_api_path=public_api_path, method=method, target=public_api_path, **extra
        )

    def app_for(self, request: Request) -> ASGIApp:
        """The function as an app: whoever calls it, what it returns leaves as the gateway's answers do."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request.state.request_id = new_request_id()
            response = await self._response(request, scope, await _fields(self.method, scope, receive))
            await response(scope, receive, send)

        return answer

    async def _request_handler(self, request: Request) -> Response:
        """In a local run nobody has read the body yet."""
        if not self._app.on_platform and not hasattr(request.state, "decrypted") and self.method != "GET":
            try:
                request.state.decrypted = await _body(request)
            except ClientGone:
                return Response(status_code=CLIENT_GONE)
            except GatewayError as error:
                return Response(to_json(error.body()), error.http_status, media_type=JSON)
        return await super()._request_handler(request)

    async def _response(self, request: Request, scope: Scope, fields: dict[str, Any]) -> Response:
        chute: GatewayChute = self._app
        try:
            await self._admit(request, scope)
            arguments = self.binding.arguments(fields, request)
            return self._as_response(await _called(self.function, chute, arguments))
        except GatewayError as error:
            return Response(to_json(error.body()), error.http_status, media_type=JSON)
        except Exception as error:
            handler = _handler_for(chute, error)
            if handler is not None:
                handled = handler(request, error)
                response: Response = await handled if inspect.isawaitable(handled) else handled
                return response
            if isinstance(error, HTTPException):
                return Response(to_json({"detail": error.detail}), error.status_code, media_type=JSON)
            raise

    async def _admit(self, request: Request, scope: Scope) -> None:
        """Others need a key that the gateway knows. A web page is never trusted, even from this machine."""
        if scope.get("gateway.door") == "chute" and (self._app.on_platform or guard.is_local_program(request.scope)):
            return
        if not await self._app.knows_key(scope):
            raise Unauthenticated("This endpoint needs a gateway key: give it as 'gw_key'.")

    def _as_response(self, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        kind = self._answer_type
        if inspect.isasyncgen(result) or inspect.isgenerator(result):
            chunks = result if inspect.isasyncgen(result) else iterate_in_threadpool(result)
            streamed = kind if kind and kind != JSON else EVENTS
            return StreamingResponse(_chunks(chunks, streamed), media_type=streamed)
        if isinstance(result, bytes):
            return Response(result, media_type=kind or "application/octet-stream")
        if isinstance(result, str) and kind and kind != JSON:
            return Response(result, media_type=kind)
        schema = self._answer_schema
        if inspect.isclass(schema) and issubclass(schema, BaseModel):
            result = schema.model_validate(result)
        return Response(to_json(result), media_type=JSON)


async def _called(function: Callable[..., Any], chute: "GatewayChute", arguments: dict[str, Any]) -> Any:
    """A plain function runs in a thread, so that it cannot hold up the loop."""
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        return function(chute, **arguments)
    if inspect.iscoroutinefunction(function):
        return await function(chute, **arguments)
    return await asyncio.to_thread(function, chute, **arguments)


async def _chunks(results: AsyncIterator[Any], kind: str) -> AsyncIterator[bytes]:
    """Text and bytes as they are; in an event stream everything else becomes one event."""
    async for result in results:
        if isinstance(result, str):
            yield result.encode()
        elif isinstance(result, bytes):
            yield result
        elif kind == EVENTS:
            yield b"data: " + to_json(result) + b"\n\n"
        else:
            yield to_json(result) + b"\n"


async def _body(request: Request) -> Any:
    raw = await read_body(request.receive, guard.MAX_BODY)
    try:
        return json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        raise InvalidJSON("The body is not valid JSON.") from None


async def _fields(method: str, scope: Scope, receive: Receive) -> dict[str, Any]:
    if method == "GET":
        return {name: values[-1] for name, values in _query(scope).items()}
    body = (await receive())["body"]
    fields: dict[str, Any] = json.loads(body)
    return fields


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode(), keep_blank_values=True)


def _handler_for(chute: "GatewayChute", error: Exception) -> Callable[..., Any] | None:
    """What `chute.app.exception_handler(…)` registered, by the nearest class. FastAPI's own stay out."""
    found = chute.exception_handlers.items()
    handlers = {kind: one for kind, one in found if one.__module__ != "fastapi.exception_handlers"}
    kinds: Iterable[type] = type(error).__mro__
    if isinstance(error, HTTPException):
        kinds = [kind for kind in kinds if kind is not Exception]
    return next((handlers[kind] for kind in kinds if kind in handlers), None)
