"""Our rapidocr server on rendered pages."""

import base64
import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.engines.conftest import Door

pytestmark = pytest.mark.engines
PATH = "/v1/ocr"
LINES = ["The quick brown fox jumps over", "the lazy dog near the river bank", "Pack my box with five dozen",
         "liquor jugs before noon today"]  # fmt: skip
LEFT = ["Left column line one is here", "second left line follows it", "third left line ends now"]
RIGHT = ["Right column starts up here", "its second line is there", "and the third one closes"]
TITLE = "A Title Over Both Columns Of The Page"


def write(page: Image.Image, lines: list[str], x: int, y: int) -> None:
    for at, line in enumerate(lines):
        ImageDraw.Draw(page).text((x, y + at * 44), line, font=ImageFont.load_default(26), fill="black")


def plain() -> Image.Image:
    page = Image.new("RGB", (900, 300), "white")
    write(page, LINES, 40, 40)
    return page


def columns() -> Image.Image:
    page = Image.new("RGB", (1100, 320), "white")
    write(page, [TITLE], 300, 20)
    write(page, LEFT, 40, 110)
    write(page, RIGHT, 600, 110)
    return page


def encoded(page: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    page.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


async def read(ocr: Door, *pages: Image.Image) -> list[dict[str, object]]:
    reply = await ocr.post(PATH, {"images": [encoded(page) for page in pages]})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["pages"])


def same(text: object, lines: list[str]) -> bool:
    """But for spaces, which a reader may miss."""
    return str(text).replace(" ", "").split() == "\n".join(lines).replace(" ", "").split()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
async def test_a_page_however_it_lies(ocr: Door, turn: int) -> None:
    page = plain().rotate(turn, expand=True)
    found = (await read(ocr, page))[0]
    assert same(found["text"], LINES), found["text"]
    assert (found["width"], found["height"]) == page.size


@pytest.mark.parametrize("turn", [0, 90, 270])
async def test_columns_are_read_one_after_the_other(ocr: Door, turn: int) -> None:
    found = (await read(ocr, columns().rotate(turn, expand=True)))[0]
    assert same(found["text"], [TITLE, *LEFT, *RIGHT]), found["text"]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
async def test_boxes_lie_on_the_ink(ocr: Door, turn: int) -> None:
    """Of the page as it was given: each box holds dark pixels, and outside of all there are none."""
    page = plain().rotate(turn, expand=True)
    rest = page.convert("L").point(lambda value: 255 if value < 128 else 0)
    for line in (await read(ocr, page))[0]["lines"]:  # type: ignore[attr-defined]
        corners = [tuple(corner) for corner in line["box"]]
        across, down = [x for x, _ in corners], [y for _, y in corners]
        area = (int(min(across)) - 4, int(min(down)) - 4, int(max(across)) + 4, int(max(down)) + 4)
        assert rest.crop(area).getbbox() is not None
        assert corners[0] == min(corners, key=sum)
        assert 0.5 < line["score"] <= 1
        rest.paste(0, area)
    assert rest.getbbox() is None


async def test_a_blank_page_has_no_text(ocr: Door) -> None:
    found = await read(ocr, Image.new("RGB", (300, 200), "white"), plain())
    assert found[0] == {"width": 300, "height": 200, "text": "", "lines": []}
    assert same(found[1]["text"], LINES)


@pytest.mark.parametrize(
    "change",
    [
        lambda page: encoded(page, "JPEG"),
        lambda page: encoded(page, "WEBP"),
        lambda page: encoded(page.convert("P"), "GIF"),
        lambda page: encoded(page.convert("1")),
        lambda page: encoded(page.convert("LA")),
        lambda page: "data:image/png;base64," + encoded(page),
    ],
)
async def test_formats(ocr: Door, change: Callable[[Image.Image], str]) -> None:
    reply = await ocr.post(PATH, {"images": [change(plain())]})
    assert same(reply.json()["pages"][0]["text"], LINES)


async def test_transparency_is_white(ocr: Door) -> None:
    page = Image.new("RGBA", (900, 300), (0, 0, 0, 0))
    write(page, LINES, 40, 40)
    assert same((await read(ocr, page))[0]["text"], LINES)


def bomb() -> str:
    """A PNG of 40 000 x 40 000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 5000)) + chunk(b"IEND", b"")
    return base64.b64encode(png).decode()


@pytest.mark.parametrize(
    ("images", "param", "code"),
    [
        ([], "images", "invalid_value"),
        ("text", "images", "invalid_value"),
        ([7], "images[0]", "invalid_image"),
        (["*"], "images[0]", "invalid_image"),
        ([base64.b64encode(b"no image").decode()], "images[0]", "invalid_image"),
        ([encoded(plain())[:400]], "images[0]", "invalid_image"),
        ([bomb()], "images[0]", "image_too_large"),
        ([encoded(Image.new("RGB", (50, 50)), "BMP")], "images[0]", "invalid_image"),
    ],
)
async def test_refusals(ocr: Door, images: object, param: str, code: str) -> None:
    reply = await ocr.post(PATH, {"images": images})
    assert reply.status_code == 400
    assert (reply.json()["error"]["param"], reply.json()["error"]["code"]) == (param, code)
