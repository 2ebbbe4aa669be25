"""The FastAPI side: everything but inference, with every refusal in the shape of the OpenAI API."""

from importlib import import_module
from itertools import dropwhile
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import __version__
from gateway.api import admin, batches, explain, files, health_routes, jobs, listing, token_counts, ui, warmup
from gateway.api.admin.identity import administrator
from gateway.api.catalog import catalog_routes
from gateway.api.metrics import metrics_router
from gateway.api.paths import INFERENCE
from gateway.api.services import Services
from gateway.api.watched import Watched
from gateway.catalog.parts import CatalogParts
from gateway.dialects.messages import MESSAGES, is_meant
from gateway.errors import GatewayError, InvalidJSON, InvalidRequest, MethodNotAllowed, NotFound, render
from gateway.observe.request_ids import new_request_id
from gateway.state import State

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_OF_TYPE = ("_type", "_parsing")
"""How pydantic's names of problems with a value's type end."""
_PATHS = frozenset({*INFERENCE, "/v1/models", "/v1/jobs", "/v1/files", "/v1/batches"})


def all_pages(state: State, catalog: CatalogParts, services: Services, watched: Watched) -> FastAPI:
    """Everything, once the gateway has started."""
    app = fastapi_app(state)
    app.include_router(catalog_routes(catalog, administrator))
    app.include_router(metrics_router(watched))
    app.state.services = services
    return app


def fastapi_app(state: State) -> FastAPI:
    app = _Pages(title="chute-gateway", version=__version__, docs_url=None, redoc_url=None)
    app.state.gateway = state
    app.include_router(health_routes.router)
    app.include_router(warmup.router)
    app.include_router(explain.router)
    app.include_router(listing.router)
    app.include_router(token_counts.router)
    app.include_router(jobs.router)
    app.include_router(files.router)
    app.include_router(batches.router)
    app.include_router(ui.router)
    for router in admin.ROUTERS:
        app.include_router(router)
    app.add_middleware(RequestIds)
    app.add_exception_handler(GatewayError, _gateway_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _gateway_error)
    return app


class _Pages(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """With what FastAPI knows nothing of. The module that tells it is loaded for this alone."""
        document = super().openapi()
        if "security" not in document:
            import_module("gateway.api.openapi").complete(document)
        return document


class RequestIds:
    """Gives every answer that has none an `x-request-id`, and Anthropic's clients the header that they read.

    Redirects lose their host: neither what a client says of it, nor `http` where a proxy in front speaks TLS, leads
    anybody elsewhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if (place := headers.get("location", "")).startswith("http"):
                    headers["location"] = urlsplit(place)._replace(scheme="", netloc="").geturl()
                request_id = headers.setdefault("x-request-id", new_request_id())
                if is_meant(scope["path"], Headers(scope=scope)):
                    headers[MESSAGES.id_header] = request_id
            await send(message)

        await self._app(scope, receive, marked)


def _answer(request: Request, error: GatewayError) -> Response:
    rendered = MESSAGES.render if is_meant(request.scope["path"], request.headers) else render
    status, headers, body = rendered(error, new_request_id())
    return Response(body, status, dict(headers))


def _gateway_error(request: Request, error: Exception) -> Response:
    return _answer(request, error if isinstance(error, GatewayError) else GatewayError("Internal error."))


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == MethodNotAllowed.status:
        allowed = ", ".join(_allowed(request))
        text = f"{request.method} is not possible here; there is {allowed}."
        return _answer(request, MethodNotAllowed(text, headers=[("allow", allowed)]))
    if status == InvalidRequest.status:
        return _answer(request, InvalidJSON("The request body is not valid JSON."))
    return _answer(request, _nothing_at(request.scope["path"]))


def _allowed(request: Request) -> list[str]:
    """The methods that this path has."""
    routes: list[BaseRoute] = request.app.routes
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    return [method for method in _METHODS if any(route.matches(scopes[method])[0] is Match.FULL for route in routes)]


def _nothing_at(path: str) -> NotFound:
    """With the path that was probably meant, such as that of a client whose base URL lacks `/v1` or has it twice."""
    parts = [part for part in path.split("/") if part]
    meant = "/".join(["", "v1", *dropwhile("v1".__eq__, parts)])
    if meant in _PATHS:
        return NotFound(f"There is nothing at this path. Did you mean {meant}?")
    if parts[:1] == ["v1"]:
        return NotFound(f"There is nothing at this path. Models are asked at {', '.join(INFERENCE)}.")
    return NotFound("There is nothing at this path.")


def _validation_error(request: Request, error: Exception) -> Response:
    """The first problem, with the name of its field and what would be right."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    if not problems:
        return _answer(request, InvalidRequest("The request is not valid."))
    problem = problems[0]
    field = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header"))
    if problem["type"] == "json_invalid":
        return _answer(request, InvalidJSON("The request body is not valid JSON."))
    if not field and problem["type"].endswith(_OF_TYPE):
        text = "The body must be a JSON object, sent with the header Content-Type: application/json."
        return _answer(request, InvalidRequest(text, code="invalid_type"))
    if problem["type"] == "extra_forbidden":
        return _answer(request, InvalidRequest(f"'{field}' is not a known field.", param=field, code="unknown_field"))
    if problem["type"] == "missing":
        text = f"Missing required parameter: '{field}'." if field else "The request needs a body: a JSON object."
        return _answer(request, InvalidRequest(text, param=field or None, code="missing_required_parameter"))
    reason = str(problem["msg"]).removeprefix("Value error, ")
    code = "invalid_type" if problem["type"].endswith(_OF_TYPE) else None
    return _answer(request, InvalidRequest(f"'{field}': {reason}" if field else reason, param=field or None, code=code))
