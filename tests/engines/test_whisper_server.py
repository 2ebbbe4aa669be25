"""Our transformers server with the bundled Whisper, on espeak-ng's speech."""

import io
import shutil
import struct
import subprocess
import wave

import pytest

from tests.engines.conftest import Door, Speak

pytestmark = pytest.mark.engines
PATH = "/v1/audio/transcriptions"


async def heard(whisper: Door, file: bytes, **fields: str) -> str:
    reply = await whisper.send(PATH, file, **fields)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["text"])


def silence(seconds: float, rate: int = 16000) -> bytes:
    return wav(b"\0\0" * int(seconds * rate), rate)


def wav(samples: bytes, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return buffer.getvalue()


def joined(*files: bytes, pause: float = 2.2) -> bytes:
    parts, rate = [], 22050
    for one in files:
        with wave.open(io.BytesIO(one)) as file:
            rate = file.getframerate()
            parts += [file.readframes(10**9), b"\0\0" * int(pause * rate)]
    return wav(b"".join(parts), rate)


@pytest.mark.parametrize("text", ["one two three", "list models", "open gateway"])
async def test_it_hears_commands(whisper: Door, speak: Speak, text: str) -> None:
    assert await heard(whisper, speak(text)) == text
    assert await heard(whisper, speak(text), language="en", temperature="0", prompt="digits") != ""


async def test_verbose_json(whisper: Door, speak: Speak) -> None:
    reply = (await whisper.send(PATH, speak("one two three"), response_format="verbose_json")).json()
    assert (reply["task"], reply["language"], reply["text"]) == ("transcribe", "en", "one two three")
    assert 0.5 < reply["duration"] < 4
    for segment in reply["segments"]:
        assert 0 <= segment["start"] <= segment["end"] <= reply["duration"] + 0.01
        assert segment["avg_logprob"] <= 0


async def test_audio_longer_than_the_window(whisper: Door, speak: Speak) -> None:
    spoken = ["one two three", "list models", "open gateway", "one two three"]
    file = joined(*(speak(text) for text in spoken))
    reply = (await whisper.send(PATH, file, response_format="verbose_json")).json()
    assert reply["text"] == " ".join(spoken)
    assert reply["duration"] > 8
    starts = [segment["start"] for segment in reply["segments"]]
    assert starts == sorted(starts)
    assert starts[-1] > 5


async def test_silence_is_empty(whisper: Door) -> None:
    assert await heard(whisper, silence(2)) == ""


async def test_translation(whisper: Door, speak: Speak) -> None:
    reply = (await whisper.send("/v1/audio/translations", speak("list models"), response_format="verbose_json")).json()
    assert reply["task"] == "translate"


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3", "m4a", "webm"])
async def test_other_formats(whisper: Door, speak: Speak, kind: str) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    shape = {"m4a": ["-f", "ipod", "-movflags", "frag_keyframe"], "ogg": ["-c:a", "libvorbis", "-f", "ogg"]}
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", *shape.get(kind, ["-f", kind]), "pipe:1"]
    done = subprocess.run(command, input=speak("list models"), capture_output=True, check=True)
    assert await heard(whisper, done.stdout) == "list models"


@pytest.mark.parametrize(
    ("file", "fields", "param", "code"),
    [
        (b"", {}, "file", "invalid_audio"),
        (b"not audio at all" * 100, {}, "file", "invalid_audio"),
        (silence(1)[:100], {}, "file", "invalid_audio"),
        (silence(1), {"language": "klingon"}, "language", "invalid_value"),
        (silence(1), {"response_format": "srt"}, "response_format", "invalid_value"),
        (silence(1), {"temperature": "hot"}, "temperature", "invalid_value"),
        (silence(1), {"model": "other"}, "model", "model_not_found"),
    ],
)
async def test_refusals(whisper: Door, file: bytes, fields: dict[str, str], param: str, code: str) -> None:
    reply = await whisper.send(PATH, file, **fields)
    assert reply.status_code == (404 if code == "model_not_found" else 400)
    assert (reply.json()["error"]["param"], reply.json()["error"]["code"]) == (param, code)


async def test_a_file_that_lies_about_its_length(whisper: Door) -> None:
    """The header promises 4 GB of samples."""
    file = bytearray(silence(1))
    file[40:44] = struct.pack("<I", 0xFFFFFFF0)
    reply = await whisper.send(PATH, bytes(file))
    assert reply.status_code in (200, 400)


async def test_an_audio_bomb(whisper: Door) -> None:
    """Two hours in a megabyte are refused, not decoded to the end."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    source = ["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "7200"]
    command = ["ffmpeg", "-v", "error", *source, "-f", "flac", "pipe:1"]
    bomb = subprocess.run(command, capture_output=True, check=True).stdout
    assert len(bomb) < 2_000_000
    reply = await whisper.send(PATH, bomb)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "audio_too_long")
