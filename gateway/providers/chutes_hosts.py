"""Where a chute lives: its own host, by the management API, else by Chutes' naming. Used by the dialect `chutes`."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from gateway.errors import GatewayError, UpstreamBadResponse, UpstreamEndpointMissing, UpstreamModelMissing
from gateway.providers.base import Provider, Timeouts
from gateway.providers.chutes_pictures import Pictures, pictures_taken
from gateway.providers.exchange import Upstream, ask, remote
from gateway.providers.transport.base import Transport

LLM_URL = "https://llm.chutes.ai"
API_URL = "https://api.chutes.ai"

KNOWN, UNKNOWN, FAILED = 3600.0, 120.0, 20.0
"""Seconds for which an answer is remembered: a chute, that there is none, that the API could not tell."""
MOST = 1024
_MAX_BYTES = 2**20
_PATIENCE = Timeouts(connect=3.0, first_byte=10.0, whole=10.0, idle=10.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Chute:
    """`paths` are its public ones; empty where the API does not tell."""

    chute_id: str
    name: str
    url: str
    paths: frozenset[str] = frozenset()
    tee: bool | None = None
    """Whether it runs in a trusted execution environment; None where the API does not tell."""
    pictures: Pictures | None = None
    """What it takes to edit; None where the API does not tell."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    until: float
    chute: Chute | None


def is_chutes_host(url: str) -> bool:
    """Judged by the host alone, never by what else stands in the URL."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return host == "chutes.ai" or host.endswith(".chutes.ai")


def for_all_models(providers: Iterable[Provider]) -> Provider | None:
    """Of providers of Chutes the first that is not the host of one chute alone; else the first."""
    return min(providers, key=lambda provider: not is_shared(provider.base_url or LLM_URL), default=None)


def is_shared(base_url: str) -> bool:
    """Whether that is a host for all chutes, by Chutes' naming."""
    return (urlsplit(base_url).hostname or "").startswith(("llm.", "api."))


def chute_url(model: str) -> str:
    """Where a public chute of this model lives by Chutes' naming: `https://chutes-{model}.chutes.ai`."""
    slug = _NO_SLUG.sub("-", model.lower()).strip("-")
    return f"https://{slug if slug.startswith('chutes-') else f'chutes-{slug}'}.chutes.ai"


class ChuteHosts:
    """What the API told is remembered, also that there is no such chute; of several callers who ask for one name only
    one asks the API. Accounts see different chutes, so each provider has its own memory. For use on one loop."""

    def __init__(self, transport: Transport, api_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._api_url, self._clock = transport, api_url, clock
        self._remembered: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[_Remembered]] = {}

    async def find(self, provider: Provider, name: str) -> Chute | None:
        """By the name, slug or UUID of a chute; None where there is none, or nobody can tell."""
        key = (provider.id, name)
        known = self._remembered.get(key)
        if known is None or known.until <= self._clock():
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = asyncio.create_task(self._ask(provider, name))
                task.add_done_callback(lambda _: self._asking.pop(key, None))
            known = await asyncio.shield(task)
            self._remembered[key] = known
            while len(self._remembered) > MOST:
                self._remembered.popitem(last=False)
        return known.chute

    def missing(self, provider: Provider, name: str) -> bool:
        """Whether the API said lately that there is no chute of this name."""
        known = self._remembered.get((provider.id, name))
        return known is not None and known.chute is None and known.until - self._clock() > FAILED

    async def _ask(self, provider: Provider, name: str) -> _Remembered:
        kept = FAILED
        with suppress(GatewayError):
            try:
                document = await self._get(provider, f"/chutes/{quote(name, safe='/')}")
                return _Remembered(self._clock() + KNOWN, read_chute(document, self._api_url))
            except (UpstreamModelMissing, UpstreamEndpointMissing):
                kept = UNKNOWN
        return _Remembered(self._clock() + kept, None)

    async def is_hot(self, provider: Provider, name: str) -> bool:
        """Asks Chutes to start the chute unless it runs; whether it does. Raises GatewayError."""
        document = await self._get(provider, f"/chutes/warmup/{quote(name, safe='/')}?quick=true")
        return document.get("status") == "hot"

    async def _get(self, provider: Provider, path: str) -> dict[str, Any]:
        known = remote(provider)
        upstream = Upstream(self._api_url, known.headers, _PATIENCE, known.secrets, via=known.via)
        response = await ask(self._transport, upstream, self._api_url + path, method="GET")
        try:
            document = orjson.loads(await response.read(_MAX_BYTES))
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise UpstreamBadResponse("Chutes' management API did not answer with a JSON object.")
        return document


def read_chute(document: dict[str, Any], api_url: str = API_URL) -> Chute:
    """Raises UpstreamBadResponse for one without a usable slug. Where the API is on this machine, so are the hosts."""
    slug = document.get("slug")
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug):
        raise UpstreamBadResponse("Chutes' management API told no usable slug of the chute.")
    cords = document.get("cords")
    known = [cord for cord in cords if isinstance(cord, dict)] if isinstance(cords, list) else []
    found = frozenset(path for cord in known if isinstance(path := cord.get("public_api_path"), str))
    tee = document.get("tee")
    in_tee = tee if isinstance(tee, bool) else None
    url = emulated_url(document, api_url) or f"https://{slug}.chutes.ai"
    name = str(document.get("name") or slug)
    return Chute(str(document.get("chute_id") or ""), name, url, found, in_tee, pictures_taken(known))


def emulated_url(document: Mapping[str, Any], api_url: str) -> str:
    """Where the host of this chute is on this machine; empty where the API is not on it."""
    local = document.get("dev_platform_url")
    ours = isinstance(local, str) and urlsplit(api_url).hostname in _LOOPBACK and urlsplit(local).hostname in _LOOPBACK
    return str(local) if ours else ""
