"""OCR requests in JSON: what to read, which pages, and in which shape to answer. Called by `api`; fetches nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.call import Upload
from gateway.openai_api.data_url import MIB, decode_base64, image_format, split_data_url
from gateway.openai_api.forms import clean_filename
from gateway.openai_api.ocr import OcrShape

MAX_PAGES = 1000
_RANGE = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?")
_SINGLE = ("image_b64", "file_b64", "image_url", "document_url")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Something at an http(s) address, for `media.fetch`; `param` is the field that named it."""

    url: str
    param: str


@dataclass(frozen=True, slots=True)
class OcrRequest:
    """`inputs` in the caller's order. `pages` are numbers from 0, ascending; None = all."""

    inputs: tuple[Upload | RemoteFile, ...]
    shape: OcrShape
    pages: tuple[int, ...] | None = None


def parse_ocr_request(
    document: Mapping[str, object], *, max_file_bytes: int = 20 * MIB, max_files: int = 32
) -> OcrRequest:
    """Find the files of a JSON request: `image_b64`, `file_b64` with `file_name`, `image_url`, `images`, or Mistral's
    `document`. Raises `InvalidRequest` naming the field; `InvalidImage` for an image that is too big.
    """
    name = document.get("file_name") or document.get("filename")
    filename = clean_filename(name if isinstance(name, str) else "")
    inputs: list[Upload | RemoteFile] = []
    for param in _SINGLE:
        if document.get(param) is not None:
            inputs.append(read_input(document[param], param, filename, max_file_bytes))
    images = document.get("images")
    if images is not None:
        if not isinstance(images, list) or len(images) > max_files:
            raise InvalidRequest(f"'images' must be a list of at most {max_files} images.", param="images")
        inputs.extend(read_input(item, f"images[{n}]", filename, max_file_bytes) for n, item in enumerate(images))
    mistral = document.get("document")
    if mistral is not None:
        inputs.append(_document(mistral, filename, max_file_bytes))
    if not inputs:
        raise InvalidRequest(
            "Give what to read: 'image_b64', 'file_b64', 'image_url', 'images', or 'document' "
            'such as {"type": "image_url", "image_url": "data:image/png;base64,..."}.',
            param="document",
            code="missing_file",
        )
    shape = OcrShape.SIMPLE if mistral is None else OcrShape.MISTRAL
    return OcrRequest(tuple(inputs), shape, parse_page_selection(document.get("pages")))


def parse_page_selection(value: object) -> tuple[int, ...] | None:
    """Page numbers from 0 out of `[0, 2]`, `"0-2,5"`, `3` or a list of such strings; None for None and empty text."""
    if value is None or value == "":
        return None
    items = value if isinstance(value, list) else [value]
    pages: set[int] = set()
    for item in items:
        for part in str(item).split(",") if isinstance(item, str | int) and not isinstance(item, bool) else [""]:
            found = _RANGE.fullmatch(part.strip())
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
            if not 0 <= first <= last < MAX_PAGES:
                raise InvalidRequest(
                    f"'pages' must be page numbers from 0 to {MAX_PAGES - 1}, such as [0, 1] or \"0-2\".", param="pages"
                )
            pages.update(range(first, last + 1))
    return tuple(sorted(pages))


def _document(value: object, filename: str, max_file_bytes: int) -> Upload | RemoteFile:
    """Mistral's `document`, whose `type` names the member that holds the file."""
    if not isinstance(value, dict):
        raise InvalidRequest("'document' must be an object with a 'type'.", param="document", code="invalid_type")
    kind = value.get("type")
    if kind not in ("image_url", "document_url"):
        kind = next((key for key in ("image_url", "document_url") if key in value and kind is None), None)
    if kind is None:
        raise InvalidRequest("'document.type' must be 'image_url' or 'document_url'.", param="document.type")
    name = value.get("document_name")
    if isinstance(name, str):
        filename = clean_filename(name)
    return read_input(value.get(kind), f"document.{kind}", filename, max_file_bytes)


def read_input(value: Any, param: str, filename: str, max_file_bytes: int) -> Upload | RemoteFile:
    """One file: base64, a data URL or an address; a string, `{"url": …}` or `{"image_url": …}`. Raises InvalidRequest
    naming `param`, and InvalidImage for one that is too big."""
    text = value.get("url", value.get("image_url")) if isinstance(value, dict) else value
    if isinstance(text, dict):
        text = text.get("url")
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest(f"'{param}' must be a string: base64, a data URL or an http(s) URL.", param=param)
    text = text.strip()
    if re.match(r"https?:", text[:8], re.IGNORECASE):
        return RemoteFile(text, param)
    if re.match(r"[a-z][a-z0-9+.-]*:", text[:24], re.IGNORECASE) and text[:5].lower() != "data:":
        raise InvalidImage(f"'{param}' must be base64, a data URL or an http(s) URL.")
    data = decode_base64(text, param=param, max_bytes=max_file_bytes, too_large=InvalidImage)
    media_type = split_data_url(text)[0] if text[:5].lower() == "data:" else ""
    return Upload(filename, image_format(data) or media_type or "application/octet-stream", data)
