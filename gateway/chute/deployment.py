"""The calls to the platform's API that its command line has not, or tells badly. Called by deploy.sh as
`python -m gateway.chute.deployment image|secrets|warmup|url`.

Requests are signed with the hotkey by the SDK. The server's own words are printed as they come.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from chutes.config import get_config
from chutes.util.auth import sign_request

from gateway.chute import preflight

BUILT = "built and pushed"
BUILD_SECONDS = 3600.0
POLL_SECONDS = 5.0


class Refused(Exception):
    """The platform said no; the message is its own."""


def _call(method: str, path: str, payload: dict[str, Any] | None = None, purpose: str = "") -> httpx.Response:
    headers, body = sign_request(payload=payload) if payload is not None else sign_request(purpose=purpose)
    base: str = get_config().generic.api_base_url
    try:
        return httpx.request(method, base.rstrip("/") + path, headers=headers, content=body, timeout=60)
    except httpx.TransportError as error:
        raise Refused(f"{base}: {error or type(error).__name__}") from None


def _checked(reply: httpx.Response) -> Any:
    if reply.status_code != 200:
        raise Refused(f"{reply.request.method} {reply.request.url.path}: {reply.status_code} {reply.text[:2000]}")
    return reply.json()


def image_status(uid: str) -> str:
    """`missing`, `built and pushed`, or the platform's word for what it is doing."""
    reply = _call("GET", f"/images/{uid}", purpose="images")
    return "missing" if reply.status_code == 404 else str(_checked(reply).get("status"))


def wait_for_image(uid: str) -> str:
    """Raises Refused when the build failed or takes longer than an hour."""
    until = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < until:
        status = image_status(uid)
        if status == BUILT:
            return status
        if "error" in status.lower() or "fail" in status.lower() or status == "missing":
            raise Refused(f"the image was not built: {status}")
        time.sleep(POLL_SECONDS)
    raise Refused("the image is not built after an hour")


def create_secrets(name: str, root: Path) -> str:
    """Values go in the request, never on a command line where other users of the machine could read them."""
    names = preflight.secret_names(root)
    for key in names:
        _checked(_call("POST", "/secrets/", {"purpose": name, "key": key, "value": os.environ[key]}))
    return f"secrets created: {', '.join(names) or 'none'}"


def warm_up(name: str) -> str:
    report = _checked(_call("GET", f"/chutes/warmup/{quote(name, safe='')}?quick=true", purpose="chutes"))
    return f"the chute is {report.get('status')}, {report.get('instance_count', 0)} instances"


def url(name: str) -> str:
    slug = _checked(_call("GET", f"/chutes/{quote(name, safe='')}", purpose="chutes"))["slug"]
    return f"https://{slug}.chutes.ai"


def main(arguments: Sequence[str]) -> int:
    steps: dict[str, Callable[[str], str]] = {
        "image": image_status,
        "wait": wait_for_image,
        "secrets": lambda name: create_secrets(name, Path.cwd()),
        "warmup": warm_up,
        "url": url,
    }
    try:
        sys.stdout.write(steps[arguments[0]](arguments[1]) + "\n")
    except Refused as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
