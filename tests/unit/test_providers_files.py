"""Speech and pages through upstreams of OpenAI's dialect: what is sent, and what is understood.

Rows of docs/acceptance.md: A002-28, A002-29.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import UpstreamRefused, UpstreamServerError
from gateway.openai_api.audio import AudioOptions, Transcript
from gateway.openai_api.call import Call, Upload, Usage
from gateway.openai_api.ocr import OcrResult
from gateway.openai_api.operations import OCR, TRANSCRIPTIONS, TRANSLATIONS, Operation
from gateway.providers.base import Endpoint, Provider, ProviderType, Timeouts
from gateway.providers.openai_compatible import OpenAICompatible
from gateway.providers.transport.addresses import AddressPolicy
from gateway.providers.transport.pooled import PooledTransport
from tests.fakes import answers
from tests.fakes.upstream import Upstream

WAV = Upload("speech.wav", "audio/wav", b"RIFF....WAVEfmt ")
PNG = Upload("page.png", "image/png", b"\x89PNG\r\n\x1a\n....")


@pytest.fixture
async def adapter(upstream: Upstream) -> AsyncIterator[OpenAICompatible]:
    """What a test gave up half-way reaches its upstream before the next test begins."""
    transport, server = PooledTransport(AddressPolicy(allow_private=True)), upstream.server
    before, others = server.connections, set(server.live)
    yield OpenAICompatible(transport)
    await transport.aclose()
    async with asyncio.timeout(15):
        while server.connections < before + transport.counts.opened or server.live - others:
            await asyncio.sleep(0.005)


def endpoint(upstream: Upstream, model: str) -> Endpoint:
    patience = Timeouts(connect=20.0, first_byte=20.0, whole=20.0, idle=20.0)
    return Endpoint(Provider("p", ProviderType.OPENAI, upstream.url, timeouts=patience), model)


def file_call(operation: Operation, *files: Upload, **options: Any) -> Call:
    audio = AudioOptions(**options) if operation is not OCR else None
    return Call(operation, "public", "req", time.monotonic(), files=files, options=audio)


@pytest.mark.parametrize(
    ("asked", "upstream_format"),
    [("json", "json"), ("text", "json"), ("srt", "verbose_json"), ("verbose_json", "verbose_json")],
)
async def test_transcription(adapter: OpenAICompatible, upstream: Upstream, asked: str, upstream_format: str) -> None:
    options = {"language": "en", "prompt": 'a "quoted"\nprompt', "temperature": 0.2}
    reply = await adapter.send(
        endpoint(upstream, "whisper-1"),
        file_call(TRANSCRIPTIONS, WAV, response_format=asked, granularities=frozenset({"word"}), **options),
    )
    assert isinstance(reply.result, Transcript)
    assert reply.result.text == answers.SPOKEN
    form = answers.form_fields(upstream.last)
    more = {"timestamp_granularities[]": "segment,word"} if upstream_format == "verbose_json" else {}
    assert form == {
        "model": "whisper-1",
        "language": "en",
        "prompt": options["prompt"],
        "temperature": "0.2",
        "response_format": upstream_format,
        **more,
    }
    assert WAV.data in upstream.last.body
    assert b'filename="speech.wav"' in upstream.last.body
    if upstream_format == "verbose_json":
        assert reply.usage == Usage(seconds=2.5)
        assert len(reply.result.segments) == 2


@pytest.mark.parametrize("asked", ["srt", "vtt", "verbose_json"])
async def test_a_model_that_tells_no_times_is_asked_without_them(
    adapter: OpenAICompatible, upstream: Upstream, asked: str
) -> None:
    upstream.script += ["untimed"]
    reply = await adapter.send(endpoint(upstream, "voxtral"), file_call(TRANSCRIPTIONS, WAV, response_format=asked))
    assert (reply.result.text, reply.result.segments) == (answers.SPOKEN, ())
    first, second = map(answers.form_fields, upstream.requests)
    assert first.pop("timestamp_granularities[]") and first.pop("response_format") == "verbose_json"
    assert second == {**first, "response_format": "json"}


@pytest.mark.parametrize(("fault", "asked"), [("untimed", "json"), ("filter", "srt"), ("500", "srt")])
async def test_what_is_refused_for_other_reasons_is_not_asked_again(
    adapter: OpenAICompatible, upstream: Upstream, fault: str, asked: str
) -> None:
    upstream.script += [fault]
    with pytest.raises((UpstreamRefused, UpstreamServerError)):
        await adapter.send(endpoint(upstream, "voxtral"), file_call(TRANSCRIPTIONS, WAV, response_format=asked))
    assert len(upstream.requests) == 1


async def test_translation(adapter: OpenAICompatible, upstream: Upstream) -> None:
    reply = await adapter.send(endpoint(upstream, "whisper-1"), file_call(TRANSLATIONS, WAV, language="de"))
    assert reply.result.task == "translate"
    assert "language" not in answers.form_fields(upstream.last)


async def test_file_names_cannot_leave_their_quotes(adapter: OpenAICompatible, upstream: Upstream) -> None:
    name = '../..\\x"; filename="b\r\ncontent-type: evil\r\n\r\n.wav'
    await adapter.send(
        endpoint(upstream, "whisper-1"), file_call(TRANSCRIPTIONS, Upload(name, "audio/wav\r\nx: y", b"x"))
    )
    assert b"\r\ncontent-type: evil" not in upstream.last.body
    assert b"\r\nx: y" not in upstream.last.body
    assert b".." not in upstream.last.body


async def test_ocr_through_a_chat_model(adapter: OpenAICompatible, upstream: Upstream) -> None:
    upstream.text = "the page says so"
    reply = await adapter.send(endpoint(upstream, "gpt-x"), file_call(OCR, PNG, PNG))
    assert isinstance(reply.result, OcrResult)
    assert [page.text for page in reply.result.pages] == ["the page says so"] * 2
    assert reply.usage == Usage(input_tokens=14, output_tokens=8, pages=2, requests=2)
    assert b"data:image/png;base64," in upstream.last.body


async def test_one_bad_page_fails_the_document(adapter: OpenAICompatible, upstream: Upstream) -> None:
    upstream.script += ["", "500"]
    with pytest.raises(UpstreamServerError):
        await adapter.send(endpoint(upstream, "gpt-x"), file_call(OCR, *[PNG] * 40))
    assert len(upstream.requests) < 40
