"""Sound and pictures that the fake upstream makes, small but real: players play them, pages show them."""

import io
import math
import struct
import wave

from PIL import Image, ImageDraw

_RATE = 16_000


def sound(seconds: float) -> bytes:
    """A WAV file of a falling tone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        frames = (int(9000 * math.sin(n / (9 + n / 4000))) for n in range(int(_RATE * seconds)))
        out.writeframes(b"".join(struct.pack("<h", frame) for frame in frames))
    return buffer.getvalue()


def drawing(size: tuple[int, int], number: int) -> bytes:
    """A PNG file: a kite over the sea, in another place for every number."""
    width, height = size
    image = Image.new("RGB", size, "#f3d9b8")
    pen = ImageDraw.Draw(image)
    for line in range(height * 2 // 3, height):
        pen.line((0, line, width, line), fill=(40, 90 + line * 60 // height, 130 + line * 60 // height))
    x, y, r = width * (2 + number % 3) // 6, height // 3, min(width, height) // 8
    pen.polygon([(x, y - r), (x + r * 2 // 3, y), (x, y + r), (x - r * 2 // 3, y)], fill="#c8352b")
    pen.line((x, y + r, x - r, y + 3 * r), fill="#4b3a34", width=max(1, r // 16))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
