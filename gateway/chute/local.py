"""A chute on this machine without the SDK's runner: the whole gateway under uvicorn. Called by `run_local`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

from gateway import serve
from gateway.app import Gateway
from gateway.chute.asgi import Receive, Scope, Send
from gateway.errors import ConfigError
from gateway.observe import logs

if TYPE_CHECKING:
    from gateway.chute.chute import GatewayChute


class LocalApp:
    """The gateway behind `/route` and the health check; its lifespan runs the chute's hooks.

    `started`: the startup hooks ran already, only the shutdown hooks are left to the lifespan.
    """

    def __init__(self, chute: "GatewayChute", *, started: bool = False) -> None:
        self._chute = chute
        self._started = started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._chute.front(scope, receive, send)
        elif self._chute.gateway is not None:
            await self._chute.gateway(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if not self._started:
            await self._chute.run_startup_hooks()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._chute.close()
        await send({"type": "lifespan.shutdown.complete"})


def run(chute: "GatewayChute", *, reload: bool) -> None:
    """Blocks until a signal. A configuration that cannot work ends the process with one line."""
    settings = chute.settings
    logs.configure(settings.log_level, settings.log_format)
    if reload:
        _run_reloading(chute)
        return
    try:
        uvloop.run(_serve(chute))
    except ConfigError as error:
        sys.exit(f"error: {error.message}")


async def _serve(chute: "GatewayChute") -> None:
    await chute.run_startup_hooks()
    if not isinstance(chute.gateway, Gateway):
        raise ConfigError("no startup hook of the chute opened the gateway")
    await serve.run(chute.gateway, LocalApp(chute, started=True))


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
