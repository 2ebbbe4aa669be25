"""Whatever an OCR engine, a chute or Mistral answers, read into an `OcrResult`. Called by the adapters.

Shapes: our engine's pages with lines, dots.ocr's layout items, Mistral's pages, `{"text" | "markdown" | "result": …}`,
a bare string, and JSON inside a string.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.errors import UpstreamBadResponse
from gateway.openai_api.ocr import Line, OcrResult, Page

MAX_DEPTH = 8
"""Of wrappers around an answer."""
_WRAPPERS = ("result", "results", "output", "data", "layout", "response")
_TEXTS = ("text", "markdown", "content")
_HTML = re.compile(r"<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)


def parse_ocr(body: bytes, media_type: str) -> OcrResult:
    """Read an answer of any known shape. Raises `UpstreamBadResponse` for HTML, an empty body and all else.

    A blank page is a right answer: an empty text in JSON gives a page without text.
    """
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _bad() from None
    if not text or "\x00" in text or _HTML.match(text) or "html" in media_type:
        raise _bad()
    if "json" not in media_type and text[0] not in '{["':
        return OcrResult((Page(text),))
    try:
        return OcrResult(_pages(orjson.loads(text)))
    except orjson.JSONDecodeError:
        if "json" in media_type:
            raise _bad() from None
        return OcrResult((Page(text),))


def parse_layout(text: str) -> tuple[Page, ...] | None:
    """The pages of a text that is JSON layout (items with `bbox`), as dots.ocr writes; None for any other text."""
    if text[:1] not in ("[", "{") or '"bbox"' not in text:
        return None
    try:
        return _pages(orjson.loads(text))
    except (orjson.JSONDecodeError, UpstreamBadResponse):
        return None


def _bad() -> UpstreamBadResponse:
    return UpstreamBadResponse("The provider sent an answer that is not a page's text.")


def _pages(document: Any, depth: int = 0) -> tuple[Page, ...]:
    if isinstance(document, str):
        return parse_layout(document.strip()) or (Page(document.strip()),)
    if isinstance(document, list):
        return _pages_of_list(document, depth)
    if not isinstance(document, dict) or document.get("error") or depth > MAX_DEPTH:
        raise _bad()
    if isinstance(document.get("pages"), list):
        return tuple(_page(item) for item in document["pages"])
    if "bbox" in document:
        return (_layout_page([document]),)
    if any(isinstance(document.get(key), str) for key in _TEXTS) or isinstance(document.get("lines"), list):
        return (_page(document),)
    for key in _WRAPPERS:
        if document.get(key) is not None:
            return _pages(document[key], depth + 1)
    raise _bad()


def _pages_of_list(items: list[Any], depth: int) -> tuple[Page, ...]:
    if not items:
        return (Page(""),)
    if all(isinstance(item, dict) and "bbox" in item for item in items):
        return (_layout_page(items),)
    if depth > MAX_DEPTH:
        raise _bad()
    return tuple(page for item in items for page in _pages(item, depth + 1))


def _page(item: Any) -> Page:
    """One page of our engine's shape or of Mistral's."""
    if isinstance(item, str):
        return Page(item)
    if not isinstance(item, dict):
        raise _bad()
    found = item.get("lines")
    lines = tuple(_line(line) for line in found) if isinstance(found, list) else ()
    text = next((item[key] for key in _TEXTS if isinstance(item.get(key), str)), None)
    if text is None:
        if found is None:
            raise _bad()
        text = "\n".join(line.text for line in lines)
    size = item["dimensions"] if isinstance(item.get("dimensions"), dict) else item
    return Page(text, _pixels(size.get("width")), _pixels(size.get("height")), lines)


def _line(item: Any) -> Line:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        raise _bad()
    return Line(item["text"], _number(item.get("score")), _box(item.get("box", item.get("bbox"))))


def _layout_page(items: Sequence[dict[str, Any]]) -> Page:
    """A page of layout items in reading order; pictures have no text."""
    lines = tuple(
        Line(item["text"].strip(), _number(item.get("score")), _box(item["bbox"]))
        for item in items
        if isinstance(item.get("text"), str) and item["text"].strip()
    )
    return Page("\n\n".join(line.text for line in lines), lines=lines)


def _box(value: Any) -> tuple[tuple[float, float], ...] | None:
    """Four corners from four points, or from `[x1, y1, x2, y2]`."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if all(isinstance(point, list) and len(point) == 2 for point in value):
        corners = [(_number(x), _number(y)) for x, y in value]
    else:
        x1, y1, x2, y2 = (_number(number) for number in value)
        corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    known = tuple((x, y) for x, y in corners if x is not None and y is not None)
    return known if len(known) == 4 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _pixels(value: Any) -> int | None:
    number = _number(value)
    return round(number) if number is not None and number > 0 else None
