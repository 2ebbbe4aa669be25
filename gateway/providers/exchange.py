"""One exchange with an upstream: where it goes, as whom, and its failures as our errors. Used by every adapter."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import GatewayError, UpstreamBadResponse
from gateway.providers.base import Provider, Timeouts, Via
from gateway.providers.failures import failure
from gateway.providers.parts import tells_parts
from gateway.providers.transport.base import HttpRequest, HttpResponse, Transport

MAX_REPLY = 64 * 2**20
MAX_ERROR = 64 * 1024
JSON = "application/json"
EVENTS = "text/event-stream"

_MAX_DERIVED = 256
"""Addresses of one provider: callers can name chutes, each of which has one of its own."""
_NO_TRACE: Mapping[str, str] = {}
_VERSION = re.compile(r"v\d+\w*")


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where exchanges go. `secrets` are taken out of whatever it answers; `kept` are prefixes of reply headers to pass
    on (others are dropped: cookies, CORS and server headers are the provider's own business). `learned` is what models
    there have refused before, as `json_calls` notes it; `tells_parts` says whether contents may come in parts."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    timeouts: Timeouts
    secrets: tuple[str, ...] = field(default=(), repr=False)
    kept: tuple[str, ...] = ()
    engine: bool = False
    via: Via | None = None
    learned: set[tuple[str, str]] = field(default_factory=set, repr=False, compare=False)
    tells_parts: bool = False


def remote(provider: Provider, base_url: str = "", *, api_key: str = "", kept: tuple[str, ...] = ()) -> Upstream:
    """The provider with the given key, else with its first. Made once for each."""
    known = provider.derived
    upstream: Upstream | None = known.get((base_url, api_key, kept))
    if upstream is None:
        if len(known) >= _MAX_DERIVED:
            known.clear()
        upstream = known[base_url, api_key, kept] = _remote(provider, base_url, api_key, kept)
    return upstream


def _remote(provider: Provider, base_url: str, api_key: str, kept: tuple[str, ...]) -> Upstream:
    key = api_key or (provider.api_keys[0] if provider.api_keys else "")
    headers = {name.lower(): value for name, value in provider.headers.items()}
    if key:
        headers["authorization"] = f"Bearer {key}"
    secrets = (*provider.api_keys, *provider.headers.values())
    url = base_url or provider.base_url
    parts = tells_parts(url)
    return Upstream(url, headers, provider.timeouts, secrets, kept, via=provider.via, tells_parts=parts)


@lru_cache(maxsize=1024)
def join_url(base_url: str, path: str) -> str:
    """`path` begins with `/v1/`. A base URL that holds a version somewhere in its path already brings its own.

    `https://h`, `https://h/v1`, `https://h/openai/v1/` and `https://h/v1beta/openai` are all understood.
    """
    base = base_url.rstrip("/")
    segments = urlsplit(base).path.split("/")
    if any(_VERSION.fullmatch(segment) for segment in segments):
        return base + path.removeprefix("/v1")
    return base + path


def request_to(
    upstream: Upstream,
    url: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    content_type: str = JSON,
    accept: str = JSON,
    deadline: float | None = None,
    trace: Mapping[str, str] = _NO_TRACE,
) -> HttpRequest:
    headers = {**upstream.headers, "accept": accept}
    if trace:
        headers |= trace
    if body:
        headers["content-type"] = content_type
    streams = accept == EVENTS
    return HttpRequest(method, url, headers, body, upstream.timeouts, deadline, upstream.engine, streams, upstream.via)


async def ask(transport: Transport, upstream: Upstream, url: str, body: bytes = b"", **how: Any) -> HttpResponse:
    """The answer, status 200, body still to come. `how`: as `request_to` takes it. Raises what any other answer
    means."""
    response = await transport.send(request_to(upstream, url, body, **how))
    if response.status != 200:
        raise await refusal(response, upstream)
    return response


async def refusal(response: HttpResponse, upstream: Upstream) -> GatewayError:
    """Reads an answer that is no success; its status counts even where its body cannot be had."""
    try:
        async with asyncio.timeout(10):
            body = await response.read(MAX_ERROR)
    except (GatewayError, TimeoutError):
        body = b""
    return failure(response.status, response.headers, body, upstream.secrets)


def read_json(response: HttpResponse) -> Awaitable[bytes]:
    """The whole body of a non-stream answer. Raises `UpstreamBadResponse` for one that is a stream or a page."""
    kind = media_type(response)
    if kind == EVENTS or kind.startswith("text/html"):
        return _no_json(response, kind)
    return response.read(MAX_REPLY)


async def _no_json(response: HttpResponse, kind: str) -> bytes:
    await response.aclose()
    raise UpstreamBadResponse(f"The provider answered with {kind} instead of JSON.")


def media_type(response: HttpResponse) -> str:
    return _media_type(response.headers.get("content-type", ""))


@lru_cache(maxsize=64)
def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def kept_headers(response: HttpResponse, upstream: Upstream) -> dict[str, str]:
    if not upstream.kept:
        return {}
    return {name: value for name, value in response.headers.items() if name.startswith(upstream.kept)}
