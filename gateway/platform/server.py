"""Opens the platform's servers: the management API, the llm host, and one port for every chute's host.

The port of the API also answers for the others by the Host header: `llm.…` and `{slug}.…` of any domain.
"""

import asyncio
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.platform import stand_ins
from gateway.platform.calls import Calls, refusal_response
from gateway.platform.chutes import Chutes
from gateway.platform.direct import Direct
from gateway.platform.faults import Fault
from gateway.platform.fleet import Fleet
from gateway.platform.hosts import Hosts
from gateway.platform.identity import Refused
from gateway.platform.images import Images
from gateway.platform.management import Management
from gateway.platform.signatures import Hotkey
from gateway.platform.world import DEVELOPER, DEVELOPER_KEY, SEED, Chute, World

API, LLM = "api", "llm"


@dataclass(frozen=True, slots=True)
class Options:
    """`folder` holds images and instances; it is emptied at the end. Ports 0 take free ones.

    `pace`: seconds that a line of a build takes. `open_rules`: without the newest rules for ordinary accounts.
    """

    folder: Path
    port: int = 0
    llm_port: int = 0
    balance: float = 100.0
    pace: float = 0.02
    engine_python: str = ""
    open_rules: bool = False
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Platform:
    """What runs; `api_url` and `llm_url` are where. `config` is the text of a chutes config file for the account."""

    options: Options
    world: World
    fleet: Fleet
    hosts: Hosts
    api: Starlette | None = None
    api_url: str = ""
    llm_url: str = ""
    servers: dict[str, tuple[uvicorn.Server, "asyncio.Task[None]"]] = field(default_factory=dict)
    watching: "asyncio.Task[None] | None" = None

    @property
    def config(self) -> str:
        account = self.world.account_named(DEVELOPER)
        assert account is not None
        lines = ["[api]", f"base_url = {self.api_url}", "", "[auth]", f"username = {account.username}"]
        lines += [f"user_id = {account.user_id}", "hotkey_name = dev", f"hotkey_seed = {SEED.hex()}"]
        return "\n".join([*lines, f"hotkey_ss58address = {account.hotkey}", ""])

    async def close(self) -> None:
        if self.watching is not None:
            self.watching.cancel()
        for server, _ in self.servers.values():
            server.should_exit = True
        await self.fleet.close()
        for _, task in self.servers.values():
            with suppress(asyncio.CancelledError):
                await task
        shutil.rmtree(self.options.folder, ignore_errors=True)

    def listen(self, name: str, port: int) -> int:
        """Opens a port that answers as host `name` (`api`, `llm` or a chute's id). The port."""
        sock = socket.create_server(("127.0.0.1", port), backlog=512)
        number: int = sock.getsockname()[1]
        self._serve(name, sock)
        return number

    def _serve(self, name: str, sock: socket.socket) -> None:
        config = uvicorn.Config(
            _Door(self, name), lifespan="off", log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=1, http="httptools", ws="none",
        )  # fmt: skip
        server = uvicorn.Server(config)
        self.servers[name] = server, asyncio.create_task(server._serve([sock]))

    def open_host(self, chute: Chute) -> None:
        sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        chute.port = sock.getsockname()[1]
        self._serve(chute.chute_id, sock)

    def close_host(self, chute: Chute) -> None:
        if found := self.servers.get(chute.chute_id):
            found[0].should_exit = True


class _Door:
    """One listening port. Faults come first, then the host's own answer."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._platform = platform
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            reply = await self._answer(request)
        except Refused as refused:
            reply = refusal_response(refused)
        await reply(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        ours = request.url.path.startswith("/_emulator")
        fault = None if ours else self._platform.world.faults.take(request.method, request.url.path)
        if fault:
            await asyncio.sleep(fault.delay)
            if fault.status:
                await request.body()
                return _faulty(fault)
        host = self._host(request)
        if host == LLM:
            return await self._platform.hosts.llm(request)
        if host == API:
            return _Mounted(self._platform.api)
        chute = self._platform.world.chutes.get(host)
        if chute is None:  # deleted, over a connection from before
            raise Refused(404, "No matching chute found!")
        return await self._platform.hosts.chute(chute, request)

    def _host(self, request: Request) -> str:
        if self._name != API:
            return self._name
        first = request.headers.get("host", "").partition(".")[0].lower()
        by_slug = {chute.slug: chute.chute_id for chute in self._platform.world.chutes.values()}
        return LLM if first == LLM else by_slug.get(first, API)


class _Mounted(Response):
    """The management API's own app as an answer."""

    def __init__(self, app: Starlette | None) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


def _faulty(fault: Fault) -> Response:
    """504 is the edge's HTML page; everything else the platform's JSON."""
    if fault.status == 504:
        return Response("<html><body><h1>504 Gateway Time-out</h1></body></html>", 504, media_type="text/html")
    return refusal_response(Refused(fault.status, fault.words))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal_response(error)


async def start(options: Options) -> Platform:
    """Raises InvalidRequest for a fault that cannot be read, OSError for a port that is taken."""
    world = World(options.balance)
    for line in options.faults:
        world.faults.add(Fault.parse(line))
    world.add_account(DEVELOPER, Hotkey(SEED).address, DEVELOPER_KEY)
    known = stand_ins.add(world)
    images = options.folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(world, options.folder / "instances", images, options.engine_python)
    calls = Calls(fleet)
    platform = Platform(options, world, fleet, Hosts(world, known, calls))
    builds = Images(world, images, options.pace)
    chutes = Chutes(world, fleet, platform.open_host, platform.close_host, known, open_rules=options.open_rules)
    routes = [*Management(world, known, fleet).routes(), *builds.routes(), *chutes.routes()]
    routes += Direct(world, calls).routes()
    platform.api = Starlette(routes=routes, exception_handlers={Refused: _refused})
    platform.api_url = f"http://127.0.0.1:{platform.listen(API, options.port)}"
    platform.llm_url = f"http://127.0.0.1:{platform.listen(LLM, options.llm_port)}"
    fleet.network.update(CHUTES_API_URL=platform.api_url, CHUTES_BASE_URL=platform.llm_url, ALLOW_PRIVATE_UPSTREAMS="1")
    for chute in world.chutes.values():
        platform.open_host(chute)
    platform.watching = asyncio.create_task(fleet.watch())
    return platform
