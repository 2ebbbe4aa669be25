"""Speech in the format that was asked for: made in a process that may die of what a provider sends."""

import asyncio
import io
import struct
from array import array

import av
import pytest

from gateway.media.transcoder import FORMS
from gateway.media.voice import NotConverted, Voices
from gateway.openai_api.audio_file import media_type_of
from gateway.openai_api.speech import FORMATS
from tests.fakes.hearing import RATE, encoded, samples_of, wav
from tests.fakes.media import sound

SPOKEN = sound(2.0)


def opened(data: bytes) -> tuple[str, float]:
    """Codec and seconds."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        samples = sum([frame.samples for frame in container.decode(stream)])
        return stream.codec.name, samples / stream.rate


@pytest.mark.parametrize(
    ("form", "codec"),
    [("mp3", "mp3float"), ("opus", "opus"), ("aac", "aac"), ("flac", "flac"), ("wav", "pcm_s16le")],
)
async def test_every_format_that_openai_names(form: str, codec: str) -> None:
    made = await Voices().convert(SPOKEN, "audio/wav", form, 30)
    assert media_type_of(made) == FORMATS[form]
    name, seconds = opened(made)
    assert name == codec and seconds == pytest.approx(2.0, abs=0.15)
    assert len(made) > 8_000, "of so few bits that it would not sound well"


def test_whatever_can_be_asked_for_can_be_made() -> None:
    assert set(FORMS) == set(FORMATS)


@pytest.mark.parametrize(
    ("container", "codec", "media_type"),
    [("mp3", "libmp3lame", "audio/mpeg"), ("flac", "flac", "audio/flac"), ("adts", "aac", "audio/aac")],
)
async def test_other_formats_become_one_too(container: str, codec: str, media_type: str) -> None:
    made = await Voices().convert(encoded(SPOKEN, container, codec, RATE), media_type, "wav", 30)
    assert opened(made)[1] == pytest.approx(2.0, abs=0.15)


async def test_samples_at_openais_rate_stay_what_they_are() -> None:
    """Raw samples have no header to say how many of them make a second: 24,000, one after the other."""
    samples = array("h", [n * 37 % 5000 - 2500 for n in range(24_000)]).tobytes()
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVEfmt ", 16, 1, 1, 24_000, 48_000, 2, 16,
                       b"data", len(samples))  # fmt: skip
    assert await Voices().convert(head + samples, "audio/wav", "pcm", 30) == samples


async def test_samples_at_another_rate_are_brought_to_it() -> None:
    assert len(await Voices().convert(SPOKEN, "audio/wav", "pcm", 30)) / 2 == pytest.approx(2.0 * 24_000, rel=0.01)


async def test_nothing_is_lost_in_flac() -> None:
    assert samples_of(await Voices().convert(SPOKEN, "audio/wav", "flac", 30)).tobytes() == SPOKEN[44:]


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"RIFF\x00\x00\x00\x00WAVE", "audio/wav"), (b"ID3" + bytes(500), "audio/mpeg"), (b"", "audio/wav"),
     (SPOKEN, "text/plain"), (wav(b""), "audio/wav")],
    ids=["no samples", "no frames", "nothing", "no sound", "silence of no length"],
)  # fmt: skip
async def test_what_cannot_be_read_is_said_to_be_so(data: bytes, media_type: str) -> None:
    with pytest.raises(NotConverted):
        await Voices().convert(data, media_type, "mp3", 30)


async def test_it_does_not_take_longer_than_there_is_time() -> None:
    with pytest.raises(NotConverted):
        await Voices().convert(SPOKEN, "audio/wav", "mp3", 0.001)


async def test_only_so_many_are_made_at_a_time() -> None:
    """The others wait, and all are made in the end."""
    voices = Voices(1)
    made = await asyncio.gather(*(voices.convert(SPOKEN, "audio/wav", "mp3", 60) for _ in range(3)))
    assert {media_type_of(one) for one in made} == {"audio/mpeg"}
