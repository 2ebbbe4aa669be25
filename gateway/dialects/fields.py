"""Reading a request's JSON: each function names the field at fault. `path` is such as `messages.0.content.1`."""

import codecs
from typing import Any

import orjson

from gateway.errors import InvalidJSON, InvalidRequest
from gateway.openai_api.json_body import split_object

Document = dict[str, Any]

_SHOWN = 80
"""Characters of a wrong value that its refusal repeats."""


def read_document(body: bytes) -> Document:
    """Raises InvalidJSON."""
    split_object(body)  # which says best what is wrong with it
    try:
        document: Document = orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        raise InvalidJSON("The body holds a number out of the range of a double.") from None
    return document


def required(document: Document, name: str, path: str = "") -> Any:
    value = document.get(name)
    if value is None:
        where = _within(path, name)
        raise InvalidRequest(f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")
    return value


def required_text(document: Document, name: str, path: str = "") -> str:
    return as_text(required(document, name, path), _within(path, name))


def optional_object(document: Document, name: str, path: str = "") -> Document:
    """Empty where it is missing or null."""
    value = document.get(name)
    return {} if value is None else as_object(value, _within(path, name))


def as_object(value: Any, path: str) -> Document:
    if not isinstance(value, dict):
        raise wrong(path, "an object")
    return value


def as_list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(path, "a list")
    return value


def as_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(path, "a string")
    return value


def objects(value: Any, path: str) -> list[tuple[str, Document]]:
    """The objects of a list, each with its path."""
    return [(f"{path}.{n}", as_object(one, f"{path}.{n}")) for n, one in enumerate(as_list(value, path))]


def wrong(path: str, what: str) -> InvalidRequest:
    """Of another type than `what`."""
    return InvalidRequest(f"'{path}' must be {what}.", param=path, code="invalid_type")


def unknown(path: str, value: Any, known: str) -> InvalidRequest:
    """Not one of the values that can be had here."""
    return InvalidRequest(
        f"'{path}' is {str(value)[:_SHOWN]!r}; known here: {known}.", param=path, code="unsupported_value"
    )


def _within(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
