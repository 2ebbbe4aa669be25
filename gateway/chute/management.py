"""Signed calls to the platform's management API. Called by the steps of a deployment.

Requests are signed with the hotkey by the SDK. The server's own words are kept as they come.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from chutes.config import get_config
from chutes.util.auth import sign_request

LOG_SILENCE = 3.0
"""Seconds without a line after which a log counts as read."""


class Refused(Exception):
    """The platform said no, or could not be reached. `words` are its own; `status` is 0 where there was no answer."""

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


def base_url() -> str:
    base: str = get_config().generic.api_base_url
    return base.rstrip("/")


def call(method: str, path: str, payload: dict[str, Any] | None = None, purpose: str = "chutes") -> Any:
    """The JSON of a 200. Raises Refused."""
    headers, body = sign_request(payload=payload) if payload is not None else sign_request(purpose=purpose)
    try:
        reply = httpx.request(method, base_url() + path, headers=headers, content=body, timeout=60)
    except httpx.TransportError as error:
        raise Refused(f"{base_url()}: {error or type(error).__name__}") from None
    if reply.status_code != 200:
        raise Refused(f"{method} {path}: {reply.status_code} {reply.text[:2000]}", reply.status_code)
    try:
        return reply.json()
    except ValueError:
        return reply.text


def find(path: str, purpose: str = "chutes") -> Any | None:
    """None where the platform knows no such thing."""
    try:
        return call("GET", path, purpose=purpose)
    except Refused as refused:
        if refused.status == 404:
            return None
        raise


def lines(path: str, purpose: str, *, follow: bool) -> Iterator[str]:
    """The lines of a log: text, or a stream of events. Without `follow` it ends when nothing comes for a while."""
    headers, _ = sign_request(purpose=purpose)
    timeout = httpx.Timeout(60, read=None if follow else LOG_SILENCE)
    try:
        with httpx.stream("GET", base_url() + path, headers=headers, timeout=timeout) as reply:
            if reply.status_code != 200:
                reply.read()
                raise Refused(f"GET {path}: {reply.status_code} {reply.text[:2000]}", reply.status_code)
            yield from reply.iter_lines()
    except httpx.ReadTimeout:
        return
    except httpx.TransportError as error:
        raise Refused(f"{base_url()}: {error or type(error).__name__}") from None


def chute_path(name: str) -> str:
    return f"/chutes/{quote(name, safe='')}"


def public_url(chute: dict[str, Any]) -> str:
    """Where callers reach it. An emulated platform on this machine says so itself."""
    if urlsplit(base_url()).hostname in ("127.0.0.1", "localhost", "::1") and chute.get("dev_platform_url"):
        return str(chute["dev_platform_url"])
    return f"https://{chute['slug']}.chutes.ai"
