"""`POST /v1/ocr`: `{"model", "images": [base64, ...]}` to pages with text and lines."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chute_models.engines.errors import Refusal
from chute_models.engines.exchange import read_json, unless_gone
from chute_models.engines.ocr.images import decode_base64, open_page
from chute_models.engines.ocr.reader import Page, Reader
from chute_models.engines.server import Served, check_model

MAX_IMAGES = 100


class OcrApi:
    """Handlers of one reader; `load` is run on the compute thread before any of them is reached."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._reader: Reader

    def routes(self) -> list[Route]:
        return [Route("/v1/ocr", self._read, methods=["POST"])]

    def load(self) -> Iterator[str]:
        from PIL import Image, ImageDraw

        yield "loading"
        self._reader = Reader(self._served.arguments)
        yield "warming"
        page = Image.new("RGB", (200, 60), "white")
        ImageDraw.Draw(page).text((10, 20), "warm up", fill="black")
        self._reader.read(page)

    async def _read(self, request: Request) -> Response:
        body = await read_json(request)
        name = self._served.arguments.name
        check_model(body.get("model"), name)
        images = body.get("images")
        if not isinstance(images, list) or not 1 <= len(images) <= MAX_IMAGES:
            raise Refusal(f"images must be a list of 1 to {MAX_IMAGES} base64 strings", param="images")
        data = await asyncio.to_thread(_decoded, images)
        pages = await unless_gone(request, self._served.worker.result(self._steps(data)))
        self._served.metrics.add("pages", len(pages))
        return JSONResponse({"model": name, "pages": [_page(page) for page in pages]})

    def _steps(self, images: Sequence[bytes]) -> Iterator[list[Page]]:
        """One page per step; only one is held in pixels at a time."""
        pages: list[Page] = []
        for at, data in enumerate(images):
            pages.append(self._reader.read(open_page(data, f"images[{at}]")))
            yield pages


def _decoded(images: Sequence[Any]) -> list[bytes]:
    return [decode_base64(image, f"images[{at}]") for at, image in enumerate(images)]


def _page(page: Page) -> dict[str, Any]:
    lines = [
        {"text": line.text, "score": line.score, "box": [list(corner) for corner in line.box]} for line in page.lines
    ]
    return {"width": page.width, "height": page.height, "text": page.text, "lines": lines}
