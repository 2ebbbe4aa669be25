"""A chute on this machine without the SDK's runner: the whole gateway under uvicorn. Called by `run_local`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from gateway import serve
from gateway.app import Gateway
from gateway.chute import guard
from gateway.chute.asgi import Receive, Scope, Send
from gateway.errors import ConfigError
from gateway.observe import logs
from gateway.settings import Settings, load_settings
from gateway.settings.document import Document

if TYPE_CHECKING:
    from gateway.chute.chute import GatewayChute


class LocalApp:
    """The gateway behind `/route` and the health check, and before it the chute's own routes where it has some; the
    lifespan runs the chute's hooks.

    `started`: the startup hooks ran already, only the shutdown hooks are left to the lifespan.
    """

    def __init__(self, chute: "GatewayChute", *, started: bool = False) -> None:
        self._chute = chute
        self._started = started
        self._own_routes = False
        if started:
            self._look_for_routes()

    def _look_for_routes(self) -> None:
        self._own_routes = self._chute.has_own_routes
        if self._own_routes:
            self._chute.serve_locally()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._own_routes and (scope["type"] == "http" or guard.is_local_program(scope)):
            await self._chute.answer_locally(scope, receive, send)
        elif scope["type"] == "http":
            await self._chute.front(scope, receive, send)
        elif self._chute.gateway is not None:
            await self._chute.gateway(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if not self._started:
            await self._chute.run_startup_hooks()
            self._look_for_routes()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._chute.close()
        await send({"type": "lifespan.shutdown.complete"})


def run(chute: "GatewayChute", *, reload: bool, **given: Any) -> None:
    """Blocks until a signal. What is `given` goes before the settings; None is not. A configuration that cannot work
    ends the process with one line."""
    try:
        chute.settings = settings = _with(chute.settings, given)
        logs.configure(settings.log_level, settings.log_format)
        if reload:
            _run_reloading(chute)
        else:
            serve.until_stopped(_serve(chute))
    except ConfigError as error:
        sys.exit(f"error: {error.message}")


def _with(settings: Settings, given: dict[str, Any]) -> Settings:
    """Raises ConfigError naming what cannot be."""
    checked = load_settings({}, overrides=given, document=Document(Path("gateway.yaml"))).settings
    return settings.model_copy(update={name: getattr(checked, name) for name in given if given[name] is not None})


async def _serve(chute: "GatewayChute") -> None:
    """A chute without a gateway has only its functions."""
    await chute.run_startup_hooks()
    app = LocalApp(chute, started=True)
    if isinstance(chute.gateway, Gateway):
        await serve.run(chute.gateway, app)
        return
    settings = chute.settings
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, loop="none", log_config=None, access_log=False, proxy_headers=False
    )
    await uvicorn.Server(config).serve()


def _run_reloading(chute: "GatewayChute") -> None:
    """uvicorn imports the entry file anew in a child process: what was given on the command line goes along in the
    environment, which the settings read."""
    entry = Path(vars(sys.modules["__main__"])["__file__"]).resolve()
    settings = chute.settings
    os.environ.update(HOST=settings.host, PORT=str(settings.port), LOG_LEVEL=settings.log_level)
    options: dict[str, Any] = {"host": settings.host, "port": settings.port, "log_level": settings.log_level}
    watched = [str(entry.parent / name) for name in ("gateway", "chute_models", "images")]
    uvicorn.run(
        f"{entry.stem}:chute.local_app",
        factory=True,
        reload=True,
        reload_dirs=[folder for folder in watched if Path(folder).is_dir()],
        app_dir=str(entry.parent),
        http="httptools",
        server_header=False,
        **options,
    )
