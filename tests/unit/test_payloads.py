"""Long base64 payloads are left out before a body is parsed, and nothing of the body changes by that."""

import base64
import json
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidImage, InvalidJSON
from gateway.openai_api.images import check_images
from gateway.openai_api.json_body import splice_model, split_object
from gateway.openai_api.payloads import LONG, excerpt, is_base64

WHOLE = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
LETTERS = base64.b64encode(random.Random(1).randbytes(9000)).decode()


def chat(*urls: str) -> bytes:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}], "user": "ü"}).encode()


def png(payload: str = LETTERS) -> str:
    return f"data:image/png;base64,{payload}"


def test_payloads_are_cut_out_and_put_back() -> None:
    body = chat(png(), "https://a.example/b.png", png(LETTERS[::-1].lstrip("=")[: LONG + 4]), png("AAAA"))
    found = excerpt(body)
    assert len(found.payloads) == 2 and len(found.text) < 1000
    assert found.restore(found.text) == body
    assert json.loads(splice_model(split_object(body), "n")) == {**json.loads(body), "model": "n"}
    assert check_images(body).count == 4


@pytest.mark.parametrize("bad", ["\\u0041", "é", "\x7f", "%", " ", "=", "\\n "])
def test_what_is_not_base64_stays_and_is_refused_as_an_image(bad: str) -> None:
    body = chat("X").replace(b"X", png(LETTERS[:5000] + bad + LETTERS[5000:]).encode())
    assert excerpt(body).payloads == ()
    with pytest.raises(InvalidImage):
        check_images(body)


def test_a_control_character_inside_a_payload_is_still_invalid_json() -> None:
    with pytest.raises(InvalidJSON):
        split_object(chat("X").replace(b"X", png(LETTERS[:5000] + "\n" + LETTERS[5000:]).encode()))


@pytest.mark.parametrize(
    "body", ['{"a":1;base64,%s"', '{"a":;base64,%s"}', '";base64,%s"', '{"a":"x;base64,%s"x}', '{"a":"x;base64,%s']
)
def test_a_payload_outside_of_a_string_is_no_way_around_the_parser(body: str) -> None:
    with pytest.raises(InvalidJSON):
        split_object((body % LETTERS).encode())


@pytest.mark.parametrize("end", ['"}', ""], ids=["whole", "cut"])
def test_a_prefix_repeated_a_million_times_is_judged_once(end: str) -> None:
    """It took minutes, in which nobody else was served."""
    body = f'{{"a":"{"data:image/png;base64," * 1_000_000}{end}'.encode()
    began = time.process_time()
    assert excerpt(body).payloads == ()
    assert time.process_time() - began < 5


def test_the_last_of_several_prefixes_begins_the_payload() -> None:
    body = f'{{"a":"data:;base64,{LETTERS};base64,{LETTERS}"}}'.encode()
    assert [bytes(one) for one in excerpt(body).payloads] == [LETTERS.encode()]


def test_the_size_limit_counts_the_payload_that_was_cut_out() -> None:
    with pytest.raises(InvalidImage, match=r"exceeds maximum allowed size"):
        check_images(chat(png()), 8999)
    assert check_images(chat(png()), 9000).count == 1


@pytest.mark.parametrize(
    ("payload", "good"),
    [(b"", False), (b"AAA", False), (b"AAA=", True), (b"AA==", True), (b"A===", False), (b"A=A=", False),
     (b"AAAA", True), (b"AA=A", False), (b"AAA-", False), (b"+/==", True), (b"====", False)],
)  # fmt: skip
def test_base64_is_judged(payload: bytes, good: bool) -> None:
    assert is_base64(payload) is good


@given(st.binary(min_size=1, max_size=40), st.integers(0, 3), st.integers(0, 200), st.integers(0, 255))
def test_base64_is_whole_groups_of_its_letters_with_padding_at_the_end_alone(
    data: bytes, cut: int, at: int, byte: int
) -> None:
    payload = base64.b64encode(data * 3000)
    odd = payload[: at % len(payload)] + bytes([byte]) + payload[at % len(payload) + 1 :]
    for text in (payload, payload[: len(payload) - cut], odd, payload + payload):
        assert is_base64(text) == bool(len(text) % 4 == 0 and WHOLE.fullmatch(text)), text[:100]
