"""Opening a connection: resolve, judge every address, connect to exactly those, verify the certificate."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable

from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.providers.transport.addresses import AddressPolicy, AddressRefused
from gateway.providers.transport.connection import Connection
from gateway.providers.transport.url import Origin

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
                addresses = await self._resolve(origin)
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

    async def _resolve(self, origin: Origin) -> list[str]:
        try:
            return [str(ipaddress.ip_address(origin.host))]
        except ValueError:
            found = await self._loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _first(self, origin: Origin, addresses: list[str], on_junk: Callable[[Origin], None]) -> Connection:
        """The first address that answers; the last one's error when none does."""
        failure: OSError | None = None
        for address in addresses:
            try:
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, origin, on_junk),
                    address,
                    origin.port,
                    ssl=self._tls if origin.tls else None,
                    server_hostname=origin.host if origin.tls else None,
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
            else:
                return connection
        raise failure or OSError("the name has no address")
