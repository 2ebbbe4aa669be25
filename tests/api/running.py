"""A whole gateway on a loopback port, in a thread with a loop of its own, as a client meets it."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import openai
import uvicorn
from argon2 import PasswordHasher

from gateway.access.passwords import Passwords
from gateway.api.protocol import protocol_for
from gateway.app import create_app
from gateway.providers.engines import EngineBoard
from gateway.settings import Settings

MASTER = "sk-master-0123456789abcdef"
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
"""For people's passwords here: the product's hasher takes 100 ms a time."""


class _Server(uvicorn.Server):
    """uvicorn's, ending as soon as it is asked and nobody is connected, where the original looks every 0.1 s."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.asked = asyncio.Event()

    async def main_loop(self) -> None:
        ticking = asyncio.ensure_future(super().main_loop())
        await self.asked.wait()
        ticking.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.005)
        await self.lifespan.shutdown()


class RunningGateway:
    """Serving from construction until `stop`, as `gateway serve` does or, not `direct`, all through ASGI."""

    def __init__(
        self,
        state_dir: Path,
        engines: EngineBoard | None = None,
        *,
        direct: bool = True,
        keep_alive: int = 5,
        loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
        **settings: Any,
    ) -> None:
        self.state_dir = state_dir
        values = {"state_dir": state_dir, "master_api_key": MASTER, "allow_private_upstreams": True, "port": 0}
        with patch("gateway.backoffice.Passwords", partial(Passwords, QUICK)):
            self.app = create_app(Settings.model_validate({**values, **settings}), engines)
        self.direct = direct
        http: Any = protocol_for(self.app.inference, self.app.outbox) if direct else "httptools"
        config = uvicorn.Config(
            self.app, port=0, log_config=None, loop="none", http=http, timeout_keep_alive=keep_alive
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, args=(loop,), daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), f"the gateway did not start: {self.app.failure!r}"
            self._thread.join(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def _run(self, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()

    @property
    def connections(self) -> list[Any]:
        """uvicorn's, that are open now."""
        return list(self._server.server_state.connections)

    @property
    def is_idle(self) -> bool:
        """Nobody is being asked."""
        return all(vital.in_flight == 0 for _, vital in self.app.state.dispatcher.vitals.items())

    def client(self, key: str = MASTER) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)

    def http(self, key: str | None = MASTER) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def stop(self) -> None:
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._server.asked.set)
        self._thread.join(30)
