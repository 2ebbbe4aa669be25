"""`Stand`: one gateway before one misbehaving provider, both on loopback ports of this process. One per scenario."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn

from gateway.app import create_app
from gateway.certify.behaviours import well
from gateway.certify.client import Answer, ask
from gateway.certify.configuration import ROUTE, behind
from gateway.certify.provider import MisbehavingProvider, UpstreamModel
from gateway.errors import ConfigError
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Stand:
    """`quick`: shorten what takes long only for the sake of thoroughness."""

    settings: Settings
    provider: MisbehavingProvider
    quick: bool
    _http: httpx.AsyncClient

    @property
    def primary(self) -> UpstreamModel:
        return self.provider.primary

    @property
    def fallback(self) -> UpstreamModel:
        return self.provider.fallback

    @property
    def large(self) -> UpstreamModel:
        return self.provider.large

    @property
    def retries(self) -> int:
        """How often the gateway may ask the same target again for one request."""
        return self.settings.chutes_max_retries

    def heal(self) -> None:
        for model in (self.primary, self.fallback, self.large):
            model.behaviour = well
            model.next.clear()

    async def ask(self, *, stream: bool = True) -> Answer:
        return await ask(self._http, ROUTE, stream=stream)


@asynccontextmanager
async def open_stand(settings: Settings, *, quick: bool) -> AsyncIterator[Stand]:
    with TemporaryDirectory(prefix="gateway-certify-") as state_dir:
        async with MisbehavingProvider() as provider:
            own = behind(settings, provider.url, Path(state_dir))
            async with _serving(own) as url, _client(url, own) as http:
                yield Stand(own, provider, quick, http)


def _client(url: str, settings: Settings) -> httpx.AsyncClient:
    key = settings.master_api_key.get_secret_value() if settings.master_api_key else ""
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=httpx.Timeout(90), trust_env=False)


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[str]:
    """The gateway's address while it serves. Raises ConfigError when it does not come to that."""
    app = create_app(settings)
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="none",
            http="httptools",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    running = asyncio.ensure_future(server.serve())
    try:
        await server.listening.wait()
        if not server.started:
            raise ConfigError("The gateway does not start with this configuration.")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.gather(running, return_exceptions=True)


class _Server(uvicorn.Server):
    """One of many in this process, so signals are none of its business. Says when its port is open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
