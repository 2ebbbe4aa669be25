"""A000-17: the gateway inside a Python program, with typed answers and typed errors."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.answers import Answer
from gateway.client import BlockingClient, Client
from gateway.errors import (
    ConfigError,
    InvalidImage,
    InvalidRequest,
    ModelNotAllowed,
    ModelNotFound,
    TooLarge,
    Unauthenticated,
    UpstreamBadResponse,
    UpstreamServerError,
)
from gateway.settings import Settings
from gateway.usage.types import UsageRow
from tests.api.running import MASTER
from tests.api.test_files import picture, tone
from tests.fakes.upstream import Upstream

FENCED = "sk-fenced-0123456789abcdef"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def config(tmp_path: Path, upstream: Upstream) -> dict[str, Any]:
    return {
        "state_dir": str(tmp_path / "state"),
        "master_api_key": MASTER,
        "allow_private_upstreams": True,
        "providers": {
            "main": {"base_url": upstream.url, "max_retries": 0, "models": {
                "chat": "gpt-x", "embedding": "text-embed", "transcription": "whisper-1",
            }},
            "pages": {"type": "chutes", "base_url": upstream.url, "models": [{"id": "dots-ocr", "type": "ocr"}]},
        },
        "keys": [{"name": "fenced", "key": FENCED, "allowed_models": ["text-*"]}],
    }  # fmt: skip


@pytest.fixture
async def client(config: dict[str, Any]) -> AsyncIterator[Client]:
    async with Client(config) as client:
        yield client


async def test_a_chat(client: Client, upstream: Upstream) -> None:
    reply = await client.chat(model="gpt-x", messages=HELLO, max_tokens=7)
    assert reply.text == upstream.text and reply.finish_reason == "stop"
    assert reply.provider == "main" and reply.request_id.startswith("req-")
    assert reply.usage == reply.document["usage"] and reply.usage["total_tokens"]


async def test_a_stream_comes_in_pieces(client: Client, upstream: Upstream) -> None:
    async with client.stream(model="gpt-x", messages=HELLO) as pieces:
        texts = [piece.text async for piece in pieces]
    assert "".join(texts) == upstream.text and len(texts) > 1


async def test_files_and_vectors(client: Client, tmp_path: Path) -> None:
    vectors = (await client.embed(model="text-embed", input=["a", "b"])).vectors
    assert len(vectors) == 2 and all(isinstance(value, float) for value in vectors[0])
    speech = tmp_path / "speech.wav"
    speech.write_bytes(tone())
    heard = await client.transcribe(model="whisper-1", audio=speech)
    assert heard.text and heard.segments[0]["end"] > 0
    subtitles = await client.transcribe(model="whisper-1", audio=tone(), response_format="srt")
    assert "-->" in subtitles.text
    read = await client.ocr(model="dots-ocr", document=picture())
    assert read.text and len(read.pages) == 1


async def test_models_and_other_endpoints(client: Client) -> None:
    assert [model["id"] for model in await client.models()] == ["gpt-x", "text-embed", "whisper-1", "dots-ocr"]
    reply = await client.post("/v1/completions", {"model": "gpt-x", "prompt": "A"}, Answer)
    assert reply.document["choices"]


async def test_refusals_are_exceptions_of_their_own(client: Client, upstream: Upstream) -> None:
    with pytest.raises(ModelNotFound) as missing:
        await client.chat(model="gpt-y", messages=HELLO)
    assert missing.value.param == "model" and "gpt-x" in missing.value.message
    with pytest.raises(InvalidRequest):
        await client.post("/v1/chat/completions", {"model": "gpt-x"}, Answer)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}
    with pytest.raises(InvalidImage):
        await client.chat(model="gpt-x", messages=[{"role": "user", "content": [image]}])
    with pytest.raises(TooLarge):
        await client.transcribe(model="whisper-1", audio=bytes(26 * 2**20))
    upstream.script.append("500")
    with pytest.raises(UpstreamServerError):
        await client.chat(model="gpt-x", messages=HELLO)


async def test_a_key_has_its_fence_here_too(config: dict[str, Any]) -> None:
    async with Client(config, key=FENCED) as client:
        assert [model["id"] for model in await client.models()] == ["text-embed"]
        with pytest.raises(ModelNotAllowed):
            await client.chat(model="gpt-x", messages=HELLO)
    async with Client(config, key="sk-wrong-0123456789abcdef") as client:
        with pytest.raises(Unauthenticated):
            await client.models()


async def test_a_broken_stream_raises_what_broke_it(client: Client, upstream: Upstream) -> None:
    upstream.faults["gpt-x"] = "cut:3"
    texts = []
    with pytest.raises(UpstreamBadResponse):
        async with client.stream(model="gpt-x", messages=HELLO, stream_options={}) as pieces:
            async for piece in pieces:
                texts.append(piece.text)
    assert "".join(texts) and "".join(texts) != upstream.text


async def test_requests_are_recorded_as_any_other(config: dict[str, Any], upstream: Upstream) -> None:
    rows: list[UsageRow] = []
    async with Client(config) as client:
        recorder = client._app.state.recorder
        assert recorder
        recorder.on_rows(rows.extend)
        await client.chat(model="gpt-x", messages=HELLO)
        upstream.faults["gpt-x"] = "stall:3"
        async with client.stream(model="gpt-x", messages=HELLO) as pieces:
            await anext(pieces)
        assert await asyncio.to_thread(upstream.wait_disconnect)
    assert [(row.status, row.key_name) for row in rows] == [(200, "master"), (499, "master")]


async def test_a_broken_configuration_names_the_key(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"configuration, providers\.main\.base_url"):
        Client(config | {"providers": {"main": {"base_url": 5}}})


async def test_a_file_or_settings_will_do(config: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(config))
    for given in (file, str(file), Settings.model_validate(config)):
        async with Client(given) as client:
            assert (await client.chat(model="gpt-x", messages=HELLO)).text


async def test_what_keeps_a_gateway_from_starting_is_raised(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(ConfigError):
        async with Client(config | {"database_url": f"sqlite:///{tmp_path}/state.db"}):
            pass


def test_without_a_loop(config: dict[str, Any], upstream: Upstream) -> None:
    with BlockingClient(config) as client:
        assert client.chat(model="gpt-x", messages=HELLO).text == upstream.text
        assert len(client.embed(model="text-embed", input="a").vectors) == 1
        assert client.models() and client.ocr(model="dots-ocr", document=picture()).text
        assert client.transcribe(model="whisper-1", audio=tone()).text
        with pytest.raises(ModelNotFound):
            client.chat(model="gpt-y", messages=HELLO)
