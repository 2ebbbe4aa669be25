"""What a request wants of the cache: its headers, else its key's default. Called by the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequest

HEADER = "x-gateway-cache"


@dataclass(frozen=True, slots=True)
class Wish:
    """`read`: a kept answer will do. `write`: this answer may be kept."""

    read: bool = False
    write: bool = False

    def __bool__(self) -> bool:
        return self.read or self.write


_NOTHING = Wish()


def read_wish(headers: Mapping[str, str], by_default: bool) -> Wish:
    """`x-gateway-cache: on|off` wins over the key's default; `Cache-Control: no-cache` asks for a new answer, and
    `no-store` for none to be kept, whatever the others say. Raises InvalidRequest for any other word."""
    asked = headers.get(HEADER)
    if asked is None and not by_default:
        return _NOTHING
    word = (asked or "on").strip().lower()
    if word not in ("on", "off"):
        raise InvalidRequest(f"The header '{HEADER}' takes on or off.", param=HEADER)
    if word == "off":
        return _NOTHING
    control = headers.get("cache-control")
    if not control:
        return Wish(True, True)
    words = {part.strip().lower() for part in control.split(",")}
    if "no-store" in words:
        return _NOTHING
    return Wish(read="no-cache" not in words, write=True)
