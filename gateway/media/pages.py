"""Documents to page images for OCR: PDF, TIFF and animated GIF through a process of their own, images as they are.

Called by `pipeline` for the files of an OCR request. A document can at worst end the process that reads it.
"""

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from gateway.errors import InvalidRequest
from gateway.media.confined import confined
from gateway.media.images import MAX_PIXELS, probe_image

MAX_RENDERED = 256 * 2**20
"""Bytes of all rendered pages of a document together."""
_SILENT_DEATH = "The file cannot be read: it is damaged, or it needs more memory than a document may use."
_MESSAGES = {
    "encrypted": "The PDF is protected by a password: remove it and send the file again.",
    "damaged": "The file is damaged and cannot be read.",
    "too_large": "A page of the file has too many pixels.",
}


class Document(Protocol):
    """What a caller sent: `openai_api.call.Upload` is one."""

    @property
    def filename(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def data(self) -> bytes: ...


class PageImage(NamedTuple):
    """One page. Rendered pages are PNG; an image passes as it came, whose kind `media_type` tells."""

    data: bytes
    width: int
    height: int
    media_type: str = "image/png"


async def render_pages(
    upload: Document,
    *,
    max_pages: int,
    dpi: int = 200,
    max_pixels: int = MAX_PIXELS,
    pages: Sequence[int] | None = None,
    timeout: float = 60.0,
    slots: asyncio.Semaphore | None = None,
) -> list[PageImage]:
    """The pages of a file, or those of `pages` (numbers from 0). PDF pages past `max_pixels` come at a lower `dpi`.

    `slots` bounds how many documents are open at a time. Raises `InvalidRequest` (param `file` or `pages`) for a PDF
    that is encrypted or damaged, for pages that are not there, for more than `max_pages`, and past `timeout` seconds;
    `InvalidImage` for images of an unknown format or with too many pixels.
    """
    if b"%PDF-" in upload.data[:1024]:
        kind = "pdf"
    else:
        facts = probe_image(upload.data, max_pixels=max_pixels)
        if facts.format != "image/tiff" and not (facts.format == "image/gif" and facts.frames > 1):
            if pages is not None and tuple(pages) != (0,):
                raise _no_such_page(1)
            return [PageImage(upload.data, facts.width, facts.height, facts.format)]
        kind = "image"
    order = {
        "kind": kind,
        "dpi": dpi,
        "max_pixels": max_pixels,
        "max_pages": max_pages,
        "pages": None if pages is None else list(pages),
        "cpu_seconds": math.ceil(timeout),
    }
    async with slots or asyncio.Semaphore():
        return await _rasterize(json.dumps(order).encode() + b"\n", upload.data, max_pages, timeout)


def _no_such_page(count: int) -> InvalidRequest:
    return InvalidRequest(f"'pages' names a page that the file does not have; it has {count} (from 0).", param="pages")


def _failure(line: dict[str, Any], max_pages: int) -> InvalidRequest:
    why, count = line.get("error"), line.get("pages", 0)
    if why == "no_such_page":
        return _no_such_page(count)
    if why == "too_many_pages":
        return InvalidRequest(
            f"The file has {count} pages; at most {max_pages} are read at once: choose with 'pages', as in \"0-9\".",
            param="pages",
        )
    return InvalidRequest(_MESSAGES.get(str(why), _SILENT_DEATH), param="file")


async def _rasterize(order: bytes, data: bytes, max_pages: int, timeout: float) -> list[PageImage]:
    try:
        async with asyncio.timeout(timeout), confined("gateway.media.rasterizer") as process:
            await process.give(order, data)
            return await _rendered(process.stdout, max_pages)
    except TimeoutError:
        raise InvalidRequest(f"Reading the file took longer than {timeout:g} seconds.", param="file") from None


async def _rendered(source: asyncio.StreamReader, max_pages: int) -> list[PageImage]:
    rendered: list[PageImage] = []
    total = 0
    try:
        while "size" in (line := json.loads(await source.readline() or b"{}")):
            if (total := total + line["size"]) > MAX_RENDERED:
                raise InvalidRequest(
                    "The rendered pages are too large together: choose fewer with 'pages'.", param="pages"
                )
            png = await source.readexactly(line["size"])
            rendered.append(PageImage(png, line["width"], line["height"]))
    except (asyncio.IncompleteReadError, ValueError):
        raise InvalidRequest(_SILENT_DEATH, param="file") from None
    if not line.get("done"):
        raise _failure(line, max_pages)
    return rendered
