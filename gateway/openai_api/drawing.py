"""What a chute that draws is asked, and pictures as OpenAI answers with them. Pure; for the adapters."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from pybase64 import b64decode, b64encode_as_string

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.data_url import unwrapped
from gateway.openai_api.json_body import value_of

MOST = 10
"""Pictures of one request, as at OpenAI."""

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_OPENAI_ONLY = frozenset(
    {
        "model", "n", "size", "response_format", "user", "quality", "style", "background", "moderation",
        "output_format", "output_compression", "stream", "partial_images", "input_fidelity", "safety_identifier",
        "complexity", "frame_count", "frame_duration_ms", "svg",
    }
)  # fmt: skip
_KINDS = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"RIFF", "image/webp"), (b"GIF8", "image/gif"))


@dataclass(frozen=True, slots=True)
class DrawingRequest:
    """`fields` is the body for a chute that draws: `prompt`, `width`, `height`, and whatever else it may know."""

    fields: Mapping[str, Any]
    n: int = 1
    as_url: bool = False


def parse_drawing(document: Mapping[str, msgspec.Raw]) -> DrawingRequest:
    """Raises InvalidRequest naming the field."""
    return drawing_of({name: value_of(document, name) for name in document})


def drawing_of(given: Mapping[str, Any]) -> DrawingRequest:
    """The same for values."""
    if not isinstance(given.get("prompt"), str) or not given["prompt"]:
        raise InvalidRequest("'prompt' must be a text.", param="prompt")
    n = 1 if given.get("n") is None else given["n"]
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise InvalidRequest(f"'n' must be a whole number from 1 to {MOST}.", param="n")
    fields = {name: value for name, value in given.items() if name not in _OPENAI_ONLY}
    return DrawingRequest({**fields, **_sides(given.get("size"))}, n, given.get("response_format") == "url")


def _sides(size: Any) -> dict[str, int]:
    if size is None or size == "auto":
        return {}
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise InvalidRequest("'size' must be like 1024x1024, or auto.", param="size")
    return {"width": int(found[1]), "height": int(found[2])}


def nth(request: DrawingRequest, number: int) -> bytes:
    """The body for the picture `number`, from 0. A given seed is moved on, else all pictures would be one."""
    seed = request.fields.get("seed")
    moved = {"seed": seed + number} if isinstance(seed, int) and number else {}
    return orjson.dumps({**request.fields, **moved})


def render_pictures(pictures: Sequence[bytes], *, as_url: bool) -> bytes:
    """A chute gives no address, so a wish for one is met by a data URL. Raises UpstreamBadResponse."""
    data = []
    for picture in pictures:
        kind = next((kind for start, kind in _KINDS if picture.startswith(start)), None)
        if kind is None:
            raise UpstreamBadResponse("The provider's answer is no picture.")
        encoded = b64encode_as_string(picture)
        data.append({"url": f"data:{kind};base64,{encoded}"} if as_url else {"b64_json": encoded})
    return orjson.dumps({"created": int(time.time()), "data": data})


def picture_in(body: bytes, media_type: str) -> bytes:
    """The picture of an answer that is one, or JSON that holds one as base64. Raises UpstreamBadResponse."""
    if media_type.startswith("image/") or "json" not in media_type:
        return body
    try:
        answer = orjson.loads(body)
        rows = answer.get("data") or answer.get("images") or [answer] if isinstance(answer, dict) else answer
        first = rows[0]
        text = first if isinstance(first, str) else first.get("b64_json") or first.get("image") or first["image_b64"]
        return b64decode(unwrapped(text.rpartition(",")[2]), validate=True)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise UpstreamBadResponse("The provider's answer is no picture.") from None
