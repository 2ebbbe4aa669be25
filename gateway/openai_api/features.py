"""What a request needs its model to be able to do. Asked by routing about what a target is known to lack."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Raw

from gateway.openai_api.json_body import value_of


class Feature(StrEnum):
    """The words of `supports` in `gateway.yaml`."""

    IMAGES = "images"
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    N = "n"
    """Several answers to one request."""
    LOGPROBS = "logprobs"
    PREFILL = "prefill"
    """Going on behind a message of the assistant."""


def needed(body: bytes, asked: frozenset[Feature]) -> dict[Feature, str]:
    """Those of `asked` that a chat or completion body needs, each with the field that says so.

    A search for a word where none is needed; the body is parsed only where the word is there. Raises InvalidRequest
    for a number out of range.
    """
    suspects = [feature for feature in asked if any(mark in body for mark in _MARKS[feature])]
    if not suspects:
        return {}
    try:
        document = msgspec.json.decode(body, type=dict[str, Raw])
    except msgspec.DecodeError:
        return {}
    found = {feature: _TESTS[feature](document) for feature in suspects}
    return {feature: field for feature, field in found.items() if field}


_MARKS: Mapping[Feature, tuple[bytes, ...]] = {
    Feature.IMAGES: (b'"image_url"', b'"input_image"'),
    Feature.TOOLS: (b'"tools"', b'"functions"'),
    Feature.JSON_SCHEMA: (b'"json_schema"',),
    Feature.N: (b'"n"',),
    Feature.LOGPROBS: (b'"logprobs"', b'"top_logprobs"'),
    Feature.PREFILL: (b'"assistant"',),
}
"""A quotation mark inside a text is escaped, so these are found as keys and values only."""


def _images(document: Mapping[str, Raw]) -> str:
    parts = (part for message in _messages(document) for part in _parts(message))
    return "messages" if any(part.get("type") in ("image_url", "input_image") for part in parts) else ""


def _tools(document: Mapping[str, Raw]) -> str:
    return next((name for name in ("tools", "functions") if value_of(document, name)), "")


def _json_schema(document: Mapping[str, Raw]) -> str:
    form = value_of(document, "response_format")
    return "response_format" if isinstance(form, dict) and form.get("type") == "json_schema" else ""


def _several(document: Mapping[str, Raw]) -> str:
    count = value_of(document, "n")
    return "n" if isinstance(count, int) and count > 1 else ""


def _logprobs(document: Mapping[str, Raw]) -> str:
    """A number for completions, where 0 asks for the chosen token's; yes or no for chats."""
    asked = value_of(document, "logprobs")
    if asked is not None and asked is not False:
        return "logprobs"
    return "top_logprobs" if value_of(document, "top_logprobs") else ""


def _prefill(document: Mapping[str, Raw]) -> str:
    messages = _messages(document)
    return "messages" if messages and messages[-1].get("role") == "assistant" else ""


def _messages(document: Mapping[str, Raw]) -> list[dict[str, Any]]:
    found = value_of(document, "messages")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


_TESTS: Mapping[Feature, Callable[[Mapping[str, Raw]], str]] = {
    Feature.IMAGES: _images,
    Feature.TOOLS: _tools,
    Feature.JSON_SCHEMA: _json_schema,
    Feature.N: _several,
    Feature.LOGPROBS: _logprobs,
    Feature.PREFILL: _prefill,
}
