"""The web server around one model: bearer check, health, metrics, model list, error shapes, and an orderly end.

It listens at once and answers 503 until the model is warm; progress goes to standard output for the supervisor.
"""

import asyncio
import hmac
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chute_models.engines.arguments import Arguments
from chute_models.engines.errors import Refusal
from chute_models.engines.metrics import Metrics
from chute_models.engines.worker import Worker
from chute_models.progress import MARK, clean

_HOPELESS = (ImportError, ValueError, FileNotFoundError, NotADirectoryError, KeyError, AttributeError)


def report(**facts: object) -> None:
    """Tell the supervisor: `phase` with `percent`, or `error`."""
    sys.stdout.write(MARK + json.dumps(facts) + "\n")
    sys.stdout.flush()


class Served:
    """What handlers share: the worker, the counters, and whether the model is warm."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.worker = Worker(arguments.max_running, arguments.max_waiting)
        self.metrics = Metrics()
        self.ready = False
        self.exit_code = 0


def serve(arguments: Arguments, served: Served, load: Callable[[], Iterator[str]], routes: Sequence[Route]) -> int:
    """Serve until asked to end; the process's exit code. `load` yields the phases of its work."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    app = _application(arguments, served, routes)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=arguments.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=max(1, round(arguments.grace)),
        backlog=256,
    )
    server = uvicorn.Server(config)

    async def load_then_serve() -> None:
        try:
            async for phase in served.worker.stream(load()):
                report(phase=phase)
            served.ready = True
            report(phase="ready", percent=100)
        except Exception as error:
            logging.getLogger("engine").debug("loading failed", exc_info=True)
            report(error=f"{type(error).__name__}: {clean(str(error))}")
            served.exit_code = os.EX_CONFIG if isinstance(error, _HOPELESS) else 1
            server.should_exit = True

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(load_then_serve())
        yield
        loading.cancel()

    app.router.lifespan_context = lifespan
    server.run()
    return served.exit_code


def _application(arguments: Arguments, served: Served, routes: Sequence[Route]) -> Starlette:
    async def health(_: Request) -> Response:
        return JSONResponse({}, 200 if served.ready else 503)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(served.metrics.render(served.worker))

    async def models(_: Request) -> Response:
        model = {"id": arguments.name, "object": "model", "created": int(time.time()), "owned_by": "local"}
        return JSONResponse({"object": "list", "data": [model]})

    app = Starlette(
        routes=[Route("/health", health), Route("/metrics", metrics), Route("/v1/models", models), *routes],
        exception_handlers={Refusal: _refused, HTTPException: _http_error, Exception: _failed},
    )
    app.add_middleware(Door, served=served)
    return app


class Door:
    """Lets in who knows the secret, once the model is warm. Health is open to all on loopback."""

    def __init__(self, app: ASGIApp, served: Served) -> None:
        self._app = app
        self._served = served
        self._expected = f"Bearer {served.arguments.secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse(refusal.body(), refusal.status)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        if scope["path"] == "/health":
            return None
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if self._served.arguments.secret and not hmac.compare_digest(given, self._expected):
            return Refusal("Invalid API key.", code="invalid_api_key", status=401)
        if not self._served.ready and scope["path"].startswith("/v1/") and scope["path"] != "/v1/models":
            return Refusal("The model is loading.", code="engine_loading", status=503)
        return None


def check_model(asked: object, name: str) -> None:
    if asked is None:
        raise Refusal("model is missing", param="model")
    if asked != name:
        raise Refusal(
            f"The model {str(asked)[:100]!r} does not exist.", param="model", code="model_not_found", status=404
        )


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    headers = {"retry-after": "1"} if error.status == 429 else None
    return JSONResponse(error.body(), error.status, headers=headers)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_value")
    return JSONResponse(Refusal(str(error.detail), code=code, status=error.status_code).body(), error.status_code)


async def _failed(_: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    return JSONResponse(Refusal("The engine failed.", code="engine_failed", status=500).body(), 500)
