"""Runs the gateway app under uvicorn and tells the operator what happens. Used by the CLI and by `run_local`."""

import asyncio
import ctypes
import gc
import json
import logging
import shlex
import socket
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from gateway import __version__
from gateway.api.protocol import protocol_for
from gateway.app import Gateway
from gateway.errors import ConfigError, StorageFailed, StorageUnavailable
from gateway.openai_api.operations import ModelType
from gateway.providers.base import ProviderType
from gateway.providers.engines import EngineState, EngineStatus

log = logging.getLogger("gateway")

_QUESTION = "What is chute-gateway?"
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Who listens on every address is found on this machine under this one."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
_KEPT = 32 * 2**20
"""Bytes of freed memory that are kept at most."""
_SHOWN = 20
"""Models that the greeting names at most."""
_DRAINING = 30
"""Seconds from SIGTERM for requests and jobs that are under way."""
_YOUNG = 10_000
"""New objects after which Python looks for cycles among them; its own 700 are reached every few requests."""


def serve(app: Gateway) -> None:
    """Blocks until SIGINT or SIGTERM; then running requests finish, engines stop, and the process ends. Raises
    ConfigError with the reason where it cannot start."""
    try:
        until_stopped(run(app))
    except (StorageFailed, StorageUnavailable) as error:
        raise ConfigError(error.message) from error


def until_stopped(running: Coroutine[None, None, None]) -> None:
    """Runs it in a loop of its own. Ctrl-C at any moment ends the process with 130, as shells have it."""
    try:
        uvloop.run(running)
    except KeyboardInterrupt:
        sys.exit(130)


async def run(
    app: Gateway, front: ASGIApp | None = None, *, listening: socket.socket | None = None, greets: bool = True
) -> None:
    """`front` stands in for the app where something is wrapped around it, such as a chute: then all goes through it.
    `listening` is a bound socket to serve instead of HOST and PORT. Only who `greets` shows the address and the models.

    Raises what kept the app from starting, or ConfigError when nobody can listen there: nothing is served then.
    """
    server = _Server(
        app,
        uvicorn.Config(
            front or app,
            host=app.settings.host,
            port=app.settings.port,
            loop="none",
            http=protocol_for(app.inference, app.outbox) if front is None else "httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_DRAINING,
            lifespan="on",
        ),
    )
    narrator = asyncio.ensure_future(_narrate(app, server, greets))
    try:
        await server.serve([listening] if listening else None)
        if not server.started:
            raise app.failure or ConfigError("the gateway could not start; the log says why")
    except SystemExit:  # uvicorn's answer to an address that it cannot have; the reason is in the log
        raise ConfigError(
            f"cannot listen on {_address(app.settings.host, app.settings.port)}; choose with --host and --port,"
            " or HOST and PORT"
        ) from None
    finally:
        narrator.cancel()
        with suppress(asyncio.CancelledError):
            await narrator


class _Server(uvicorn.Server):
    """uvicorn's server, which also says when its port is open, and tells the app until when jobs have time."""

    def __init__(self, app: Gateway, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.stop_by = time.monotonic() + _DRAINING
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _keep_memory()
            _spare_collections()
            self.listening.set()


def _keep_memory() -> None:
    """Have glibc keep freed memory: mapping it anew for every large body costs more than copying the body."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 4 * 2**20)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def _spare_collections() -> None:
    """What is there when serving begins stays for good: the garbage collector need not walk through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)


async def _narrate(app: Gateway, server: _Server, greets: bool) -> None:
    """Progress of the engines while they load, then the address and a request to try."""
    await server.listening.wait()
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    address = _address(host, port)
    log.info("listening on %s", address)
    if not greets:
        return
    await _tell_engines(app)
    print(_welcome(app, _address(_LOOPBACK.get(host, host), port)), flush=True)  # noqa: T201


def _address(host: str, port: int) -> str:
    return f"http://{'[' + host + ']' if ':' in host else host}:{port}"


async def _tell_engines(app: Gateway) -> None:
    """One line whenever the phase of a loading engine changes; the supervisor itself logs how loading ended."""
    told: dict[str, str] = {}
    while True:
        statuses = app.state.engines.statuses()
        for engine in statuses:
            if engine.state == EngineState.LOADING and told.get(engine.name) != engine.phase:
                told[engine.name] = engine.phase
                log.info(_progress(engine))
        if not any(engine.state == EngineState.LOADING for engine in statuses):
            return
        await asyncio.sleep(0.25)


def _progress(engine: EngineStatus) -> str:
    percent = f" {engine.percent:.0f}%" if engine.percent is not None else ""
    where = f"{engine.name:<10} {engine.model} ({engine.runtime})"
    return f"{where}  {engine.phase}{percent} after {engine.elapsed:.1f} s"


def _welcome(app: Gateway, address: str) -> str:
    key_file = app.settings.state_dir / "master_key"
    routes = list(app.state.snapshot.routes.values())
    lines = ["", f"chute-gateway {__version__} is ready at {address}", ""]
    if app.new_master_key:
        lines += [f"  Master key (shown once, kept in {key_file}): {app.new_master_key}", ""]
    if app.back_office.setup_token:
        lines += ["  Open this once to make the administrator's account:", ""]
        lines += [f"  {_setup_link(address, app.back_office.setup_token)}", ""]
    for route in routes[:_SHOWN]:
        lines.append(f"  {route.id:<32} {route.type or 'any type'}{'  (demo model)' if route.demo else ''}")
    if len(routes) > _SHOWN:
        lines.append(f"  and {len(routes) - _SHOWN:,} more: GET /v1/models names all of them")
    if not routes and any(provider.type == ProviderType.CHUTES for provider in app.state.snapshot.providers.values()):
        lines.append("  The models of Chutes are being listed: GET /v1/models shows them in a moment.")
    elif not routes:
        lines.append("  No models yet: connect a provider in the web UI or gateway.yaml, or install local engines.")
    chat = next((route.id for route in routes if route.type in (ModelType.CHAT, None)), None)
    if chat:
        lines += ["", "Try it:", "", "  " + _curl(address, chat, None if app.settings.master_api_key else key_file)]
    return "\n".join([*lines, ""])


def _setup_link(address: str, token: str) -> str:
    """One click brings the token along. Browsers send nothing of what stands behind #, so no log on the way has it."""
    return f"{address}/ui/setup#token={token}"


def _curl(address: str, model: str, key_file: Path | None) -> str:
    """A line that works as printed without showing the key."""
    key = f"$(cat {shlex.quote(str(key_file))})" if key_file else "$MASTER_API_KEY"
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": _QUESTION}]})
    return (
        f'curl {address}/v1/chat/completions -H "Authorization: Bearer {key}"'
        f" -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )
