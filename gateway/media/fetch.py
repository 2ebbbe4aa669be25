"""Fetching what a caller names by URL, without becoming the caller's way into our network. Called by `pipeline`.

The URL is read by one parser, every address of its host must be public, and the connection goes to the very address
that was checked. All failures are `InvalidImage` with constant texts, so nobody can map a network by our answers.
"""

import asyncio
import functools
import ipaddress
import re
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import httpx

from gateway.errors import InvalidImage
from gateway.media.addresses import Resolver, is_public, system_resolver

MAX_URL = 4096
RESOLVE_SECONDS = 10.0
MAX_ADDRESSES = 4
"""How many of a host's addresses are tried, one after the other; all of them are checked."""

_URL = re.compile(r"https?://[^/?#@\\\s]+(?:[/?#][^\x00-\x20\x7f\\]*)?", re.IGNORECASE)
"""Neither credentials, nor anything that two parsers could cut in two ways."""
_HOST = re.compile(rb"[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)*\.?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_NUMERIC = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)$")
_LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa")
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "chute-gateway", "connection": "close"}


@dataclass(frozen=True, slots=True)
class _Target:
    url: httpx.URL
    addresses: tuple[str, ...]


async def fetch(
    url: str,
    *,
    max_bytes: int,
    timeout: float,
    allowed_domains: Collection[str] | None = None,
    refused_ports: Collection[int] = (),
    resolver: Resolver | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> tuple[bytes, str]:
    """The bytes and the media type the server names (lower-case, without parameters, maybe empty).

    No redirects, cookies, credentials or proxies; `timeout` seconds for everything. `allowed_domains` (with their
    subdomains) narrows what may be fetched, `refused_ports` are the gateway's own. Raises `InvalidImage`.
    """
    own = transport or httpx.AsyncHTTPTransport(verify=_ssl_context(), trust_env=False)
    try:
        async with asyncio.timeout(timeout):
            target = await _check(url, allowed_domains, refused_ports, resolver or system_resolver)
            return await _get(own, target, max_bytes)
    except (TimeoutError, httpx.HTTPError):
        raise InvalidImage("The file at the URL could not be fetched.") from None
    finally:
        if transport is None:
            await own.aclose()


async def refuse_unsafe_url(
    url: str,
    *,
    allowed_domains: Collection[str] | None = None,
    refused_ports: Collection[int] = (),
    resolver: Resolver | None = None,
) -> None:
    """The check of `fetch` alone, for URLs that an upstream is going to fetch. Raises `InvalidImage`."""
    await _check(url, allowed_domains, refused_ports, resolver or system_resolver)


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _refused() -> InvalidImage:
    return InvalidImage("The URL is refused: only public http and https addresses may be fetched.")


async def _check(
    url: str, allowed_domains: Collection[str] | None, refused_ports: Collection[int], resolver: Resolver
) -> _Target:
    parsed = _parse(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    host = parsed.raw_host.decode("ascii").rstrip(".").lower()
    if port in refused_ports or (allowed_domains is not None and not _is_in(host, allowed_domains)):
        raise _refused()
    addresses = _literal(host)
    if addresses is None:
        if _is_in(host, _LOCAL_NAMES):
            raise _refused()
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await resolver(host, port)
        except (OSError, UnicodeError):
            raise InvalidImage("The host of the URL could not be found.") from None
    if not addresses or not all(map(is_public, addresses)):
        raise _refused()
    return _Target(parsed, tuple(dict.fromkeys(addresses))[:MAX_ADDRESSES])


def _parse(url: str) -> httpx.URL:
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        raise _refused()
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise _refused() from None
    if not _HOST.fullmatch(parsed.raw_host) or not 0 < (80 if parsed.port is None else parsed.port) < 65536:
        raise _refused()
    return parsed


def _literal(host: str) -> Sequence[str] | None:
    """The address a host spells; None for a name. Odd spellings (octal, hex, short, decimal) are refused outright."""
    if ":" in host:
        return [host]
    if not _NUMERIC.search(host):
        return None
    try:
        return [str(ipaddress.IPv4Address(host))]
    except ValueError:
        raise _refused() from None


def _is_in(host: str, domains: Collection[str]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in (name.lower() for name in domains))


async def _get(transport: httpx.AsyncBaseTransport, target: _Target, max_bytes: int) -> tuple[bytes, str]:
    """From the first of the checked addresses that takes the connection."""
    for address in target.addresses[:-1]:
        try:
            return await _get_from(transport, target.url, address, max_bytes)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await _get_from(transport, target.url, target.addresses[-1], max_bytes)


async def _get_from(
    transport: httpx.AsyncBaseTransport, url: httpx.URL, address: str, max_bytes: int
) -> tuple[bytes, str]:
    request = httpx.Request(
        "GET",
        url.copy_with(host=address, fragment=None),
        headers={"host": url.netloc.decode("ascii"), **_HEADERS},
        extensions={
            "sni_hostname": url.raw_host.decode("ascii").rstrip("."),
            "timeout": {"connect": 5.0, "read": 30.0, "write": 5.0, "pool": 5.0},
        },
    )
    response = await transport.handle_async_request(request)
    try:
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return await _read(response, max_bytes), media_type
    finally:
        await response.aclose()


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    if response.status_code != 200 or response.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidImage("The file at the URL could not be fetched.")
    length = response.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise _too_big(max_bytes)
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > max_bytes:
            raise _too_big(max_bytes)
    if not data:
        raise InvalidImage("The file at the URL is empty.")
    return bytes(data)


def _too_big(max_bytes: int) -> InvalidImage:
    return InvalidImage(f"The file at the URL exceeds the maximum allowed size ({max_bytes / 2**20:g}MB).")
