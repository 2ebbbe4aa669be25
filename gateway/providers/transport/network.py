"""httpcore's way to the network: addresses are judged before they are connected to, and a connection can be cut."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpcore

from gateway.providers.transport.addresses import AddressPolicy, AddressRefused
from gateway.providers.transport.connect import first_connection, resolve
from gateway.providers.transport.wire import Wire


class Network(httpcore.AsyncNetworkBackend):
    """For one connection at a time: `wire` is the last one that was opened, to a proxy where there is one."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self.wire: Wire | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `AddressRefused` beside httpcore's own errors."""
        loop = asyncio.get_running_loop()
        try:
            addresses = self._policy.allowed(await resolve(loop, host, port), port)
            self.wire = await first_connection(loop, lambda: Wire(loop), addresses, port)
        except AddressRefused:
            raise
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return self.wire

    def abort(self) -> None:
        if self.wire is not None:
            self.wire.abort()
