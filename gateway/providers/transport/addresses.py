"""Which network addresses a provider may have: checked on the resolved address that is then connected to."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)


class AddressRefused(ValueError):
    """The address is one that a provider must not have."""


def embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`own_ports` are the ports this gateway and its chute listen on: never reachable through loopback."""

    allow_private: bool = False
    own_ports: frozenset[int] = field(default_factory=frozenset)

    def check(self, text: str, port: int) -> None:
        """Raises `AddressRefused`."""
        address = embedded(ipaddress.ip_address(text.partition("%")[0]))
        if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
            raise AddressRefused("the provider's address is reserved and never allowed")
        if address.is_loopback and port in self.own_ports:
            raise AddressRefused("the provider's address is this gateway itself")
        if not self.allow_private and not address.is_global:
            raise AddressRefused("the provider's address is private; ALLOW_PRIVATE_UPSTREAMS=1 permits it")

    def allowed(self, addresses: Iterable[str], port: int) -> list[str]:
        """The addresses, all checked: one bad among them refuses the whole name. Raises `AddressRefused`."""
        found = list(addresses)
        for address in found:
            self.check(address, port)
        return found
