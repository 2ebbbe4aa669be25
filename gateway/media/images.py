"""What an image file is, by its header alone: nothing is decoded, so no bomb goes off. Called by `pages`."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import InvalidImage

MAX_PIXELS = 64_000_000
MAX_FRAMES = 1000
"""Counting stops here."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """`format` is a media type. `frames` counts up to `MAX_FRAMES`; formats other than GIF and TIFF tell 1."""

    format: str
    width: int
    height: int
    frames: int = 1


def probe_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> ImageFacts:
    """Format and size of a PNG, JPEG, WebP, GIF, BMP or TIFF file.

    Raises `InvalidImage` for other formats (SVG too), headers that make no sense, and more than `max_pixels` pixels.
    """
    known = next((entry for entry in _FORMATS if data.startswith(entry[1])), None)
    if known is None:
        raise InvalidImage("The file is not a PNG, JPEG, WebP, GIF, BMP or TIFF image.")
    media_type, _, measure = known
    try:
        width, height, frames = measure(data)
    except (IndexError, ValueError):
        width = height = frames = 0
    if width <= 0 or height <= 0:
        raise InvalidImage("The image is damaged: its header gives no size.")
    if width * height > max_pixels:
        raise InvalidImage(
            f"Image of {width}x{height} pixels exceeds the maximum of {max_pixels / 1e6:g} million pixels."
        )
    return ImageFacts(media_type, width, height, frames)


def _big(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(_take(data, start, size), "big")


def _little(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(_take(data, start, size), "little")


def _take(data: bytes, start: int, size: int) -> bytes:
    if len(piece := data[start : start + size]) < size:
        raise IndexError(start)
    return piece


def _png(data: bytes) -> tuple[int, int, int]:
    return (_big(data, 16, 4), _big(data, 20, 4), 1) if data[12:16] == b"IHDR" else (0, 0, 0)


def _bmp(data: bytes) -> tuple[int, int, int]:
    if _little(data, 14, 4) == 12:
        return _little(data, 18, 2), _little(data, 20, 2), 1
    height = int.from_bytes(_take(data, 22, 4), "little", signed=True)
    return _little(data, 18, 4), abs(height), 1


def _jpeg(data: bytes) -> tuple[int, int, int]:
    """The first frame header (SOF) among the segments."""
    position = 2
    for _ in range(2000):
        while data[position] == 0xFF and data[position + 1] == 0xFF:
            position += 1
        marker = data[position + 1]
        if data[position] != 0xFF:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _big(data, position + 7, 2), _big(data, position + 5, 2), 1
        position += 2 if 0xD0 <= marker <= 0xD8 or marker == 0x01 else 2 + max(2, _big(data, position + 2, 2))
    return 0, 0, 0


def _webp(data: bytes) -> tuple[int, int, int]:
    match data[8:16]:
        case b"WEBPVP8X":
            return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1, 1
        case b"WEBPVP8L":
            bits = _little(data, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1
        case b"WEBPVP8 ":
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF, 1
    return 0, 0, 0


def _gif(data: bytes) -> tuple[int, int, int]:
    """The screen or its largest frame, whichever is bigger, and the number of frames."""
    width, height, frames = _little(data, 6, 2), _little(data, 8, 2), 0
    position = 13 + _color_table(data[10])
    while frames < MAX_FRAMES and position < len(data) and data[position] in (0x21, 0x2C):
        if data[position] == 0x2C:
            frames += 1
            width = max(width, _little(data, position + 1, 2) + _little(data, position + 5, 2))
            height = max(height, _little(data, position + 3, 2) + _little(data, position + 7, 2))
            position += 11 + _color_table(data[position + 9])
        else:
            position += 2
        while position < len(data) and data[position]:
            position += 1 + data[position]
        position += 1
    return width, height, frames


def _color_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _tiff(data: bytes) -> tuple[int, int, int]:
    """The largest page, and the number of pages. A page's size is in its tags 256 and 257."""
    read = _little if data[:2] == b"II" else _big
    width = height = frames = 0
    position = read(data, 4, 4)
    seen: set[int] = set()
    while position and position not in seen and frames < MAX_FRAMES:
        seen.add(position)
        frames += 1
        entries = read(data, position, 2)
        for entry in range(position + 2, position + 2 + 12 * min(entries, 200), 12):
            value = read(data, entry + 8, 2 if read(data, entry + 2, 2) == 3 else 4)
            if (tag := read(data, entry, 2)) == 256:
                width = max(width, value)
            elif tag == 257:
                height = max(height, value)
        position = read(data, position + 2 + 12 * entries, 4)
    return width, height, frames


_FORMATS: tuple[tuple[str, tuple[bytes, ...], Callable[[bytes], tuple[int, int, int]]], ...] = (
    ("image/png", (b"\x89PNG\r\n\x1a\n",), _png),
    ("image/jpeg", (b"\xff\xd8\xff",), _jpeg),
    ("image/gif", (b"GIF87a", b"GIF89a"), _gif),
    ("image/webp", (b"RIFF",), _webp),
    ("image/bmp", (b"BM",), _bmp),
    ("image/tiff", (b"II*\x00", b"MM\x00*"), _tiff),
)
