"""The web UI: the built bundle of `ui/`, out of `gateway/static`, with the headers that keep it to itself.

Every file is read once and found by its name, so no path can lead elsewhere. Mounted by `api.pages`.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from gateway.errors import NotFound

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parents[1] / "static"
_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_SHIELD = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
}
_FOREVER = "public, max-age=31536000, immutable"
"""Names of assets hold a digest of their content."""
_GET = ["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    packed: bytes
    """By gzip; empty where that gains nothing."""
    type: str
    etag: str


@cache
def bundle() -> Mapping[str, File]:
    """The files by their path within the bundle; none where it was not built."""
    found = [path for path in sorted(STATIC.rglob("*")) if path.suffix in _TYPES]
    return {path.relative_to(STATIC).as_posix(): _read(path) for path in found}


def _read(path: Path) -> File:
    content = path.read_bytes()
    packed = b"" if path.suffix == ".woff2" else gzip.compress(content, 9, mtime=0)
    return File(content, packed, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:20]}"')


@router.api_route("/", methods=_GET)
@router.api_route("/ui", methods=_GET)
@router.api_route("/ui/{path:path}", methods=_GET)
async def page(request: Request, path: str = "") -> Response:
    """A file of the bundle, or for every other path the app, which shows the screen of that path."""
    files = bundle()
    name = path if path in files else _INDEX
    if name not in files or (name == _INDEX and path.startswith("assets/")):
        raise NotFound("There is nothing at this path.")
    return _answer(request, files[name], immutable=name.startswith("assets/"))


@router.api_route("/admin.html", methods=_GET)
async def admin_page() -> Response:
    return RedirectResponse("/ui/overview")


@router.api_route("/chat.html", methods=_GET)
async def chat_page() -> Response:
    return RedirectResponse("/ui/playground")


def _answer(request: Request, file: File, immutable: bool) -> Response:
    headers = {**_SHIELD, "etag": file.etag, "cache-control": _FOREVER if immutable else "no-cache"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    content = file.content
    if file.packed:
        headers["vary"] = "accept-encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["content-encoding"] = file.packed, "gzip"
    return Response(content, headers=headers, media_type=file.type)
