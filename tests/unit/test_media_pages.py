"""Documents become page images in a process that may die of them; bombs and liars are refused by their headers."""

import asyncio
import contextlib
import io
import os
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageSequence

from gateway.errors import InvalidImage, InvalidRequest
from gateway.media import confined
from gateway.media.images import ImageFacts, probe_image
from gateway.media.pages import PageImage, render_pages
from gateway.openai_api.call import Upload


def _image(form: str, width: int = 60, height: int = 40, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), 1).save(file, form, **options)
    return file.getvalue()


def _pdf(count: int) -> bytes:
    sheets = []
    for number in range(count):
        sheet = Image.new("RGB", (200, 100), "white")
        ImageDraw.Draw(sheet).rectangle((0, 0, 20 + 40 * number, 99), fill="black")
        sheets.append(sheet)
    file = io.BytesIO()
    sheets[0].save(file, "PDF", save_all=True, append_images=sheets[1:], resolution=72)
    return file.getvalue()


def _text_pdf(box: str = "0 0 200 100", more: bytes = b"") -> bytes:
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[%s]>>endobj\n"
        % box.encode()
        + more
        + b"trailer<</Root 1 0 R>>\n%%EOF"
    )


_EMPTY_TIFF = b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHIIHHII", 256, 4, 1, 16, 257, 4, 1, 16) + b"\0\0\0\0"


def _upload(data: bytes) -> Upload:
    return Upload("a", "application/octet-stream", data)


async def _render(data: bytes, **options: Any) -> list[PageImage]:
    return await render_pages(_upload(data), **{"max_pages": 4, "timeout": 60.0, **options})


def _dark(image: Image.Image, x: int, y: int) -> bool:
    """Of an image in shades of grey."""
    shade = image.getpixel((x, y))
    assert isinstance(shade, int)
    return shade < 128


# --- pages -------------------------------------------------------------------------------------------------


async def test_pdf_pages_in_order() -> None:
    rendered = await _render(_pdf(3), dpi=72)
    assert [(page.width, page.height, page.media_type) for page in rendered] == [(200, 100, "image/png")] * 3
    for number, page in enumerate(rendered):
        image = Image.open(io.BytesIO(page.data)).convert("L")
        assert [_dark(image, 10 + 40 * column, 50) for column in range(4)] == [c <= number for c in range(4)]


async def test_chosen_pages_and_resolution() -> None:
    (page,) = await _render(_pdf(3), dpi=144, pages=[2])
    image = Image.open(io.BytesIO(page.data)).convert("L")
    assert image.size == (page.width, page.height) == (400, 200)
    assert _dark(image, 180, 100)


async def test_a_huge_page_comes_smaller() -> None:
    (page,) = await _render(_text_pdf("0 0 14400 14400"), dpi=200, max_pixels=1_000_000)
    assert 900_000 < page.width * page.height <= 1_010_000


@pytest.mark.parametrize(
    ("data", "options", "param", "words"),
    [
        (_pdf(3), {"max_pages": 2}, "pages", "3 pages; at most 2"),
        (_pdf(1), {"pages": [1]}, "pages", "it has 1"),
        (_image("PNG"), {"pages": [1]}, "pages", "it has 1"),
        (b"%PDF-1.7 garbage", {}, "file", "damaged"),
        (_pdf(2)[:300], {}, "file", "damaged"),
        (_text_pdf("0 0 0.0001 0.0001", b"x"), {"dpi": 1}, "file", "damaged"),
        (_EMPTY_TIFF, {}, "file", "damaged"),
        (_pdf(3), {"timeout": 0.01}, "file", "longer than 0.01 seconds"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_says_why(data: bytes, options: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await _render(data, **options)
    assert caught.value.param == param and words in caught.value.message


async def test_an_encrypted_pdf_says_so() -> None:
    encrypt = b"4 0 obj<</Filter/Standard/V 1/R 2/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">/P -4>>endobj\n"
    data = _text_pdf(more=encrypt).replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]")
    with pytest.raises(InvalidRequest, match="password"):
        await _render(data)


async def test_images_pass_as_they_are() -> None:
    for form, kind in (("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp")):
        data = _image(form)
        assert await _render(data, pages=[0]) == [PageImage(data, 60, 40, f"image/{kind}")]


async def test_each_page_of_a_tiff_and_the_first_frame_of_a_gif() -> None:
    tiff = _image("TIFF", save_all=True, append_images=[Image.new("1", (30, 20)), Image.new("CMYK", (10, 10))])
    assert [page[1:] for page in await _render(tiff)] == [
        (60, 40, "image/png"),
        (30, 20, "image/png"),
        (10, 10, "image/png"),
    ]
    gif = _image("GIF", save_all=True, append_images=[Image.new("RGB", (60, 40), "red")])
    assert [page[1:] for page in await _render(gif)] == [(60, 40, "image/png")]


async def test_a_process_that_dies_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InvalidRequest) as caught:
        await _render(_pdf(1) + b"\0" * 2**20)
    assert caught.value.param == "file"


async def test_a_cancelled_request_stops_its_process() -> None:
    task = asyncio.create_task(_render(_pdf(4), dpi=600))
    async with asyncio.timeout(15):
        while not _rasterizers():
            await asyncio.sleep(0.005)
    task.cancel()
    async with asyncio.timeout(15):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not _rasterizers()


def _rasterizers() -> list[str]:
    """Rendering processes of this one that are still there."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{os.getpid()}\n" in status.read_text():
                found.append(status.with_name("cmdline").read_text())
    return [line for line in found if "rasterizer" in line]


async def test_no_secret_reaches_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_API_KEY", "sk-secret")
    assert "sk-secret" not in str(confined.bare_environment())


# --- headers -----------------------------------------------------------------------------------------------


def _png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * 40


BOMBS = {
    "png": _png(50_000, 50_000),
    "gif screen": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";",
    "gif frame": b"GIF89a"
    + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    + b","
    + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0),
    "jpeg": b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 65_500, 65_500) + b"\0" * 20,
    "webp": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0",
    "webp lossless": b"RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f",
    "bmp": b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, 50_000, -50_000) + b"\0" * 20,
    "tiff": _image("TIFF").replace(struct.pack("<HHII", 256, 4, 1, 60), struct.pack("<HHII", 256, 4, 1, 4_000_000)),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
async def test_bombs_are_refused_unopened(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")  # the process that would open it
    with pytest.raises(InvalidImage, match="million pixels"):
        await _render(data)


async def test_a_small_pdf_that_unpacks_to_gigabytes_is_refused() -> None:
    packed = zlib.compress(zlib.compress(b"\0" * 10**8, 1), 9)
    image = (
        b"4 0 obj<</Type/XObject/Subtype/Image/Width 10000/Height 10000/ColorSpace/DeviceGray/BitsPerComponent 8"
        b"/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n" % len(packed) + packed + b"\nendstream endobj\n"
        b"5 0 obj<</Length 30>>stream\nq 200 0 0 100 0 0 cm /I Do Q\nendstream endobj\n"
    )
    data = _text_pdf(more=image).replace(
        b"/MediaBox[0 0 200 100]", b"/MediaBox[0 0 200 100]/Contents 5 0 R/Resources<</XObject<</I 4 0 R>>>>"
    )
    try:
        (page,) = await _render(data, dpi=72)
    except InvalidRequest:
        return
    assert (page.width, page.height) == (200, 100)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><svg/>",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypheic",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"GIF89a",
        b"II*\0\xff\xff\xff\xff",
        b"BM",
        _png(0, 5),
    ],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        probe_image(data)


@pytest.mark.parametrize(
    ("form", "options", "frames"),
    [
        ("PNG", {}, 1),
        ("JPEG", {"progressive": True}, 1),
        ("JPEG", {"exif": b"Exif\0\0" + b"\0" * 100}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("WEBP", {"lossless": False}, 1),
        ("WEBP", {"save_all": True, "append_images": [Image.new("RGB", (61, 43), "red")]}, 1),
        ("GIF", {}, 1),
        ("GIF", {"save_all": True, "append_images": [Image.new("RGB", (61, 43), "red")] * 2}, None),
        ("BMP", {}, 1),
        ("TIFF", {}, 1),
        ("TIFF", {"compression": "tiff_lzw", "big_tiff": False}, 1),
        ("TIFF", {"save_all": True, "append_images": [Image.new("RGB", (5, 5))] * 2}, 3),
    ],
)
def test_real_files_are_measured_as_pillow_does(form: str, options: dict[str, Any], frames: int | None) -> None:
    data = _image(form, 61, 43, **options)
    with Image.open(io.BytesIO(data)) as image:
        media_type, expected = image.get_format_mimetype(), frames or sum(1 for _ in ImageSequence.Iterator(image))
        assert media_type and probe_image(data) == ImageFacts(media_type, 61, 43, expected)


@given(st.sampled_from([_image(form) for form in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")]), st.data())
def test_no_header_breaks_the_reader(whole: bytes, data: st.DataObject) -> None:
    mutated = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if mutated:
            mutated[data.draw(st.integers(0, min(len(mutated) - 1, 200)))] = data.draw(st.integers(0, 255))
    try:
        facts = probe_image(bytes(mutated))
    except InvalidImage:
        return
    assert facts.width > 0 and facts.height > 0


def test_an_endless_chain_of_tiff_pages_ends() -> None:
    entry = struct.pack("<HHII", 256, 4, 1, 5) + struct.pack("<HHII", 257, 4, 1, 5)
    chain = b"".join(struct.pack("<H", 2) + entry + struct.pack("<I", 8 + 30 * (n + 1)) for n in range(200_000))
    began = time.thread_time()
    assert probe_image(b"II*\0\x08\0\0\0" + chain).frames == 1000
    assert probe_image(b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entry + struct.pack("<I", 8)).frames == 1
    assert time.thread_time() - began < 1
