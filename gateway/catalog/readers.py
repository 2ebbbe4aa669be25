"""Reading documents that others wrote: every value is checked, what is not as expected counts as not said."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 2000
MAX_ITEMS = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_NUMBER_LIMIT = 10**15


def text(value: object, limit: int = MAX_TEXT) -> str:
    """On one line, without control characters and direction marks, cut to `limit`; empty for what is no string."""
    if not isinstance(value, str):
        return ""
    plain = _CONTROL.sub(" ", value[: 2 * limit].encode("utf-8", "replace").decode())
    return " ".join(plain.split())[:limit]


def name(value: object) -> str:
    """A model's name: no spaces at the ends, at most 256 characters."""
    found = text(value, 257)
    return found if len(found) <= 256 else ""


def number(value: object) -> float | None:
    """A finite number that is not negative; strings of digits count."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 <= found < _NUMBER_LIMIT else None


def whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def positive(value: object) -> int | None:
    """A length or a time: zero means that it is unknown."""
    return whole(value) or None


def moment(value: object) -> int | None:
    """Seconds since 1970, of ISO 8601 or of seconds; a time without an offset is UTC."""
    if not isinstance(value, str):
        return positive(value)
    try:
        found = datetime.fromisoformat(value[:40])
        return positive((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def yes_no(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def words(value: object) -> tuple[str, ...]:
    """A list of short texts, in its order, each once."""
    if not isinstance(value, list | tuple):
        return ()
    found = (text(item, 100) for item in value[:MAX_ITEMS])
    return tuple(dict.fromkeys(item for item in found if item))


def rows(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def said(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs whose value says something: neither None nor empty."""
    return {key: value for key, value in pairs if value is not None and value != "" and value != () and value != {}}
