"""Which base URLs a provider may have. Called when providers are configured, never on the request path."""

import ipaddress
from urllib.parse import urlsplit

from gateway.errors import ConfigError
from gateway.media.addresses import is_public

_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "metadata.google.internal"})


def check_base_url(url: str, place: str, *, allow_private: bool) -> None:
    """Raises ConfigError: only http(s), no credentials, query or control characters in it; https and public hosts
    only unless `allow_private`; cloud metadata addresses never."""
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise ConfigError(f"{place}: has spaces or control characters")
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise ConfigError(f"{place}: is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{place}: must be a URL such as https://api.example.com/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(f"{place}: must not hold credentials, a query or a fragment (use api_key and headers)")
    if host in _METADATA:
        raise ConfigError(f"{place}: is a cloud metadata address")
    if allow_private:
        return
    if parts.scheme != "https":
        raise ConfigError(f"{place}: must use https (ALLOW_PRIVATE_UPSTREAMS=1 allows plain http)")
    if _is_private(host):
        raise ConfigError(f"{place}: is a private address (ALLOW_PRIVATE_UPSTREAMS=1 allows it)")


def _is_private(host: str) -> bool:
    try:
        return not is_public(str(ipaddress.ip_address(host)))
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
