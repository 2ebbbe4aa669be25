"""OCR answers read in every shape and rendered in two; OCR requests in JSON understood, or refused by name."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidImage, InvalidRequest, UpstreamBadResponse
from gateway.openai_api.call import Upload
from gateway.openai_api.images import check_images
from gateway.openai_api.ocr import Line, OcrResult, OcrShape, Page
from gateway.openai_api.ocr_parse import parse_ocr
from gateway.openai_api.ocr_render import render_ocr
from gateway.openai_api.ocr_request import OcrRequest, RemoteFile, parse_ocr_request, parse_page_selection
from gateway.openai_api.ocr_vision import parse_vision_reply, vision_prompt_body

JSON = "application/json"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PNG_B64 = base64.b64encode(PNG).decode()
LAYOUT = [
    {"bbox": [1, 2, 30, 12], "category": "Title", "text": "# Head"},
    {"bbox": [1, 20, 30, 40], "category": "Picture"},
    {"bbox": [1, 50, 30, 60], "category": "Text", "text": "Body"},
]
LAYOUT_PAGE = Page(
    "# Head\n\nBody",
    lines=(
        Line("# Head", None, ((1.0, 2.0), (30.0, 2.0), (30.0, 12.0), (1.0, 12.0))),
        Line("Body", None, ((1.0, 50.0), (30.0, 50.0), (30.0, 60.0), (1.0, 60.0))),
    ),
)


def _parse(value: Any) -> OcrResult:
    return parse_ocr(json.dumps(value).encode(), JSON)


# --- answers -----------------------------------------------------------------------------------------------


def test_our_engines_shape() -> None:
    box = [[0, 0], [10, 0], [10, 5], [0, 5]]
    lines = [{"text": "one", "score": 0.9, "box": box}, {"text": "two", "score": None, "box": None}]
    result = _parse({"pages": [{"width": 100, "height": 50, "lines": lines}, {"text": "p2", "lines": []}]})
    assert result.pages[0] == Page(
        "one\ntwo", 100, 50, (Line("one", 0.9, ((0.0, 0.0), (10.0, 0.0), (10.0, 5.0), (0.0, 5.0))), Line("two"))
    )
    assert result.text == "one\ntwo\n\np2"


@pytest.mark.parametrize(
    "value",
    [
        "hello",
        {"text": "hello"},
        {"markdown": "hello"},
        {"result": "hello"},
        {"result": {"markdown": "hello"}},
        {"output": ["hello"]},
        ["hello"],
        {"pages": [{"index": 0, "markdown": "hello", "images": []}]},
        {"pages": ["hello"]},
    ],
)
def test_all_shapes_of_a_text(value: Any) -> None:
    assert _parse(value) == OcrResult((Page("hello"),))


@pytest.mark.parametrize(
    "value",
    [LAYOUT, {"result": LAYOUT}, json.dumps(LAYOUT), {"result": json.dumps(LAYOUT)}, [LAYOUT], {"data": [LAYOUT]}],
)
def test_layout_items_keep_order_and_boxes(value: Any) -> None:
    assert _parse(value) == OcrResult((LAYOUT_PAGE,))


def test_several_pages() -> None:
    assert _parse([LAYOUT, LAYOUT]).pages == (LAYOUT_PAGE, LAYOUT_PAGE)
    mistral = {"pages": [{"markdown": "a", "dimensions": {"dpi": 200, "height": 20, "width": 10}}, {"markdown": "b"}]}
    assert _parse(mistral).pages == (Page("a", 10, 20), Page("b"))


def test_plain_text_and_blank_pages() -> None:
    assert parse_ocr(b"[1] Footnote\n", "text/plain") == OcrResult((Page("[1] Footnote"),))
    blanks: tuple[Any, ...] = ("", {"text": ""}, [], {"pages": [{"text": "", "lines": []}]})
    for blank in blanks:
        assert _parse(blank).text == ""


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", JSON),
        (b"<html>502</html>", "text/plain"),
        (b"oops", "text/html"),
        (b'{"text":', JSON),
        (b"null", JSON),
        (b"5", JSON),
        (b"{}", JSON),
        (b'{"error":"no"}', JSON),
        (b'{"pages":[5]}', JSON),
        (b'{"pages":[{"width":1}]}', JSON),
        (b'{"lines":[{"text":5}]}', JSON),
        (b'{"text":null}', JSON),
        (b"\xff", "text/plain"),
        (b'{"result":' * 900 + b'"x"' + b"}" * 900, JSON),
    ],
)
def test_garbage_is_the_providers_fault(body: bytes, media_type: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        parse_ocr(body, media_type)


_number = st.floats(-1e6, 1e6)
_lines = st.lists(
    st.builds(Line, st.text(), st.none() | st.floats(0, 1), st.none() | st.tuples(*[st.tuples(_number, _number)] * 4)),
    max_size=3,
).map(tuple)
_results = st.lists(
    st.builds(Page, st.text(), *[st.none() | st.integers(1, 9999)] * 2, _lines), min_size=1, max_size=3
).map(lambda pages: OcrResult(tuple(pages)))


@given(_results)
def test_our_answer_reads_back_as_it_was(result: OcrResult) -> None:
    body = render_ocr(result, model="m", provider="p")
    assert parse_ocr(body, JSON) == result
    answer = json.loads(body)
    assert (answer["text"], answer["model"], answer["provider"]) == (result.text, "m", "p")
    assert [page["index"] for page in answer["pages"]] == list(range(len(result.pages)))


@given(_results)
def test_mistrals_shape(result: OcrResult) -> None:
    answer = json.loads(
        render_ocr(result, model="m", provider="p", shape=OcrShape.MISTRAL, document_bytes=7, page_numbers=(5, 7, 9))
    )
    assert answer["usage_info"] == {"pages_processed": len(result.pages), "doc_size_bytes": 7}
    for number, (page, source) in enumerate(zip(answer["pages"], result.pages, strict=True)):
        assert (page["markdown"], page["images"]) == (source.text, [])
        assert page["index"] == ((5, 7, 9)[number] if len(result.pages) == 3 else number)
        sized = source.width is not None and source.height is not None
        assert page["dimensions"] == ({"dpi": 200, "height": source.height, "width": source.width} if sized else None)


# --- requests ----------------------------------------------------------------------------------------------

UPLOAD = Upload("file", "image/png", PNG)


@pytest.mark.parametrize(
    ("document", "inputs"),
    [
        ({"image_b64": PNG_B64}, (UPLOAD,)),
        ({"image_b64": f"data:image/jpg;base64,{PNG_B64[:20]}\n{PNG_B64[20:]}"}, (UPLOAD,)),
        ({"file_b64": base64.b64encode(b"%PDF-").decode(), "file_name": "../a.pdf"},
         (Upload("a.pdf", "application/octet-stream", b"%PDF-"),)),
        ({"image_url": "https://a/x.png"}, (RemoteFile("https://a/x.png", "image_url"),)),
        ({"image_url": {"url": "HTTPS://a/x.png"}}, (RemoteFile("HTTPS://a/x.png", "image_url"),)),
        ({"images": [PNG_B64, {"url": "http://a/"}, {"type": "image_url", "image_url": {"url": "http://b/"}}]},
         (UPLOAD, RemoteFile("http://a/", "images[1]"), RemoteFile("http://b/", "images[2]"))),
    ],
)  # fmt: skip
def test_simple_requests(document: dict[str, Any], inputs: tuple[Any, ...]) -> None:
    assert parse_ocr_request({"model": "m", **document}) == OcrRequest(inputs, OcrShape.SIMPLE)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": "image_url", "image_url": f"data:image/png;base64,{PNG_B64}"}, UPLOAD),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_B64}"}}, UPLOAD),
        ({"type": "document_url", "document_url": "https://a/x.pdf", "document_name": "x"},
         RemoteFile("https://a/x.pdf", "document.document_url")),
        ({"document_url": "data:application/pdf;base64,JVBERi0="}, Upload("file", "application/pdf", b"%PDF-")),
    ],
)  # fmt: skip
def test_mistral_requests(document: dict[str, Any], expected: Any) -> None:
    request = parse_ocr_request({"document": document, "pages": [2, 0], "include_image_base64": True})
    assert request == OcrRequest((expected,), OcrShape.MISTRAL, (0, 2))


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({}, "document"),
        ({"image_b64": "!!!"}, "image_b64"),
        ({"image_b64": 5}, "image_b64"),
        ({"images": "x"}, "images"),
        ({"images": [PNG_B64] * 33}, "images"),
        ({"images": [PNG_B64, None]}, "images[1]"),
        ({"document": "x"}, "document"),
        ({"document": {"type": "file"}}, "document.type"),
        ({"document": {"type": "image_url"}}, "document.image_url"),
        ({"image_b64": PNG_B64, "pages": "2-1"}, "pages"),
        ({"image_b64": PNG_B64, "pages": {"a": 1}}, "pages"),
    ],
)
def test_wrong_requests_name_the_field(document: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_ocr_request(document)
    assert caught.value.param == param


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/", "gopher://a/", "jar:http://a!/"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(InvalidImage):
        parse_ocr_request({"image_url": url})


def test_size_limit() -> None:
    with pytest.raises(InvalidImage, match=r"\(1.5MB\) exceeds maximum allowed size \(1MB\)"):
        parse_ocr_request({"image_b64": "A" * 2**21}, max_file_bytes=2**20)


@pytest.mark.parametrize(
    ("value", "pages"),
    [
        (None, None),
        ("", None),
        (3, (3,)),
        ("0-2", (0, 1, 2)),
        ("5, 1-2", (1, 2, 5)),
        ([1, "0", 1], (0, 1)),
        (["0-1"], (0, 1)),
    ],
)
def test_page_selection(value: object, pages: tuple[int, ...] | None) -> None:
    assert parse_page_selection(value) == pages


@pytest.mark.parametrize("value", [-1, "-1", "x", "1-", "2-1", "0-9999999", 1.5, True, [[0]], "1000", "0-1000"])
def test_wrong_page_selection(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_page_selection(value)
    assert caught.value.param == "pages"


# --- through a vision model --------------------------------------------------------------------------------


def test_the_vision_prompt_is_a_chat_body_with_images() -> None:
    body = vision_prompt_body("gpt-4o", [UPLOAD, UPLOAD])
    assert json.loads(body)["model"] == "gpt-4o"
    assert check_images(body).count == 2


def _reply(content: Any, finish: str = "stop") -> bytes:
    return json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": finish}]}
    ).encode()


@pytest.mark.parametrize(
    ("content", "page"),
    [
        ("a\nb", Page("a\nb")),
        ("```markdown\n# a\n```", Page("# a")),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], Page("ab")),
        ('{"total": 5}', Page('{"total": 5}')),
        (json.dumps(LAYOUT), LAYOUT_PAGE),
        ("```json\n" + json.dumps(LAYOUT) + "\n```", LAYOUT_PAGE),
        (json.dumps(LAYOUT)[:-5], Page(json.dumps(LAYOUT)[:-5])),
        ("", Page("")),
        (None, Page("")),
        ("<think>\nA picture.\n</think>\n\na", Page("a")),
        ("a <think>b</think>", Page("a <think>b</think>")),
        ([{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}], Page("a")),
    ],
)
def test_vision_replies(content: Any, page: Page) -> None:
    assert parse_vision_reply(_reply(content)) == OcrResult((page,))


def test_a_page_without_text_may_come_without_content() -> None:
    body = b'{"choices":[{"message":{"role":"assistant"},"finish_reason":"stop"}]}'
    assert parse_vision_reply(body) == OcrResult((Page(""),))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"choices":[]}',
        _reply(None, "tool_calls"),
        _reply(5),
        _reply("cut he", "length"),
        _reply(None, "length"),
        _reply("kept ba", "content_filter"),
        _reply("", "content_filter: RECITATION"),
        b'{"choices":[{"message":{"content":null,"refusal":"I cannot read this."},"finish_reason":"stop"}]}',
        b'{"choices":[{"message":{"content":null}}]}',
    ],
)
def test_a_reply_without_a_whole_text_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        parse_vision_reply(body)
