"""Multipart and JSON file requests come to one form; whatever could be read in two ways is refused.

Rows of docs/acceptance.md: A002-24.
"""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, TooLarge
from gateway.openai_api.forms import Form, clean_filename, parse_file_json, parse_multipart

TYPE = "multipart/form-data; boundary=B"
MB = 2**20


def _part(name: str, value: bytes, filename: str | None = None, extra: str = "") -> bytes:
    tail = f'; filename="{filename}"' if filename is not None else ""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{tail}\r\n{extra}\r\n'.encode() + value + b"\r\n"


def _parse(*parts: bytes, limit: int = MB) -> Form:
    return parse_multipart(TYPE, b"".join(parts) + b"--B--\r\n", max_file_bytes=limit)


def test_fields_and_file() -> None:
    form = _parse(
        _part("model", "wörk".encode()),
        _part("timestamp_granularities[]", b"word"),
        _part("timestamp_granularities[]", b"segment"),
        _part("file", b"RIFF\r\n--Bx", "höre.wav", "Content-Type: audio/wav; x=y\r\n"),
    )
    assert form.fields == {"model": "wörk", "timestamp_granularities": ["word", "segment"]}
    assert [(file.filename, file.media_type, file.data) for file in form.files] == [
        ("höre.wav", "audio/wav", b"RIFF\r\n--Bx")
    ]


@given(st.binary(max_size=200).filter(lambda data: b"\r\n--B" not in data and not data.startswith(b"--B")))
def test_any_bytes_arrive_as_they_were_sent(data: bytes) -> None:
    form = _parse(_part("file", data, "a.bin"), _part("model", b"m"))
    assert form.files[0].data == data
    assert form.fields["model"] == "m"


def test_a_repeated_list_field_without_brackets_is_a_list() -> None:
    form = _parse(_part("timestamp_granularities", b"word"), _part("timestamp_granularities", b"segment"))
    assert form.fields["timestamp_granularities"] == ["word", "segment"]


def test_two_models_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        _parse(_part("model", b"cheap"), _part("model", b"dear"))
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--B--"),
        ("multipart/form-data; boundary=", b"--B--"),
        ("multipart/form-data; boundary=" + "B" * 300, b"--B--"),
        ("application/json", b"{}"),
        ("", b""),
        (TYPE, b""),
        (TYPE, b"hello"),
        (TYPE, _part("file", b"abc", "a.wav")),
        (TYPE, _part("file", b"abc", "a.wav")[:-10]),
        (TYPE, _part("file", b"abc", "a.wav") + b"--B"),
        (TYPE, b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--"),
        (TYPE, b"--B\r\n\r\nx\r\n--B--"),
        (TYPE, b"--B\r\nBad Header\r\n\r\nx\r\n--B--"),
        (TYPE, _part("n" * 1000, b"x") + b"--B--"),
        (TYPE, _part("a", b"x", extra="X: " + "y" * 10_000 + "\r\n") + b"--B--"),
        (TYPE, _part("a", b"x", extra="X: y\r\n" * 100) + b"--B--"),
        (TYPE, _part("a", b"eA==", extra="Content-Transfer-Encoding: base64\r\n") + b"--B--"),
        (TYPE, b"".join(_part(f"a{n}", b"x") for n in range(20_000)) + b"--B--"),
        (TYPE, b"".join(_part("file", b"x", f"{n}.png") for n in range(40)) + b"--B--"),
    ],
)
def test_broken_forms_are_refused_quickly(content_type: str, body: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidRequest) as caught:
        parse_multipart(content_type, body, max_file_bytes=MB)
    assert caught.value.error_code == "invalid_multipart_data"
    assert time.monotonic() - began < 10


def test_sizes() -> None:
    with pytest.raises(TooLarge, match=r"File size \(1.5MB\) exceeds maximum allowed size \(1MB\)"):
        _parse(_part("file", b"x" * (MB * 3 // 2), "a.wav"))
    with pytest.raises(TooLarge):
        _parse(_part("prompt", b"x" * (MB + 1)))


def test_an_empty_file_input_of_a_browser_is_no_file() -> None:
    assert _parse(_part("file", b"", "")).files == []


def test_a_field_that_is_not_text_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        _parse(_part("prompt", b"\xff\xfe"))
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\a.wav", "a.wav"),
        ("/a/b/", "file"),
        ("..", "file"),
        ("", "file"),
        ("a\r\nX: y\x00.wav", "aX: y.wav"),
        ("x" * 1000 + ".wav", "x" * 252 + ".wav"),
    ],
)
def test_file_names_are_only_names(sent: str, kept: str) -> None:
    assert clean_filename(sent) == kept


def test_json_form() -> None:
    form = parse_file_json(
        {
            "model": "whisper",
            "audio_b64": "data:audio/wav;base64," + base64.b64encode(b"RIFF").decode() + "\n",
            "file_name": "../a.wav",
            "temperature": 0.5,
            "stream": False,
            "timestamp_granularities": ["word"],
            "prompt": None,
            "extra": {"a": 1},
        },
        ("file_b64", "audio_b64"),
        max_file_bytes=MB,
    )
    assert form.fields == {
        "model": "whisper",
        "temperature": "0.5",
        "stream": "false",
        "timestamp_granularities": ["word"],
        "extra": '{"a": 1}',
    }
    assert [(file.filename, file.media_type, file.data) for file in form.files] == [("a.wav", "audio/wav", b"RIFF")]


@pytest.mark.parametrize("value", ["!!!", "QUJ", "QUJD=", "data:audio/wav,x", "é", "", 5, ["QUJD"], "QUJ-"])
def test_bad_base64_names_the_field(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_file_json({"audio_b64": value}, ("audio_b64",), max_file_bytes=MB)
    assert caught.value.param == "audio_b64"


@pytest.mark.parametrize("text", ["A" * (2 * MB), "A" * (20 * MB), " " * (20 * MB)])
def test_the_size_is_judged_before_decoding(text: str) -> None:
    with pytest.raises(TooLarge):
        parse_file_json({"file_b64": text}, ("file_b64",), max_file_bytes=MB)
