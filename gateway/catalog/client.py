"""Asks for JSON documents with bounds on time and size. The transport follows no redirects and judges addresses."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from gateway.catalog.documents import LARGE, loads
from gateway.catalog.threads import in_thread
from gateway.errors import UpstreamBadResponse, UpstreamTimeout, UpstreamUnreachable
from gateway.providers.base import Timeouts
from gateway.providers.exchange import Upstream, ask, media_type
from gateway.providers.transport.base import Transport

MAX_DOCUMENT = 16 * 2**20
CONNECT_SECONDS = 5.0


class JsonClient:
    """Used on one event loop; `transport` is closed by whoever made it. `allow_plain` sends keys without TLS too."""

    def __init__(self, transport: Transport, max_bytes: int = MAX_DOCUMENT, *, allow_plain: bool = False) -> None:
        self.transport = transport
        self._max_bytes = max_bytes
        self._allow_plain = allow_plain

    async def get(
        self, url: str, query: Mapping[str, object] | None = None, *, key: str = "", timeout: float = 30.0
    ) -> Any:
        """The document. `key` is sent as a bearer token and never shown. Raises GatewayError."""
        if key and not url.startswith("https://") and not self._allow_plain:
            raise UpstreamUnreachable("A key is sent over https only (ALLOW_PRIVATE_UPSTREAMS=1 allows plain http).")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        seconds = Timeouts(connect=CONNECT_SECONDS, first_byte=timeout, whole=timeout, idle=timeout)
        upstream = Upstream(url, headers, seconds, (key,) if key else ())
        asked = f"{url}?{urlencode(query)}" if query else url
        try:
            async with asyncio.timeout(timeout):
                response = await ask(self.transport, upstream, asked, method="GET", deadline=time.monotonic() + timeout)
                kind = media_type(response)
                if kind and "json" not in kind:
                    await response.aclose()
                    raise UpstreamBadResponse(f"The source answered with {kind} instead of JSON.")
                body = await response.read(self._max_bytes)
                return await in_thread(_parsed, body) if len(body) >= LARGE else _parsed(body)
        except TimeoutError:
            raise UpstreamTimeout(f"The source did not answer within {timeout:g} s.") from None


def _parsed(body: bytes) -> Any:
    try:
        return loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamBadResponse("The source's answer is not JSON in UTF-8.") from None
