"""Transcription, OCR and images: what callers send, what upstreams get, what comes back.

Rows of docs/acceptance.md: A002-14, A002-17, A002-18, A002-25, A002-26, A002-27, A002-29.
"""

import base64
import io
import json
import math
import struct
import wave
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from PIL import Image, ImageDraw

from tests.fakes.upstream import Upstream

MB = 2**20
SPOKEN = "Hello there. How are you?"


def tone(seconds: float = 0.5) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        frames = (int(9000 * math.sin(n / 12)) for n in range(int(16_000 * seconds)))
        out.writeframes(b"".join(struct.pack("<h", frame) for frame in frames))
    return buffer.getvalue()


def picture(form: str = "PNG", size: tuple[int, int] = (200, 60), text: str = "hello") -> bytes:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((10, 10), text, fill="black")
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def pdf(pages: int) -> bytes:
    images = [Image.new("RGB", (300, 200), "white") for _ in range(pages)]
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


WAV = tone()


# --- transcription ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["whisper-1", "whisper-large-v3"])
@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
def test_every_format_from_every_dialect(client: openai.OpenAI, model: str, form: Any) -> None:
    file = ("speech.wav", WAV, "audio/wav")
    reply: Any = client.audio.transcriptions.create(model=model, file=file, response_format=form)
    text = reply if isinstance(reply, str) else reply.text
    assert "How are you?" in text
    if form == "srt":
        assert text.startswith("1\n00:00:00,000 --> 00:00:01,200\n")
    if form == "vtt":
        assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.200\n")
    if form == "verbose_json":
        assert reply.segments[1].start == 1.2 and reply.duration > 0


@pytest.mark.parametrize("shape", ["array", "string", "text", "transcription"])
def test_every_shape_of_a_whisper_chute(client: openai.OpenAI, upstream: Upstream, shape: str) -> None:
    upstream.whisper_shape = shape
    reply = client.audio.transcriptions.create(model="whisper-large-v3", file=("a.wav", WAV), language="en")
    assert reply.text == SPOKEN
    assert upstream.last.path == "/transcribe"
    assert upstream.last.json == {"audio_b64": b64(WAV), "language": "en"}


def test_words_get_times_even_if_the_upstream_gave_none(client: openai.OpenAI) -> None:
    reply = client.audio.transcriptions.create(
        model="whisper-large-v3",
        file=("a.wav", WAV),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert reply.words and [word.word for word in reply.words] == SPOKEN.split()
    assert all(word.start <= word.end for word in reply.words)
    assert reply.words[0].start == 0 and reply.words[-1].end == pytest.approx(2.5)


@pytest.mark.parametrize("field", ["file_b64", "audio_b64"])
def test_json_instead_of_multipart(http: httpx.Client, upstream: Upstream, field: str) -> None:
    body = {"model": "whisper-1", field: b64(WAV), "file_name": "x.wav", "language": "en", "prompt": "names: Ada"}
    assert http.post("/v1/audio/transcriptions", json=body).json()["text"] == SPOKEN
    assert b"names: Ada" in upstream.last.body


def test_translation(client: openai.OpenAI, upstream: Upstream) -> None:
    assert client.audio.translations.create(model="whisper-1", file=("a.wav", WAV)).text == SPOKEN
    assert upstream.last.path == "/v1/audio/translations"


def test_a_streamed_transcription(client: openai.OpenAI) -> None:
    events = list(client.audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV), stream=True))
    assert events[-1].type == "transcript.text.done" and events[-1].text == SPOKEN
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == SPOKEN


def test_transcribe_answers_as_a_whisper_chute_does(http: httpx.Client) -> None:
    reply = http.post("/transcribe", json={"audio_b64": b64(WAV)}).json()
    assert [segment["text"].strip() for segment in reply] == ["Hello there.", "How are you?"]
    assert reply[0].keys() == {"start", "end", "text"}
    assert http.post("/transcribe", json={"audio_b64": b64(WAV), "stream": True}).json() == reply


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "xml"}, "response_format"),
        ({"temperature": "3"}, "temperature"),
        ({"language": "klingonese"}, "language"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities"),
        ({"model": ""}, "model"),
    ],
)
def test_a_bad_field_is_named(http: httpx.Client, upstream: Upstream, fields: dict[str, str], param: str) -> None:
    data = {"model": "whisper-1", **fields}
    reply = http.post("/v1/audio/transcriptions", data=data, files={"file": ("a.wav", WAV)})
    assert reply.status_code == 400 and reply.json()["error"]["param"].startswith(param)
    assert not upstream.requests


def test_what_is_no_audio_is_refused(http: httpx.Client) -> None:
    reply = http.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files={"file": ("a.wav", b"<html>")})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "file"
    missing = http.post("/v1/audio/transcriptions", json={"model": "whisper-1"})
    assert missing.status_code == 400 and missing.json()["error"]["code"] == "missing_file"


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/ocr"])
def test_a_number_out_of_range_is_named(http: httpx.Client, path: str) -> None:
    body = b'{"model": "whisper-1", "image_b64": "aaaa", "pages": 1e999}'
    error = http.post(path, content=body, headers={"content-type": "application/json"}).json()["error"]
    assert error["param"] == "pages" and "out of range" in error["message"]


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/ocr"])
def test_a_file_that_came_as_a_text_is_said_to_be_one(http: httpx.Client, path: str) -> None:
    """As `curl -F file=speech.wav` sends it, without the `@`."""
    files = {"model": (None, "whisper-1"), "file": (None, "speech.wav")}
    error = http.post(path, files=files).json()["error"]
    assert (error["code"], error["param"]) == ("missing_file", "file") and "-F file=@" in error["message"]


def test_too_much_audio_is_413(http: httpx.Client, upstream: Upstream) -> None:
    big = WAV + bytes(25 * MB)
    for request in ({"files": {"file": ("a.wav", big)}, "data": {"model": "whisper-1"}},
                    {"json": {"model": "whisper-1", "file_b64": b64(big)}}):  # fmt: skip
        reply = http.post("/v1/audio/transcriptions", **request)
        assert reply.status_code == 413 and reply.json()["error"]["code"] == "request_too_large"
        assert "25MB" in reply.json()["error"]["message"]
    assert not upstream.requests


# --- OCR -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["dots-ocr", "vision-ocr"])
def test_a_page_as_multipart(http: httpx.Client, upstream: Upstream, model: str) -> None:
    reply = http.post("/v1/ocr", data={"model": model}, files={"file": ("page.png", picture(), "image/png")})
    body = reply.json()
    assert body["text"] and body["model"] == model
    assert body["provider"] == {"dots-ocr": "chutes", "vision-ocr": "main"}[model]
    assert upstream.last.path == {"dots-ocr": "/ocr", "vision-ocr": "/v1/chat/completions"}[model]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_image_formats(http: httpx.Client, form: str) -> None:
    assert http.post("/v1/ocr", json={"model": "dots-ocr", "image_b64": b64(picture(form))}).json()["text"]


def test_mistrals_shape(http: httpx.Client) -> None:
    document = {"type": "image_url", "image_url": f"data:image/png;base64,{b64(picture())}"}
    body = http.post("/v1/ocr", json={"model": "dots-ocr", "document": document}).json()
    assert body["pages"][0]["index"] == 0 and body["pages"][0]["markdown"]
    assert body["usage_info"]["pages_processed"] == 1


def test_several_images_and_the_pages_of_a_pdf(http: httpx.Client, upstream: Upstream) -> None:
    images = [b64(picture()), b64(picture("JPEG"))]
    assert len(http.post("/v1/ocr", json={"model": "dots-ocr", "images": images}).json()["pages"]) == 2
    upstream.requests.clear()
    files = {"file": ("document.pdf", pdf(3), "application/pdf")}
    assert len(http.post("/v1/ocr", data={"model": "dots-ocr"}, files=files).json()["pages"]) == 3
    assert len(upstream.requests) == 3
    chosen = http.post("/v1/ocr", data={"model": "dots-ocr", "pages": "0,2"}, files=files)
    assert len(chosen.json()["pages"]) == 2


@pytest.mark.parametrize(
    "body", [{}, {"image_b64": "!!!"}, {"image_b64": b64(b"text")}, {"file_b64": b64(b"%PDF-1.4 broken")}]
)
def test_what_cannot_be_read_is_refused(http: httpx.Client, upstream: Upstream, body: dict[str, str]) -> None:
    reply = http.post("/v1/ocr", json={"model": "dots-ocr", **body})
    assert reply.status_code == 400 and reply.json()["error"]["message"]
    assert not upstream.requests


# --- images in chats -------------------------------------------------------------------------------------


def ask(http: httpx.Client, url: str, model: str = "gpt-x") -> httpx.Response:
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    return http.post("/v1/chat/completions", json={"model": model, "messages": [{"role": "user", "content": content}]})


def test_an_image_passes_as_it_came(http: httpx.Client, upstream: Upstream) -> None:
    url = f"data:image/png;base64,{b64(picture())}"
    assert ask(http, url).status_code == 200
    assert upstream.last.json["messages"][0]["content"][1]["image_url"]["url"] == url


@pytest.mark.parametrize("noise", [0, 20_000], ids=["small", "large"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_base64_in_lines_reaches_the_provider_in_one(
    http: httpx.Client, upstream: Upstream, noise: int, end: str
) -> None:
    """As `base64` writes it, `encodebytes` and mail. Engines refuse it, or read its first line alone."""
    data = picture() + bytes(noise)
    lines = base64.encodebytes(data).decode().replace("\n", end)
    assert ask(http, f"data:image/png;base64,{lines}").status_code == 200
    parts = upstream.last.json["messages"][0]["content"]
    assert parts == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(data)}"}},
    ]


@pytest.mark.parametrize("encode", [b64, lambda data: base64.encodebytes(data).decode()], ids=["one line", "lines"])
def test_a_large_image_gets_the_documented_error(
    http: httpx.Client, upstream: Upstream, encode: Callable[[bytes], str]
) -> None:
    big = picture() + bytes(int(25.3 * MB) - len(picture()))
    reply = ask(http, f"data:image/png;base64,{encode(big)}")
    assert reply.status_code == 400
    assert reply.json() == {
        "error": {
            "message": "Image size (25.3MB) exceeds maximum allowed size (20MB)",
            "type": "invalid_request_error",
            "code": "image_validation_failed",
        }
    }
    assert not upstream.requests


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.png",
        "file:///etc/passwd",
        "data:text/html;base64,PGI+",
        "data:image/png;base64,@@@@",
        "http://127.0.0.1/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a.png",
        "http://2130706433/a.png",
        "not a url",
    ],
)
def test_a_bad_image_address_is_refused_before_anything_is_asked(
    http: httpx.Client, upstream: Upstream, url: str
) -> None:
    reply = ask(http, url)
    assert reply.status_code == 400, json.dumps(reply.json())
    assert reply.json()["error"]["code"] == "image_validation_failed"
    assert not upstream.requests


def test_a_model_that_does_not_see_says_so(http: httpx.Client) -> None:
    reply = ask(http, f"data:image/png;base64,{b64(picture())}", model="blind")
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "image_upload_not_supported"
