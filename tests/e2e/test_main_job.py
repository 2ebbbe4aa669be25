"""What a newcomer does first, with the official clients and real local engines, through both doors."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.e2e.conftest import SPEECH, Door
from tests.fakes.upstream import Upstream
from tests.node.client import run_client

pytestmark = [pytest.mark.engines, pytest.mark.chute]

QUESTION = "what is 12 + 30?"
ANSWER = "12 + 30 = 42"
LINES = ["chute gateway", "Invoice 2026-11", "Total 1,234.50"]
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def spoken() -> tuple[Path, str]:
    """A recording, and what is said in it."""
    transcripts = json.loads((SPEECH / "transcripts.json").read_text())
    name, entry = next(iter(sorted(transcripts.items())))
    return SPEECH / name, entry["text"]


def page() -> bytes:
    if not Path(FONT).exists():
        pytest.skip("the DejaVu fonts are not installed (fonts-dejavu-core)")
    image = Image.new("RGB", (640, 260), "white")
    for n, line in enumerate(LINES):
        ImageDraw.Draw(image).text((30, 30 + 70 * n), line, fill="black", font=ImageFont.truetype(FONT, 32))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_the_models_are_listed_and_the_demo_ones_say_so(door: Door) -> None:
    with door.client() as client:
        models = {model.id: model.model_dump() for model in client.models.list()}
    assert {"demo-chat", "demo-whisper", "all-MiniLM-L6-v2", "rapidocr", "gpt-x"} <= models.keys()
    assert models["demo-chat"]["demo"] and models["demo-whisper"]["demo"] and not models["rapidocr"]["demo"]
    assert all(model["state"] == "ready" for model in models.values())


def test_chat(door: Door) -> None:
    messages: Any = [{"role": "user", "content": QUESTION}]
    with door.client() as client:
        whole = client.chat.completions.create(model="demo-chat", messages=messages, temperature=0)
        parts = client.chat.completions.create(
            model="demo-chat", messages=messages, temperature=0, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(parts)
    assert whole.choices[0].message.content == ANSWER
    assert whole.choices[0].finish_reason == "stop" and whole.usage and whole.usage.completion_tokens > 5
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert len(chunks) > 3 and chunks[-1].usage == whole.usage


def test_embeddings_are_close_where_meanings_are(door: Door) -> None:
    with door.client() as client:
        given = ["a cat sits on the mat", "a kitten is sitting on a rug", "quarterly revenue grew by five percent"]
        vectors = [row.embedding for row in client.embeddings.create(model="all-MiniLM-L6-v2", input=given).data]
    cosine = [sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors]
    assert len(vectors[0]) == 384 and cosine[0] == pytest.approx(1, abs=1e-4)
    assert cosine[1] > 0.5 > 0.2 > cosine[2]


def test_speech(door: Door) -> None:
    path, text = spoken()
    if door.files_as_json:
        body = {"model": "demo-whisper", "audio_b64": base64.b64encode(path.read_bytes()).decode()}
        assert door.post("/v1/audio/transcriptions", json=body).json()["text"] == text
        subtitles = door.post("/v1/audio/transcriptions", json={**body, "response_format": "srt"}).text
    else:
        with door.client() as client, path.open("rb") as file:
            assert client.audio.transcriptions.create(model="demo-whisper", file=file).text == text
            file.seek(0)
            subtitles = str(client.audio.transcriptions.create(model="demo-whisper", file=file, response_format="srt"))
    assert subtitles.startswith("1\n00:00:00,") and text.split()[0] in subtitles


def test_a_page(door: Door) -> None:
    if door.files_as_json:
        body = {"model": "rapidocr", "image_b64": base64.b64encode(page()).decode()}
        reply = door.post("/v1/ocr", json=body).json()
    else:
        reply = door.post("/v1/ocr", data={"model": "rapidocr"}, files={"file": ("page.png", page())}).json()
    assert reply["text"].splitlines() == LINES
    assert len(reply["pages"][0]["lines"][0]["box"]) == 4


def test_a_remote_provider_answers_beside_them(door: Door, upstream: Upstream) -> None:
    with door.client() as client:
        reply = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hi"}])
    assert reply.choices[0].message.content == "Hello from the upstream."


@pytest.mark.node
def test_the_node_client_does_the_same(door: Door) -> None:
    path, text = spoken()
    result = run_client(
        f"{door.process.url}/v1",
        door.key,
        chat="demo-chat",
        question=QUESTION,
        embedding="all-MiniLM-L6-v2",
        transcription="demo-whisper",
        wav=str(path),
        json=door.files_as_json,
    )
    assert result["chat"]["whole"] == result["chat"]["streamed"] == ANSWER
    assert len(result["embedding"][1]) == 384
    assert result["transcription"] == text
    assert result["refusal"]["code"] == "model_not_found"
