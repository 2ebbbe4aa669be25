"""Thoughts on their way to the caller and back: under the field from which they came, as some providers overlook or
refuse them under the other one. Nothing is kept here, so the items say which it was.
"""

from binascii import Error
from typing import Any

import orjson
from pybase64 import b64decode, b64encode_as_string

from gateway.dialects.chat import Said

CHAT_FIELDS = ("reasoning_content", "reasoning")
_ID_ENDS = {"reasoning_content": "", "reasoning": "_reasoning"}
_SUMMARY = "_summary"
_SEAL = "gateway-thoughts-"


def chat_field(said: Said) -> str:
    return "reasoning_content" if said.reasoning_content else "reasoning"


def id_end(field: str, *, summed_up: bool) -> str:
    """How the ids of items with such thoughts end."""
    return f"{_SUMMARY if summed_up else ''}{_ID_ENDS[field]}"


def field_by_id(id: Any) -> str:
    return "reasoning" if isinstance(id, str) and id.endswith(_ID_ENDS["reasoning"]) else "reasoning_content"


def is_summed_up(id: Any) -> bool:
    """Whether an item from here has the thoughts in its summary. Those of others are no more than summaries."""
    return isinstance(id, str) and id.endswith(tuple(f"{_SUMMARY}{end}" for end in _ID_ENDS.values()))


def sealed(field: str, text: str) -> str:
    """For `encrypted_content`, all that some clients send back. It is no secret: the item shows the same."""
    return _SEAL + b64encode_as_string(orjson.dumps([field, text]))


def opened(content: Any) -> tuple[str, str] | None:
    """What was `sealed`; None for what was not sealed here."""
    if not isinstance(content, str) or not content.startswith(_SEAL):
        return None
    try:
        field, text = orjson.loads(b64decode(content.removeprefix(_SEAL), validate=True))
    except (Error, TypeError, ValueError):
        return None
    return (field, text) if field in CHAT_FIELDS and isinstance(text, str) else None
