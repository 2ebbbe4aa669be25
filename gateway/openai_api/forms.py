"""File requests brought to one form: fields as strings and files in memory. Called by `api` for file operations."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.errors import InvalidRequest, TooLarge
from gateway.openai_api.call import Field, Upload
from gateway.openai_api.data_url import decode_base64, split_data_url, too_large_message

MAX_NAME = 256
MAX_HEADERS = 8
MAX_HEADER_BYTES = 4096
REPEATABLE = frozenset({"timestamp_granularities", "include", "languages", "keywords", "pages"})
"""Lists in the API, so they may be repeated without `[]`; any other repeated field is refused."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(slots=True)
class Form:
    fields: dict[str, Field] = field(default_factory=dict)
    """`name[]` is kept as a list under `name`."""
    files: list[Upload] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """The fields that `files` came in, as they were sent."""


@dataclass(slots=True)
class _Part:
    headers: dict[str, str] = field(default_factory=dict)
    header: bytes = b""
    value: bytes = b""
    data: bytes = b""


def parse_multipart(
    content_type: str,
    body: bytes,
    *,
    max_file_bytes: int,
    max_parts: int = 64,
    max_files: int = 32,
    max_field_bytes: int = 2**20,
) -> Form:
    """Read multipart/form-data. Nothing touches the disk; file names are reduced to their last part.

    Raises `InvalidRequest` with code `invalid_multipart_data`, or naming a field that is sent twice, and `TooLarge`.
    """
    form = Form()
    for part in _parts(_boundary(content_type), body, max_parts):
        name, filename = _disposition(part)
        if filename is None:
            if len(part.data) > max_field_bytes:
                raise TooLarge(f"Form field '{name}' is longer than {max_field_bytes} bytes.", param=name)
            _add_field(form.fields, name, _text(name, part.data))
        elif filename or part.data:
            if len(part.data) > max_file_bytes:
                raise TooLarge(too_large_message("File", len(part.data), max_file_bytes), param=name)
            if len(form.files) >= max_files:
                raise _broken(f"more than {max_files} files")
            media_type = part.headers.get("content-type", "").partition(";")[0].strip().lower()
            form.files.append(Upload(clean_filename(filename), media_type or "application/octet-stream", part.data))
            form.names.append(name)
    return form


def parse_file_json(document: Mapping[str, object], file_fields: Sequence[str], *, max_file_bytes: int) -> Form:
    """The JSON form of a file request: base64 in one or more of `file_fields`, with `file_name` beside it.

    Other members become fields as in a form: numbers and booleans as JSON writes them, lists of such as lists, null
    left out, objects as JSON text. Sizes are checked before decoding; errors name the field.
    """
    form = Form()
    filename = document.get("file_name") or document.get("filename") or ""
    for name, value in document.items():
        if name in file_fields:
            if value is not None:
                form.files.append(_file(name, value, filename, max_file_bytes))
                form.names.append(name)
        elif name not in ("file_name", "filename") and value is not None:
            plain = name.removesuffix("[]")
            form.fields[plain] = [_as_text(item) for item in value] if isinstance(value, list) else _as_text(value)
    return form


def clean_filename(name: str) -> str:
    """The last part of a path in either spelling, without control characters; `file` where nothing is left."""
    last = _CONTROL.sub("", name.replace("\\", "/").rpartition("/")[2]).strip()
    return last[-MAX_NAME:] if last not in ("", ".", "..") else "file"


def _file(name: str, value: object, filename: object, max_file_bytes: int) -> Upload:
    if not isinstance(value, str):
        raise InvalidRequest(f"'{name}' must be a base64 string.", param=name, code="invalid_type")
    data = decode_base64(value, param=name, max_bytes=max_file_bytes)
    media_type = ""
    if value[:5].lower() == "data:":
        media_type, _ = split_data_url(value)
    return Upload(
        clean_filename(filename if isinstance(filename, str) else ""), media_type or "application/octet-stream", data
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _add_field(fields: dict[str, Field], name: str, value: str) -> None:
    plain = name.removesuffix("[]")
    before = fields.get(plain)
    if plain != name or plain in REPEATABLE:
        fields[plain] = [*(before if isinstance(before, list) else []), value]
    elif before is None:
        fields[plain] = value
    else:
        raise InvalidRequest(f"Form field '{name}' is sent more than once.", param=plain)


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"Form field '{name}' is not UTF-8 text.", param=name) from None


def _broken(why: str) -> InvalidRequest:
    return InvalidRequest(f"The multipart form cannot be read: {why}.", code="invalid_multipart_data")


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    if kind != b"multipart/form-data":
        raise _broken("Content-Type must be multipart/form-data with a boundary")
    if not 0 < len(boundary := options.get(b"boundary", b"")) <= 200:
        raise _broken("Content-Type has no usable boundary; let your HTTP client set this header itself")
    return boundary


def _disposition(part: _Part) -> tuple[str, str | None]:
    kind, options = parse_options_header(part.headers.get("content-disposition", ""))
    if kind != b"form-data" or b"name" not in options:
        raise _broken("a part has no 'Content-Disposition: form-data; name=\"...\"'")
    if part.headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise _broken("a part has a Content-Transfer-Encoding; send its bytes as they are")
    name = options[b"name"].decode(errors="replace")
    if not 0 < len(name) <= MAX_NAME:
        raise _broken(f"the name of a part is empty or longer than {MAX_NAME} characters")
    filename = options.get(b"filename")
    return name, None if filename is None else filename.decode(errors="replace")


def _parts(boundary: bytes, body: bytes, max_parts: int) -> list[_Part]:
    parts: list[_Part] = []
    ended = False

    def begin() -> None:
        if len(parts) >= max_parts:
            raise _broken(f"more than {max_parts} parts")
        parts.append(_Part())

    def end_header() -> None:
        part = parts[-1]
        part.headers[part.header.decode("latin-1").lower()] = part.value.decode("latin-1")
        part.header = part.value = b""

    def end() -> None:
        nonlocal ended
        ended = True

    def store(attribute: str) -> Callable[[bytes, int, int], None]:
        def add(data: bytes, start: int, stop: int) -> None:
            part = parts[-1]
            setattr(part, attribute, getattr(part, attribute) + data[start:stop])

        return add

    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_header_field": store("header"),
                "on_header_value": store("value"),
                "on_header_end": end_header,
                "on_part_data": store("data"),
                "on_end": end,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )
        parser.write(body)
    except FormParserError:
        raise _broken("a boundary or a part's header is malformed") from None
    if not ended:
        raise _broken("it ends before its closing boundary")
    return parts
