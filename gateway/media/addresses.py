"""Which network addresses the gateway may connect to on behalf of a caller: public ones only. Used by `fetch`."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port to IP addresses; raises OSError when there are none."""

_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is assigned for the Internet. Mapped, NAT64, unique local, link-local, multicast lie outside of it."""

_REFUSED: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, a public address that is none
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # Teredo, ORCHID, protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)

_LOOK_UPS = ThreadPoolExecutor(16, "look up for callers")
"""A name server that never answers holds a thread for half a minute: those of providers' names stay free."""


def is_public(address: str) -> bool:
    """Whether the IP address (as `ipaddress` spells it, a zone allowed) is one of the public Internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _PUBLIC_V6 or ip.scope_id):
        return False
    return not any(ip in network for network in _REFUSED if network.version == ip.version)


async def system_resolver(host: str, port: int) -> Sequence[str]:
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOK_UPS, look_up)
    return [str(address[0]) for *_, address in found]
