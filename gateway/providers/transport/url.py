"""URLs and headers as they go on the wire; whatever could smuggle a second line or another host is refused here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_UNSAFE_URL = re.compile(r"[^\x21-\x7e]|[\\<>\"^`{|}]")
_UNSAFE_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect", "upgrade"})


class Origin(NamedTuple):
    tls: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """`host_header` as in `Host:`, `path` with its query."""

    origin: Origin
    host_header: str
    path: str


@lru_cache(maxsize=1024)
def parse_url(url: str) -> Target:
    """Raises ValueError for anything but plain `http(s)://host[:port]/path[?query]`; the message quotes nothing."""
    if _UNSAFE_URL.search(url):
        raise ValueError("the URL holds a character that is not allowed")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("the URL must start with http:// or https://")
    if not parts.hostname or "@" in parts.netloc or "%" in parts.netloc:
        raise ValueError("the URL needs a host, without a user name or password")
    if parts.fragment:
        raise ValueError("the URL must not have a fragment")
    tls = parts.scheme == "https"
    host = parts.hostname.lower()
    port = parts.port if parts.port is not None else (443 if tls else 80)
    shown = f"[{host}]" if ":" in host else host
    path = parts.path or "/"
    return Target(
        Origin(tls, host, port),
        shown if port == (443 if tls else 80) else f"{shown}:{port}",
        f"{path}?{parts.query}" if parts.query else path,
    )


def head_lines(headers: Mapping[str, str]) -> str:
    """The header block of our caller, ready for the wire. Raises ValueError for a name or value that cannot be sent."""
    if _UNSAFE_VALUE.search("\t".join(headers.values())):
        raise ValueError("the value of a header holds a character that is not allowed")
    for name in headers:
        if not _may_be_set(name):
            raise ValueError(f"header {name!r} cannot be set")
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


@lru_cache(maxsize=1024)
def _may_be_set(name: str) -> bool:
    return name.lower() not in _OURS and _TOKEN.fullmatch(name) is not None
