"""An `OcrResult` as our own answer or as Mistral's. Called by `api` after the adapter understood the answer."""

from typing import Any

import orjson

from gateway.openai_api.ocr import Line, OcrResult, OcrShape, Page


def render_ocr(
    result: OcrResult,
    *,
    model: str,
    provider: str,
    shape: OcrShape = OcrShape.SIMPLE,
    document_bytes: int | None = None,
    dpi: int = 200,
    page_numbers: tuple[int, ...] | None = None,
) -> bytes:
    """JSON bytes. `dpi` is what pages were rendered at; `page_numbers` (from 0) are the asked ones if not all."""
    numbers = page_numbers if page_numbers is not None and len(page_numbers) == len(result.pages) else None
    pages = list(zip(numbers or range(len(result.pages)), result.pages, strict=True))
    if shape is OcrShape.MISTRAL:
        return orjson.dumps(
            {
                "pages": [_mistral_page(number, page, dpi) for number, page in pages],
                "model": model,
                "document_annotation": None,
                "usage_info": {"pages_processed": len(pages), "doc_size_bytes": document_bytes},
            }
        )
    answer = {"text": result.text, "model": model, "provider": provider}
    return orjson.dumps({**answer, "pages": [_page(number, page) for number, page in pages]})


def _page(number: int, page: Page) -> dict[str, Any]:
    return {
        "index": number,
        "text": page.text,
        "width": page.width,
        "height": page.height,
        "lines": [_line(line) for line in page.lines],
    }


def _mistral_page(number: int, page: Page, dpi: int) -> dict[str, Any]:
    known = page.width is not None and page.height is not None
    return {
        "index": number,
        "markdown": page.text,
        "images": [],
        "dimensions": {"dpi": dpi, "height": page.height, "width": page.width} if known else None,
        "lines": [_line(line) for line in page.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {"text": line.text, "score": line.score, "box": line.box}
