"""A long recording through the gateway to our real Whisper engine: in pieces it hears what it hears as a whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from tests.engines.conftest import Door, Speak
from tests.engines.test_whisper_server import joined

pytestmark = pytest.mark.engines
MASTER = "sk-master-0123456789abcdef"
PATH = "/v1/audio/transcriptions"
SPOKEN = ["one two three", "list models", "open gateway", "five five five", "show status two", "play music"] * 3


@pytest.fixture
async def gateway(whisper: Door, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The engine as a provider, under one name that is cut and one that never is."""
    target = {"targets": [{"provider": "here", "model": whisper.model}], "type": "transcription"}
    settings = {
        "state_dir": tmp_path,
        "master_api_key": MASTER,
        "allow_private_upstreams": True,
        "engines": "off",
        "providers": {"here": {"base_url": whisper.address, "api_key": whisper.secret}},
        "models": {
            "pieces": {**target, "audio": {"split_seconds": 10, "parallel": 3}},
            "whole": {**target, "audio": {"split_seconds": 0}},
        },
    }
    app = create_app(Settings.model_validate(settings))
    await app.startup()
    headers = {"authorization": f"Bearer {MASTER}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway", headers=headers, timeout=120
    ) as client:
        yield client
    await app.shutdown()


async def test_pieces_are_heard_as_the_whole_is(gateway: httpx.AsyncClient, speak: Speak) -> None:
    file = joined(*(speak(text) for text in SPOKEN), pause=1.0)

    async def ask(model: str) -> httpx.Response:
        data = {"model": model, "response_format": "verbose_json"}
        return await gateway.post(PATH, data=data, files={"file": ("speech.wav", file)})

    pieces, whole = await asyncio.gather(ask("pieces"), ask("whole"))
    assert pieces.status_code == whole.status_code == 200, pieces.text
    assert pieces.json()["text"] == whole.json()["text"] == " ".join(SPOKEN)
    assert pieces.headers["x-gateway-attempts"].count("=200") >= 4
    assert whole.headers["x-gateway-attempts"].count("=200") == 1
    assert pieces.json()["duration"] == pytest.approx(whole.json()["duration"], abs=0.05)
    segments = pieces.json()["segments"]
    assert [one["start"] for one in segments] == sorted(one["start"] for one in segments)
    for segment in segments:
        assert segment["text"].split()[0] in _around(whole, segment["start"])


def _around(reply: httpx.Response, moment: float) -> str:
    """What was said within two seconds of a moment."""
    near = (one["text"] for one in reply.json()["segments"] if one["start"] - 2 < moment < one["end"] + 2)
    return " ".join(near)
