"""Decoding page images: bounded before any pixel is touched, upright by their EXIF flag, on white."""

import base64
import binascii
import io
from typing import Any

from chute_models.engines.errors import Refusal

MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def decode_base64(text: Any, param: str) -> bytes:
    """Base64, with or without the head of a data URL."""
    if not isinstance(text, str):
        raise Refusal(f"{param} must be a base64 string", param=param, code="invalid_image")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(f"{param} is not valid base64", param=param, code="invalid_image") from None


def open_page(data: bytes, param: str) -> Any:
    """A PIL image in RGB; of an animation the first frame."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(param)
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            colour = upright.convert("RGBA")
            white = Image.new("RGBA", colour.size, "white")
            return Image.alpha_composite(white, colour).convert("RGB")
        return upright.convert("RGB")
    except Image.DecompressionBombError:
        raise _too_large(param) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        names = ", ".join(FORMATS)
        raise Refusal(f"{param} cannot be read as one of {names}", param=param, code="invalid_image") from None


def _too_large(param: str) -> Refusal:
    message = f"{param} has more than {MAX_PIXELS // 1_000_000} million pixels"
    return Refusal(message, param=param, code="image_too_large")
