"""The address of a client: that of the socket, or what a trusted proxy says it is. Called where requests come in."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gateway.errors import ConfigError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SITE = 64
"""Bits of an IPv6 address that belong to one customer."""


def parse_address(text: str) -> Address | None:
    """As proxies write it, too: `[2001:db8::1]:443`, `192.0.2.1:443`. An IPv4 address inside IPv6 is the IPv4 one."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def site(address: str) -> str:
    """What counts as one place: an IPv4 address, or the whole network that a customer of IPv6 has."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _SITE), strict=False))
    return str(parsed or address)[:64]


def parse_networks(texts: Iterable[str], place: str) -> tuple[Network, ...]:
    """Raises ConfigError naming `place` for what is neither an address nor a network."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip(), strict=False))
        except ValueError:
            message = f"{place}: '{text}' is not an IP address or network (such as 10.0.0.0/8 or 2001:db8::/32)"
            raise ConfigError(message) from None
    return tuple(networks)


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in network for network in networks if network.version == address.version)


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """`forwarded_for` are the values of X-Forwarded-For, in order of arrival.

    Read from the right, as each proxy adds the one it was called by: the first that is no trusted proxy is the client.
    What stands left of it, the client may have made up.
    """
    current = parse_address(peer)
    if current is None or not is_within(current, trusted):
        return str(current or peer)
    for part in reversed(",".join(forwarded_for).split(",")):
        before = parse_address(part)
        if before is None:
            break
        current = before
        if not is_within(current, trusted):
            break
    return str(current)


def is_secure(scheme: str, peer: str, forwarded_proto: str, trusted: Sequence[Network]) -> bool:
    """Whether the client used TLS, by the socket or by the word of a trusted proxy."""
    if scheme in ("https", "wss"):
        return True
    said = forwarded_proto.rpartition(",")[2].strip().lower()
    return said in ("https", "wss") and is_within(parse_address(peer), trusted)
