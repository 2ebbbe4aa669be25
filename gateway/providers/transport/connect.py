"""Opening a connection: resolve, judge every address, connect to exactly those, verify the certificate."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.providers.transport.addresses import AddressPolicy, AddressRefused
from gateway.providers.transport.connection import Connection
from gateway.providers.transport.url import Origin

P = TypeVar("P", bound=asyncio.BaseProtocol)

ENGINES = AddressPolicy(allow_private=True)
"""For our own engines, whose addresses come from the supervisor and not from people."""


class Connector:
    """Opens connections for one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, policy: AddressPolicy, tls: ssl.SSLContext) -> None:
        self._loop = loop
        self._policy = policy
        self._tls = tls

    async def open(self, origin: Origin, seconds: float, engine: bool, on_junk: Callable[[Origin], None]) -> Connection:
        """Raises `UpstreamUnreachable` and, past `seconds`, `UpstreamTimeout`."""
        try:
            async with asyncio.timeout(seconds):
                addresses = await resolve(self._loop, origin.host, origin.port)
                policy = ENGINES if engine else self._policy
                return await self._first(origin, policy.allowed(addresses, origin.port), on_junk)
        except TimeoutError:
            raise UpstreamTimeout("Connecting to the provider took too long.") from None
        except AddressRefused as error:
            raise UpstreamUnreachable("The provider's address is not allowed.", upstream=str(error)) from None
        except ssl.SSLCertVerificationError as error:
            text = "The provider's certificate could not be verified."
            raise UpstreamUnreachable(text, upstream=error.verify_message) from None
        except (OSError, ssl.SSLError, UnicodeError) as error:
            raise UpstreamUnreachable("Could not connect to the provider.", upstream=str(error)) from None

    async def _first(self, origin: Origin, addresses: list[str], on_junk: Callable[[Origin], None]) -> Connection:
        tls = self._tls if origin.tls else None
        return await first_connection(
            self._loop, lambda: Connection(self._loop, origin, on_junk), addresses, origin.port, tls, origin.host
        )


async def resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def first_connection(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], P],
    addresses: list[str],
    port: int,
    tls: ssl.SSLContext | None = None,
    host: str = "",
) -> P:
    """To the first address that answers; the last one's error when none does. `host` is whom TLS must show."""
    failure: OSError | None = None
    for address in addresses:
        try:
            _, connection = await loop.create_connection(
                factory, address, port, ssl=tls, server_hostname=host if tls else None
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failure = error
        else:
            return connection
    raise failure or OSError("the name has no address")
