"""Chutes' own endpoints, hosts and errors, against the fake upstream.

Rows of docs/acceptance.md: A000-12, A000-15, A000-22, A000-23, A002-23, A002-27, A002-30.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import UpstreamCredentials, UpstreamModelMissing, UpstreamQuota, UpstreamUnavailable
from gateway.openai_api.audio import AudioOptions
from gateway.openai_api.call import Call, Upload, Usage
from gateway.openai_api.operations import CHAT, EMBEDDINGS, OCR, TRANSCRIPTIONS, TRANSLATIONS, Operation
from gateway.providers.base import Endpoint, Provider, ProviderType, Timeouts
from gateway.providers.chutes import Chutes, chute_url, is_chutes_host
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes import answers
from tests.fakes.streams import streamed_pieces
from tests.fakes.upstream import Upstream

KEY = "cpk_0123456789abcdef0123456789abcdef.aaaa.bbbb"
WAV = Upload("speech.wav", "audio/wav", b"RIFF....WAVEfmt ")
PNG = Upload("page.png", "image/png", b"\x89PNG....")


@pytest.fixture
async def chutes(upstream: Upstream) -> AsyncIterator[Chutes]:
    transport = PooledTransport(AddressPolicy(allow_private=True))
    yield Chutes(transport, upstream.url)
    await transport.aclose()


def endpoint(upstream: Upstream, model: str = "whisper-large-v3", base_url: str = "", **more: Any) -> Endpoint:
    values: dict[str, Any] = {
        "base_url": upstream.url,
        "api_keys": (KEY,),
        "timeouts": Timeouts(connect=20, first_byte=20, whole=20, idle=20),
        **more,
    }
    return Endpoint(Provider("chutes", ProviderType.CHUTES, **values), model, base_url)


def call(operation: Operation, body: dict[str, Any] | None = None, *files: Upload, **options: Any) -> Call:
    stream = bool(body and body.get("stream"))
    audio = AudioOptions(**options) if operation is TRANSCRIPTIONS else None
    raw = json.dumps(body or {}).encode()
    return Call(operation, "m", "r", time.monotonic(), raw, files=files, options=audio, stream=stream)


@pytest.mark.parametrize("shape", ["array", "string", "text", "transcription"])
async def test_transcribe_in_every_shape(chutes: Chutes, upstream: Upstream, shape: str) -> None:
    upstream.whisper_shape = shape
    reply = await chutes.send(
        endpoint(upstream, base_url=upstream.url + "/v1"), call(TRANSCRIPTIONS, None, WAV, language="en")
    )
    assert reply.result.text.split() == answers.SPOKEN.split()
    assert len(reply.result.segments) == (2 if shape == "array" else 0)
    assert upstream.last.path == "/transcribe"
    assert upstream.last.key == KEY
    assert upstream.last.json == {"audio_b64": "UklGRi4uLi5XQVZFZm10IA==", "language": "en"}
    assert reply.headers == {"x-chutes-invocationid": "inv-1", "x-chutes-quota-used": "5"}


async def test_an_error_in_place_of_a_page_is_told_as_what_it_is(chutes: Chutes, upstream: Upstream) -> None:
    upstream.canned["/ocr"] = {"error": {"code": 503, "message": "All workers are busy"}}
    with pytest.raises(UpstreamUnavailable) as caught:
        await chutes.send(endpoint(upstream, "dots-ocr"), call(OCR, None, PNG))
    assert caught.value.upstream == "All workers are busy"


async def test_ocr_page_by_page(chutes: Chutes, upstream: Upstream) -> None:
    reply = await chutes.send(endpoint(upstream, "dots-ocr"), call(OCR, None, PNG, PNG))
    assert [page.text for page in reply.result.pages] == [answers.PAGE_TEXT] * 2
    assert reply.usage == Usage(pages=2, requests=2)
    assert upstream.last.path == "/ocr"
    assert list(upstream.last.json) == ["image_b64"]


@pytest.mark.parametrize("model", ["chutes/deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-R1"])
async def test_chat_without_the_prefix(chutes: Chutes, upstream: Upstream, model: str) -> None:
    await chutes.send(endpoint(upstream, model), call(CHAT, {"model": "m", "messages": []}))
    assert upstream.last.path == "/v1/chat/completions"
    assert upstream.last.json["model"] == "deepseek-ai/DeepSeek-R1"


@pytest.mark.parametrize("asked", [None, {"include_usage": False}, {"include_usage": True}, {"other": 1}])
async def test_usage_is_counted_whether_the_caller_asks_or_not(
    chutes: Chutes, upstream: Upstream, asked: dict[str, Any] | None
) -> None:
    body = {"model": "m", "messages": [], "stream": True, **({"stream_options": asked} if asked is not None else {})}
    reply = await chutes.send(endpoint(upstream, "m"), call(CHAT, body))
    got = await streamed_pieces(reply)
    assert upstream.last.json["stream_options"] == {**(asked or {}), "include_usage": True}
    assert getattr(reply.body, "usage") == Usage(7, 4, 3)  # noqa: B009
    shown = [event for event in got if b'"usage"' in event]
    assert len(shown) == (1 if asked == {"include_usage": True} else 0)


async def test_embeddings_on_a_bare_host(chutes: Chutes, upstream: Upstream) -> None:
    body = {"model": "m", "input": "text"}
    await chutes.send(endpoint(upstream, "qwen3", base_url=upstream.url), call(EMBEDDINGS, body))
    assert upstream.last.path == "/v1/embeddings"


async def test_errors(chutes: Chutes, upstream: Upstream) -> None:
    asked = call(CHAT, {"model": "m", "messages": []})
    for fault, kind in (
        ("402", UpstreamQuota),
        ("404", UpstreamModelMissing),
        ("503", UpstreamUnavailable),
        ("401", UpstreamCredentials),
    ):
        with pytest.raises(kind):
            await chutes.send(endpoint(upstream, f"fault:{fault}"), asked)


async def test_check_judges_the_key(chutes: Chutes, upstream: Upstream) -> None:
    await chutes.check(endpoint(upstream).provider)
    assert upstream.last.path == "/users/me"
    upstream.valid_keys = {"another"}
    with pytest.raises(UpstreamCredentials) as caught:
        await chutes.check(endpoint(upstream).provider)
    assert caught.value.message == "health check failed with status: 401"
    assert await chutes.list_models(endpoint(upstream).provider)


def test_operations() -> None:
    assert TRANSLATIONS.name not in Chutes(PooledTransport()).operations


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://llm.chutes.ai", True),
        ("https://llm.chutes.ai/v1", True),
        ("https://a-b.CHUTES.AI.:443/x", True),
        ("https://chutes.ai", True),
        ("https://evil/?chutes.ai", False),
        ("https://evil/.chutes.ai", False),
        ("https://chutes.ai.evil.com", False),
        ("https://notchutes.ai", False),
        ("https://llm.chutes.ai@evil.com", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_chutes_is_recognised_by_its_host(url: str, expected: bool) -> None:
    assert is_chutes_host(url) is expected


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("whisper-large-v3", "https://chutes-whisper-large-v3.chutes.ai"),
        ("rednote-hilab/dots.ocr", "https://chutes-rednote-hilab-dots-ocr.chutes.ai"),
        ("Qwen/Qwen3-Embedding-8B", "https://chutes-qwen-qwen3-embedding-8b.chutes.ai"),
        ("chutes-dots-ocr", "https://chutes-dots-ocr.chutes.ai"),
    ],
)
def test_hosts_are_found_by_the_models_name(model: str, url: str) -> None:
    assert chute_url(model) == url
