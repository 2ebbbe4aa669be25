"""Which network addresses a provider may have: checked on the resolved address that is then connected to."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.media.addresses import is_public

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
    )
)
"""Beside the link-local ones, which are refused as a whole."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(ValueError):
    """The address is one that a provider must not have."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`own_ports` are the ports this gateway and its chute listen on: never reachable through loopback."""

    allow_private: bool = False
    own_ports: frozenset[int] = field(default_factory=frozenset)

    def check(self, text: str, port: int) -> None:
        """Raises `AddressRefused`."""
        address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
        if address in _METADATA or address.is_link_local or address.is_multicast:
            raise AddressRefused("the provider's address is reserved and never allowed")
        if (address.is_loopback or address.is_unspecified) and port in self.own_ports:
            raise AddressRefused("the provider's address is this gateway itself")
        if not self.allow_private and not is_public(str(address)):
            raise AddressRefused("the provider's address is private; ALLOW_PRIVATE_UPSTREAMS=1 permits it")

    def allowed(self, addresses: Iterable[str], port: int) -> list[str]:
        """The addresses, all checked: one bad among them refuses the whole name. Raises `AddressRefused`."""
        found = list(addresses)
        for address in found:
            self.check(address, port)
        return found


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
