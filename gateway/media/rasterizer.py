"""The process that opens hostile documents: PDF, TIFF and GIF to PNG pages. Run by `pages`, once per document.

stdin: one JSON line `{"kind", "dpi", "max_pixels", "max_pages", "pages", "cpu_seconds"}`, then the document.
stdout: per page one JSON line `{"width", "height", "size"}` and the PNG; at the end `{"done": true}` or `{"error": …}`.
"""

import io
import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

import pypdfium2 as pdfium  # type: ignore[import-untyped]
from PIL import Image

from gateway.media.bounds import bind

MEMORY = 1536 * 2**20
"""Bytes of address space; past it the process dies alone."""
_FPDF_ERR_PASSWORD = 4


class Unreadable(Exception):
    """`why` is what `pages` makes a message of: encrypted, damaged, too_large, too_many_pages or no_such_page."""

    def __init__(self, why: str, pages: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.pages = pages


def main(source: BinaryIO, sink: BinaryIO) -> None:
    order = json.loads(source.readline())
    bind(MEMORY, order["cpu_seconds"])
    data = source.read()
    try:
        for image in _pdf_pages(data, order) if order["kind"] == "pdf" else _image_pages(data, order):
            png = io.BytesIO()
            image.save(png, "PNG", compress_level=1)
            _tell(sink, {"width": image.width, "height": image.height, "size": png.tell()}, png.getvalue())
        _tell(sink, {"done": True})
    except Unreadable as error:
        _tell(sink, {"error": error.why, "pages": error.pages})
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        _tell(sink, {"error": "too_large"})
    except Exception as error:  # whatever a decoder says of a hostile file, it says it here
        _tell(sink, {"error": "damaged", "kind": type(error).__name__})


def _tell(sink: BinaryIO, line: dict[str, Any], data: bytes = b"") -> None:
    sink.write(json.dumps(line).encode() + b"\n" + data)
    sink.flush()


def _chosen(count: int, order: dict[str, Any]) -> list[int]:
    pages: list[int] = list(range(count)) if order["pages"] is None else order["pages"]
    if any(page >= count for page in pages):
        raise Unreadable("no_such_page", count)
    if len(pages) > order["max_pages"]:
        raise Unreadable("too_many_pages", count)
    return pages


def _pdf_pages(data: bytes, order: dict[str, Any]) -> Iterator[Image.Image]:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise Unreadable("encrypted" if error.err_code == _FPDF_ERR_PASSWORD else "damaged") from None
    document.init_forms()
    for number in _chosen(len(document), order):
        page = document[number]
        width, height = page.get_size()
        if not (0 < width < 1e6 and 0 < height < 1e6):
            raise Unreadable("damaged")
        scale = min(order["dpi"] / 72, (order["max_pixels"] / (width * height)) ** 0.5)
        if width * scale < 1 or height * scale < 1:
            raise Unreadable("damaged")
        bitmap = page.render(scale=scale)
        yield bitmap.to_pil().convert("RGB")
        bitmap.close()
        page.close()


def _image_pages(data: bytes, order: dict[str, Any]) -> Iterator[Image.Image]:
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = order["max_pixels"]
    image = Image.open(io.BytesIO(data), formats=("TIFF", "GIF"))
    for number in _chosen(getattr(image, "n_frames", 1) if image.format == "TIFF" else 1, order):
        image.seek(number)
        if image.width * image.height > order["max_pixels"]:
            raise Unreadable("too_large")
        yield image.convert("RGB")


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
