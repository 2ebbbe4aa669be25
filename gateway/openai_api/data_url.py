"""Data URLs and base64 from callers: size checked first, then decoded; and image formats known by their magic."""

import binascii
from collections.abc import Callable

from pybase64 import b64decode, b64encode_as_string

from gateway.errors import GatewayError, InvalidRequest, TooLarge

MIB = 2**20
_WHITESPACE = " \t\r\n"


def data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{b64encode_as_string(data)}"


def split_data_url(text: str) -> tuple[str, str]:
    """Media type (lower-case, no parameters, maybe empty) and payload of a base64 data URL; ValueError for others."""
    head, comma, payload = text.partition(",")
    media_type, *parameters = head[5:].split(";")
    if head[:5].lower() != "data:" or not comma or "base64" not in (part.strip().lower() for part in parameters):
        raise ValueError("not a base64 data URL")
    return media_type.strip().lower(), payload


def unwrapped(base64: str) -> str:
    """In one line, whatever lines it stands in, as MIME and `base64` of the shell write it."""
    return base64.replace("\n", "").replace("\r", "")


def decoded_size(payload: str | bytes | memoryview) -> int:
    """Bytes that base64 without whitespace decodes to."""
    end = payload[-2:]
    padding = end.count("=") if isinstance(end, str) else bytes(end).count(b"=")
    return len(payload) * 3 // 4 - padding


def megabytes(size: int) -> str:
    """`25.3MB`, and `20MB` for round figures."""
    return f"{size / MIB:.1f}".removesuffix(".0") + "MB"


def decode_base64(
    text: str, *, param: str, max_bytes: int, too_large: Callable[[str], GatewayError] = TooLarge
) -> bytes:
    """Bytes of a base64 string; a data-URL prefix and whitespace are tolerated, URL-safe letters and cut ends are not.

    Raises `InvalidRequest` naming `param`, and `too_large(message)` before anything is decoded.
    """
    if text[:5].lower() == "data:":
        try:
            _, text = split_data_url(text)
        except ValueError:
            raise InvalidRequest(
                f"'{param}' must be base64 or a data URL such as data:TYPE;base64,....", param=param
            ) from None
    if len(text) > 2 * max_bytes + 1024:
        raise too_large(too_large_message("File", decoded_size(text), max_bytes))
    try:
        payload = text.encode("ascii")
        if any(space in text for space in _WHITESPACE):
            payload = payload.translate(None, _WHITESPACE.encode())
        if (size := decoded_size(payload)) > max_bytes:
            raise too_large(too_large_message("File", size, max_bytes))
        data = b64decode(payload, validate=True)
        if len(payload) % 4:
            raise binascii.Error("padding")
    except (binascii.Error, UnicodeEncodeError):
        raise InvalidRequest(f"'{param}' is not valid base64.", param=param) from None
    if not data:
        raise InvalidRequest(f"'{param}' is empty.", param=param)
    return data


def too_large_message(what: str, size: int, limit: int) -> str:
    return f"{what} size ({megabytes(size)}) exceeds maximum allowed size ({megabytes(limit)})"


def image_format(data: bytes) -> str | None:
    """`image/png`, `image/jpeg`, `image/gif` or `image/webp` by the first bytes, else None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None
