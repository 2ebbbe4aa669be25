"""The gateway as a chute: cords that are doors into the app, a guard before the SDK, local runs, a clean end.

Used by `chute_gateway.py`, which says what is deployed; nothing here knows a model or a price.
"""

import inspect
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from chutes.chute import Chute
from chutes.chute.cord import Cord
from chutes.util.context import is_remote
from fastapi import WebSocket

from gateway.chute import guard
from gateway.chute.asgi import ClientGone, GatewayApp, Message, Receive, Scope, Send, answer, rendered
from gateway.chute.cord import GatewayCord
from gateway.chute.door import DoorCall, scope_of
from gateway.chute.front import HEALTH_PATH, Front
from gateway.chute.functions import FunctionCord
from gateway.chute.jobs import Job, Scheduler
from gateway.chute.shutdown import InFlight, Shutdown
from gateway.errors import GatewayError, Overloaded
from gateway.settings import Settings, load_settings

if TYPE_CHECKING:
    from gateway.chute.local import LocalApp

HookFunction = TypeVar("HookFunction", bound=Callable[..., Awaitable[None] | None])
Function = TypeVar("Function", bound=Callable[..., Any])

_EARLY, _FIRST_TO_END, _LATE = 0, 5, 95
_CHUTE_PARTS = ("_cords", "_startup_hooks", "_shutdown_hooks")
_STATE_PARTS = ("request.state.decrypted", "request.state._encrypt")


class IncompatibleSDK(RuntimeError):
    """The installed chutes SDK lacks something that this door stands on."""


@dataclass(frozen=True, slots=True)
class ChuteConfig:
    name: str
    username: str
    concurrency: int


def on_platform() -> bool:
    """True only in an instance that the platform has launched: it gives every instance a launch token, without which
    the SDK refuses to start, and which `--dev` does not need (`get_launch_token` and `_run_chute` in
    chutes/entrypoint)."""
    dev = os.environ.get("CHUTES_DEV_MODE", "").lower() == "true"
    return is_remote() and not dev and bool(os.environ.get("CHUTES_LAUNCH_JWT"))


def check_sdk(chute: Chute) -> None:
    """The platform installs its own SDK into the image: say at start what is missing rather than fail call by call."""
    handler = getattr(Cord, "_request_handler", None)
    missing = [f"Chute.{name}" for name in _CHUTE_PARTS if not hasattr(chute, name)]
    if handler is None or "request" not in inspect.signature(handler).parameters:
        missing.append("Cord._request_handler(self, request)")
    runner = find_spec("chutes.entrypoint.run")
    source = Path(runner.origin).read_text() if runner and runner.origin else ""
    missing += [name for name in _STATE_PARTS if name not in source]
    if missing:
        raise IncompatibleSDK(f"this chutes SDK cannot carry the gateway: it lacks {', '.join(missing)}")


class GatewayChute(Chute):  # type: ignore[misc]
    """A `Chute` whose cords lead into one gateway app.

    A startup hook hands the app over by `open_gateway`; until then calls are answered with 503 and a `Retry-After`.
    Functions may be cords too (`cord`), run by the clock (`job`) and, in local runs, speak over `websocket`.
    """

    def __init__(
        self, username: str, name: str, image: Any, *, settings: Settings | None = None, **kwargs: Any
    ) -> None:
        settings = settings or load_settings().settings
        for page in ("docs_url", "redoc_url", "openapi_url"):
            kwargs.setdefault(page, None)
        super().__init__(username=username, name=name, image=image, **kwargs)
        check_sdk(self)
        self.settings = settings
        self.on_platform = on_platform()
        self.front = Front(lambda: vars(self).get("health_check"))
        self.gateway: GatewayApp | None = None
        self._scheduled = False
        self._plain_routes = len(self.routes)
        self.in_flight = InFlight()
        self.logger = logging.getLogger("gateway.chute")
        self.config = ChuteConfig(name, username, self.concurrency)
        self.scheduler = Scheduler(self, settings.state_dir / "jobs.json")
        self._shutdown = Shutdown(settings.chute.drain_seconds, self.in_flight, self.close)
        if is_remote():
            self.on_startup(priority=_EARLY)(_install_shutdown)

    @property
    def app(self) -> "GatewayChute":
        """The FastAPI application, for middleware and routes of one's own."""
        return self

    def on_startup(self, priority: int = 50) -> Callable[[HookFunction], HookFunction]:
        """Register a function of the chute, lowest `priority` first; it runs on the loop that serves, before the port
        opens."""
        return self._hook(super().on_startup(priority))

    def on_shutdown(self, priority: int = 50) -> Callable[[HookFunction], HookFunction]:
        """The same for the end, which the SDK alone never announces: see `shutdown`."""
        return self._hook(super().on_shutdown(priority))

    @staticmethod
    def _hook(register: Callable[[Any], Any]) -> Callable[[HookFunction], HookFunction]:
        def decorate(function: HookFunction) -> HookFunction:
            register(function)
            return function

        return decorate

    def gateway_cord(self, path: str, public_api_path: str, method: str = "POST", **extra: Any) -> GatewayCord:
        """Declare a cord that answers `public_api_path` from the gateway's path of the same name, or from `target`.

        `path` becomes the cord's own name. Schemas and content type are shown to people; the gateway checks the
        request itself. Raises the SDK's InvalidPath and DuplicatePath.
        """
        target = extra.pop("target", public_api_path)
        cord = GatewayCord(self, path=path, public_api_path=public_api_path, method=method, target=target, **extra)
        cord(_named(path))
        self._cords.append(cord)
        return cord

    def cord(  # the SDK's own, with the documented parameters
        self,
        public_api_path: str | None = None,
        method: str = "POST",
        *,
        path: str | None = None,
        public_api_method: str | None = None,
        stream: bool = False,
        **extra: Any,
    ) -> Callable[[Function], Function]:
        """Declare a function as a cord; it takes the chute, then fields of the request by their names.

        `stream` is not needed: a function that gives a generator or a StreamingResponse streams. `extra` is what the
        SDK's Cord takes. Raises ConfigError, and the SDK's InvalidPath and DuplicatePath.
        """

        def declare(function: Function) -> Function:
            name = f"/{function.__name__}"
            public = public_api_path or name
            cord = FunctionCord(
                self, function, path=path or name, public_api_path=public, method=public_api_method or method, **extra
            )
            cord(_named(cord.path))
            self._cords.append(cord)
            return function

        return declare

    def job(
        self,
        name: str | None = None,
        schedule: str | None = None,
        retry_count: int = 3,
        timeout: float | None = None,
    ) -> Callable[[Function], Function]:
        """Declare a function as a job; `scheduler.submit(name, …)` runs it too. Raises ConfigError.

        It runs inside this process (see `jobs`); the SDK's own jobs cannot stand beside cords.
        """

        def declare(function: Function) -> Function:
            if not self._scheduled:
                self._scheduled = True
                self.on_startup(priority=_LATE)(_start_jobs)
                self.on_shutdown(priority=_FIRST_TO_END)(_stop_jobs)
            self.scheduler.add(Job(name or function.__name__, function, schedule, retry_count, timeout))
            return function

        return declare

    def websocket(self, path: str) -> Callable[[Function], Function]:
        """Declare a function `(self, websocket)`, for local runs and `--dev`; the platform carries none."""

        def declare(function: Function) -> Function:
            async def endpoint(websocket: WebSocket) -> None:
                await function(self, websocket)

            self.add_api_websocket_route(path, endpoint)
            return function

        return declare

    async def knows_key(self, scope: Scope) -> bool:
        """Whether the gateway would let the key of this call pass."""
        if self.gateway is None:
            return False
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        key = next((value.decode() for name, value in scope["headers"] if name == b"authorization"), "")
        asked = DoorCall("GET", "/v1/models", key=key.removeprefix("Bearer ") or None)
        await self.gateway(scope_of(asked), receive, send)
        return status == 200

    def open_gateway(self, gateway: GatewayApp) -> None:
        self.gateway = self.front.app = gateway

    async def run_startup_hooks(self) -> None:
        """In priority order, as the SDK's `initialize` runs them."""
        for _, hook in sorted(self._startup_hooks, key=lambda entry: entry[0]):
            await _call(hook)

    async def close(self) -> None:
        """Run the shutdown hooks in priority order; one that fails does not stop the next."""
        for _, hook in sorted(self._shutdown_hooks, key=lambda entry: entry[0]):
            try:
                await _call(hook)
            except Exception:
                self.logger.exception("a shutdown hook failed")

    async def health_check(self) -> dict[str, Any]:
        """What `GET /health` says. Assign another coroutine function to `chute.health_check` to replace both."""
        if self.gateway is None:
            return {"status": "unhealthy", "error": "starting", "timestamp": datetime.now(UTC).isoformat()}
        body = bytearray()

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            body.extend(message.get("body", b""))

        await self.gateway(scope_of(DoorCall("GET", HEALTH_PATH)), receive, send)
        report: dict[str, Any] = orjson.loads(bytes(body))
        return report

    def refuse_when_stopping(self) -> None:
        if self._shutdown.begun:
            raise Overloaded("The gateway is stopping.", retry_after=5)

    def trusts(self, scope: Scope) -> bool:
        """Whether a call needs no gateway key: the platform has authenticated it, or it comes from this machine."""
        if self.settings.chute.require_key:
            return False
        return self.on_platform or guard.is_loopback(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and (self.on_platform or not guard.is_local_program(scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            try:
                guarded = await self._guard(scope, receive)
            except ClientGone:
                return
            except GatewayError as error:
                status, headers, body = rendered(error)
                await answer(send, status, [*headers, ("connection", "close")], body)
                return
            scope, receive = guarded
        await super().__call__(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        guard.refuse_two_lengths(scope["headers"])
        if self.on_platform:
            return scope, receive
        guard.refuse_runtime_routes(scope["path"])
        if not self.settings.chute.dev_allow_remote:
            guard.refuse_strangers(scope)
        paths = {cord.public_api_path for cord in self._cords}
        return await guard.as_json(scope, receive, paths)

    @property
    def has_own_routes(self) -> bool:
        """Routes, middleware or functions of its own, which only FastAPI can answer."""
        functions = any(isinstance(cord, FunctionCord) for cord in self._cords)
        return functions or bool(self.user_middleware) or len(self.routes) > self._plain_routes

    def serve_locally(self) -> None:
        """Puts the functions at their public paths and the gateway behind all of them, for a local run."""
        for cord in self._cords:
            if isinstance(cord, FunctionCord):
                self.add_api_route(cord.public_api_path, cord._request_handler, methods=[cord.method])
        self.mount("/", self.front)

    async def answer_locally(self, scope: Scope, receive: Receive, send: Send) -> None:
        """FastAPI without the guard that stands before the SDK's runner."""
        await super().__call__(scope, receive, send)

    def local_app(self) -> "LocalApp":
        """The factory that `run_local(reload=True)` names: the app of a local run, startup hooks in its lifespan."""
        from gateway.chute.local import LocalApp

        return LocalApp(self)

    def run_local(
        self, host: str | None = None, port: int | None = None, reload: bool = False, log_level: str | None = None
    ) -> None:
        """Run on this machine: same startup hooks and engines as on the platform, plus UI, admin API and multipart.

        Blocks until SIGINT or SIGTERM. What is not given comes from the settings (127.0.0.1:8000).
        """
        from gateway.chute import local  # loads all that a gateway is, which nothing that deploys needs

        local.run(self, reload=reload, host=host, port=port, log_level=log_level)


def _named(path: str) -> Callable[[], None]:
    """The SDK takes a cord's name and schemas from a function; this one is never called."""

    def cord() -> None: ...

    cord.__name__ = path.strip("/").replace("/", "_")
    return cord


def _install_shutdown(chute: GatewayChute) -> None:
    chute._shutdown.install()


async def _start_jobs(chute: GatewayChute) -> None:
    await chute.scheduler.start()


async def _stop_jobs(chute: GatewayChute) -> None:
    await chute.scheduler.stop()


async def _call(hook: Callable[[], Awaitable[None] | None]) -> None:
    result = hook()
    if result is not None:
        await result
