"""Which base URLs and proxies a provider may have, and which addresses are told of news. Called when they are
configured, never on the request path."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from gateway.errors import ConfigError
from gateway.media.addresses import is_public
from gateway.openai_api.operations import CHAT, OPERATIONS

_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "metadata.google.internal"})
_OPERATIONS = (*OPERATIONS, CHAT.path.removeprefix("/v1"))
"""Without its version only the one that no host has for a prefix."""


def check_base_url(url: str, place: str, *, allow_private: bool) -> None:
    """Raises ConfigError: as `check_url`, and not the URL of one operation, as providers' examples for curl show it."""
    check_url(url, place, allow_private=allow_private)
    url = url.rstrip("/")
    end = next((end for end in _OPERATIONS if url.endswith(end)), None)
    if end is not None:
        added = end.removeprefix("/v1")
        raise ConfigError(f"{place}: must end before {added}, which is added to it (here {url.removesuffix(added)})")


def check_url(url: str, place: str, *, allow_private: bool) -> None:
    """Raises ConfigError: only http(s), no credentials, query or control characters in it; https and public hosts
    only unless `allow_private`; cloud metadata addresses never."""
    parts, host = _split(url, place)
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(f"{place}: must not hold credentials, a query or a fragment (use api_key and headers)")
    if allow_private:
        return
    if parts.scheme != "https":
        raise ConfigError(f"{place}: must use https (ALLOW_PRIVATE_UPSTREAMS=1 allows plain http)")
    _refuse_private(host, place)


def check_proxy_url(url: str, place: str, *, allow_private: bool) -> None:
    """Raises ConfigError: http(s) with nothing behind the port; credentials may be in it, so it is never quoted."""
    if not url.isascii():
        raise ConfigError(f"{place}: has characters that must be written as %C3%BC and the like")
    parts, host = _split(url, place)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(f"{place}: must end behind the port, as in http://proxy.example.com:3128")
    if not allow_private:
        _refuse_private(host, place)


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110."""
_FRAMING = frozenset({"connection", "content-encoding", "content-length", "expect", "host", "te", "transfer-encoding"})


def check_headers(headers: Mapping[str, str], place: str) -> None:
    """Raises ConfigError for a header that no request may have, or that is the transport's own."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{place}: has a name that is none for a header")
        if name.lower() in _FRAMING:
            raise ConfigError(f"{place}: '{name}' is set by the gateway itself")
        if not value.isascii() or not (value.isprintable() or not value):
            raise ConfigError(f"{place}: the value of '{name}' must be printable ASCII on one line")


def check_api_keys(keys: Iterable[str], place: str) -> None:
    """Raises ConfigError for a key that cannot be sent in a header. It is never quoted."""
    if not all(key.isascii() and key.isprintable() for key in keys):
        raise ConfigError(f"{place}: must be printable ASCII on one line, without anything before or behind it")


def _split(url: str, place: str) -> tuple[SplitResult, str]:
    """The URL in parts, and its host. Raises ConfigError for what no URL of ours may be."""
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise ConfigError(f"{place}: has spaces or control characters")
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise ConfigError(f"{place}: is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{place}: must be a URL that begins with http:// or https:// and has a host")
    if host in _METADATA:
        raise ConfigError(f"{place}: is a cloud metadata address")
    return parts, host


def _refuse_private(host: str, place: str) -> None:
    if _is_private(host):
        raise ConfigError(f"{place}: is a private address (ALLOW_PRIVATE_UPSTREAMS=1 allows it)")


def _is_private(host: str) -> bool:
    try:
        return not is_public(str(ipaddress.ip_address(host)))
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
