"""Images in chat bodies: refused with the exact words, found wherever they are, swapped without touching the rest.

Rows of docs/acceptance.md: A002-16, A002-18, A002-20, A002-21, A002-22.
"""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidImage, InvalidRequest
from gateway.openai_api.data_url import data_url
from gateway.openai_api.images import ImageUse, RemoteImage, check_images, inline_images, supports_vision

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
MB = 2**20


def _body(*parts: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": list(parts)}]}).encode()


def _image(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def test_the_exact_error_of_a_large_image() -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG + b"\0" * int(25.3 * MB - len(PNG))).decode()
    with pytest.raises(InvalidImage) as caught:
        check_images(_body(_image(url)))
    assert caught.value.http_status == 400
    assert caught.value.body() == {
        "error": {
            "message": "Image size (25.3MB) exceeds maximum allowed size (20MB)",
            "type": "invalid_request_error",
            "code": "image_validation_failed",
        }
    }


def test_exactly_20_mb_passes() -> None:
    assert check_images(_body(_image(data_url("image/png", PNG + b"\0" * (20 * MB - len(PNG)))))).count == 1


def test_all_spellings_are_found() -> None:
    body = _body(
        {"type": "text", "text": "x"},
        _image(data_url("image/PNG", PNG)),
        _image("https://example.com/a.png"),
        {"type": "image_url", "image_url": "HTTP://example.com/b.png"},
        {"type": "text", "text": "no", "image_url": None},
        {"type": "video_url", "video_url": {"url": "http://10.0.0.1/"}},
    )
    assert check_images(body) == ImageUse(
        3,
        (RemoteImage("https://example.com/a.png", 0, 2), RemoteImage("HTTP://example.com/b.png", 0, 3)),
        ("http://10.0.0.1/",),
    )


@pytest.mark.parametrize("letter", range(len("image_url")))
def test_an_escaped_letter_hides_nothing(letter: int) -> None:
    name = "image_url"
    escaped = f"{name[:letter]}\\u{ord(name[letter]):04X}{name[letter + 1 :]}"
    body = _body({"image_url": "http://127.0.0.1/"}).replace(b'"image_url"', f'"{escaped}"'.encode())
    assert [image.url for image in check_images(body).remote] == ["http://127.0.0.1/"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
        "/etc/passwd",
        "",
        "https://",
        "http://exa mple.com/",
        "http:\\\\example.com",
        "http://example.com/\n",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:image/png,hello",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,!!!!",
        "data:image/png;base64,iVBORw0KGgo",
        "data:image/png;base64,iVBO=w0K",
        "data:image/png;base64,iVBORw0KGgé=",
        "data:image/png;base64,\n",
        "data:image/png;base64,iVBO\nRw0=KGgo",
        "data:text/html;base64,PGh0bWw+",
        "data:image/tiff;base64,SUkqAA==",
        None,
        5,
        ["x"],
    ],
)
def test_what_is_no_image_is_refused(url: Any) -> None:
    with pytest.raises(InvalidImage) as caught:
        check_images(_body(_image(url)))
    assert "messages[0].content[0]" in caught.value.message


@pytest.mark.parametrize(
    "magic", [PNG, b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "], ids=["png", "jpeg", "gif", "webp"]
)
def test_the_four_formats_pass(magic: bytes) -> None:
    assert check_images(_body(_image(data_url("image/jpg", magic)))).count == 1


@pytest.mark.parametrize("messages", [None, 5, "x", [], [5], [{"content": 5}], [{"content": ["x", None]}], {"a": 1}])
def test_odd_messages_are_the_upstreams_to_judge(messages: Any) -> None:
    body = json.dumps({"messages": messages, "note": "image_url"}).encode()
    assert check_images(body) == ImageUse()
    assert json.loads(inline_images(body, {})) == json.loads(body)


def test_a_number_out_of_range_is_a_400() -> None:
    with pytest.raises(InvalidRequest):
        check_images(b'{"messages":[{"n":1e999,"content":[{"image_url":"x"}]}]}')


_rest = st.dictionaries(
    st.text(max_size=5),
    st.integers() | st.text(max_size=5) | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=2),
)


@given(_rest, _rest, st.lists(st.sampled_from(["http://a/1", "http://a/2", "https://b/"]), max_size=4))
def test_only_the_urls_change(outer: dict[str, Any], inner: dict[str, Any], urls: list[str]) -> None:
    def body(replaced: dict[str, str]) -> dict[str, Any]:
        parts = [{**inner, **_image(replaced.get(url, url))} for url in urls]
        messages = [{"role": "system", "content": "http://a/1"}, {**inner, "content": [*parts, inner]}]
        return {**outer, "messages": messages}

    swap = {"http://a/1": "data:1", "https://b/": "data:2"}
    assert json.loads(inline_images(json.dumps(body({})).encode(), swap)) == body(swap)


@pytest.mark.parametrize(
    "model",
    [
        "claude-3-5-sonnet-20241022",
        "claude-opus-4",
        "claude-3-haiku",
        "gpt-4-vision-preview",
        "gpt-4-turbo",
        "gpt-4o",
        "gpt-4o-mini",
        "gemini-2.5-pro",
        "gemini-1.5-pro",
        "gemini-1.5-flash",
        "qwen-vl",
        "Qwen/Qwen2-VL-7B-Instruct",
        "Qwen/Qwen2.5-VL-72B",
        "qwen3-vl",
        "qwen3-vl-plus",
        "OpenGVLab/InternVL-VL-8B",
        "chutes-dots-ocr",
        "llama-3.2-vision",
    ],
)
def test_models_that_see(model: str) -> None:
    assert supports_vision(model)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4",
        "gpt-3.5-turbo",
        "gpt-4o-transcribe",
        "gpt-4o-mini-tts",
        "deepseek-ai/DeepSeek-V3",
        "Qwen/Qwen3-32B",
        "mistral-large",
        "claude-2",
        "whisper-large-v3",
        "provlm",
    ],
)
def test_models_that_do_not(model: str) -> None:
    assert not supports_vision(model)
