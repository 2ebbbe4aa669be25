"""JSON and text as the tables keep them: documents come back as they were, any text can be stored. For this package."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest

LONGEST_TEXT = 1_000
LARGEST = 2**63 - 1


def to_json(value: Any) -> str:
    """ASCII, so that both databases keep every character. Raises InvalidRequest for NaN and for what is no JSON."""
    try:
        return json.dumps(dict(value) if isinstance(value, Mapping) else value, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRequest(f"The document cannot be kept as JSON: {error}.") from error


def from_json(text: str) -> Any:
    return json.loads(text)


def clean(text: str) -> str:
    """Text of callers, as it can be stored: no NUL, no lone surrogate, bounded length."""
    if len(text) <= LONGEST_TEXT and text.isascii() and "\0" not in text:
        return text
    short = text[:LONGEST_TEXT]
    return short.encode("utf-8", "replace").decode().replace("\0", "�")


def storable(text: str, field: str) -> None:
    """Raises InvalidRequest for a name that not every database can keep as it is."""
    if not text or "\0" in text or not text.isprintable() or len(text) > LONGEST_TEXT:
        raise InvalidRequest(f"{field} must have 1 to {LONGEST_TEXT} characters that can be printed.", param=field)


def bounded(number: int | None) -> int | None:
    """A count that fits a column of 64 bits."""
    return None if number is None else max(-LARGEST, min(LARGEST, number))
