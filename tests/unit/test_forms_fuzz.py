"""Whatever a caller or a provider sends, the readers answer or refuse: they never fail in a way nobody expects."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest, TooLarge, UpstreamBadResponse, UpstreamError
from gateway.openai_api.audio import FORMATS
from gateway.openai_api.audio_events import transcript_events
from gateway.openai_api.audio_parse import parse_transcript
from gateway.openai_api.audio_render import render_transcript
from gateway.openai_api.embeddings import ensure_encoding
from gateway.openai_api.forms import parse_file_json, parse_multipart
from gateway.openai_api.images import check_images, inline_images
from gateway.openai_api.ocr import OcrShape
from gateway.openai_api.ocr_parse import parse_ocr
from gateway.openai_api.ocr_render import render_ocr
from gateway.openai_api.ocr_request import parse_ocr_request
from gateway.openai_api.ocr_vision import parse_vision_reply

_WORDS = """
    text segments chunks words start end timestamp word confidence language duration error pages lines box
    bbox score markdown result width height dimensions data embedding choices message content delta type
    messages image_url url video_url images document image_b64 file_b64 file_name pages document_url tokens
    speaker seek
"""
_KEYS = st.sampled_from(_WORDS.split())
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "a", "1.5", "http://a/", "data:image/png;base64,AAAA", "image_url", "AAAA", "-1", "1e400", "inf"]
    ),
)
_DOCUMENTS = st.recursive(
    _VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=25
)


@given(_DOCUMENTS)
def test_any_json_from_a_speech_model(document: Any) -> None:
    try:
        transcript = parse_transcript(json.dumps(document).encode(), "application/json")
    except UpstreamBadResponse:
        return
    for form in FORMATS:
        for asked in (frozenset({"word", "segment"}), frozenset[str]()):
            render_transcript(transcript, form, asked)
    transcript_events(transcript)


@given(_DOCUMENTS)
def test_any_json_from_an_ocr_engine(document: Any) -> None:
    try:
        result = parse_ocr(json.dumps(document).encode(), "application/json")
    except UpstreamBadResponse:
        return
    for shape in OcrShape:
        render_ocr(result, model="m", provider="p", shape=shape)


@given(_DOCUMENTS)
def test_any_json_from_other_providers(document: Any) -> None:
    body = json.dumps(document).encode()
    for reader in (
        parse_vision_reply,
        lambda body: ensure_encoding(body, "base64"),
        lambda body: ensure_encoding(body, "float"),
    ):
        try:
            reader(body)
        except UpstreamError:
            continue


@given(st.dictionaries(_KEYS, _DOCUMENTS, max_size=5), _DOCUMENTS)
def test_any_json_from_a_caller(document: dict[str, Any], content: Any) -> None:
    chat = json.dumps({**document, "messages": [{"content": [content, {"image_url": content}]}, content]}).encode()
    try:
        check_images(chat)
        inline_images(chat, {"http://a/": "data:x"})
    except InvalidRequest:
        pass
    for reader in (
        parse_ocr_request,
        lambda document: parse_file_json(document, ("file_b64", "image_b64"), max_file_bytes=10),
    ):
        try:
            reader(document)
        except (InvalidRequest, TooLarge):
            continue


_FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\nRIFF\r\n--B--\r\n"
)


@given(st.lists(st.tuples(st.integers(0, len(_FORM)), st.binary(max_size=4), st.integers(0, 6)), max_size=4))
def test_any_mutated_form(changes: list[tuple[int, bytes, int]]) -> None:
    body = _FORM
    for position, new, dropped in changes:
        body = body[:position] + new + body[position + dropped :]
    try:
        parse_multipart("multipart/form-data; boundary=B", body, max_file_bytes=1000)
    except InvalidRequest:
        return


@given(st.text(), st.binary(max_size=50))
def test_any_content_type_and_body(content_type: str, body: bytes) -> None:
    for kind in (content_type, "multipart/form-data; boundary=" + content_type):
        try:
            parse_multipart(kind, body, max_file_bytes=1000)
        except InvalidRequest:
            continue


@given(st.binary(max_size=60), st.sampled_from(["", "text/plain", "application/json", "text/html"]))
def test_any_bytes_from_a_provider(body: bytes, media_type: str) -> None:
    for reader in (parse_transcript, parse_ocr):
        try:
            reader(body, media_type)
        except UpstreamBadResponse:
            continue
