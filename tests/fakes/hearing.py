"""Made-up speech that the fake upstream understands: each word is a tone of its own, `w7` one of 340 Hz.

spoken = speech(["w1", "w2"], pause=0.5)   # a WAV file
listen(audio)                              # [Heard("w1", 0.5, 0.8), …], whatever FFmpeg can read
"""

import io
import math
import wave
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import av

RATE = 16_000
WORDS = 100
WORD_SECONDS = 0.3
_FRAME = RATE // 100
_SHORTEST = 4
"""Hundredths of a second of a tone that are still heard as a word."""


class Heard(NamedTuple):
    word: str
    start: float
    end: float


def speech(words: Sequence[str], *, pause: float = 0.2) -> bytes:
    """A WAV file with a `pause` before each word and at the end."""
    samples = silence = array("h", bytes(2 * int(pause * RATE)))
    for word in words:
        samples = samples + _tone(word) + silence
    return wav(samples.tobytes())


def wav(samples: bytes, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return buffer.getvalue()


def listen(audio: bytes) -> list[Heard]:
    """Words and their seconds. A word that is cut off is heard as long as a little of it is there."""
    samples = samples_of(audio)
    loud = [max(samples[at : at + _FRAME], default=0) > 2000 for at in range(0, len(samples), _FRAME)]
    heard = []
    for begin, end in _runs(loud):
        if end - begin >= _SHORTEST:
            tone = samples[begin * _FRAME : end * _FRAME]
            crossings = sum(1 for one, other in pairwise(tone) if one <= 0 < other)
            number = round((crossings / (len(tone) / RATE) - 200) / 20)
            heard.append(Heard(f"w{number}", begin / 100, end / 100))
    return heard


def samples_of(audio: bytes) -> "array[int]":
    """Mono, 16 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    samples = array("h")
    with av.open(io.BytesIO(audio), "r") as file:
        for frame in (*file.decode(audio=0), None):
            for even in resampler.resample(frame):
                samples.frombytes(bytes(even.planes[0])[: even.samples * 2])
    return samples


@lru_cache(16)
def encoded(audio: bytes, form: str, codec: str, rate: int = RATE, **options: str) -> bytes:
    """The same recording in another format, such as `ogg` with `libopus`."""
    target = io.BytesIO()
    with av.open(io.BytesIO(audio), "r") as source, av.open(target, "w", format=form, options=options) as file:
        stream = file.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(stream.format, stream.layout, rate)
        for frame in (*source.decode(audio=0), None):
            for even in resampler.resample(frame):
                even.pts = None
                file.mux(stream.encode(even))
        file.mux(stream.encode(None))
    return target.getvalue()


@lru_cache(WORDS)
def _tone(word: str) -> "array[int]":
    step = 2 * math.pi * (200 + 20 * int(word.removeprefix("w"))) / RATE
    return array("h", (int(12_000 * math.sin(step * n)) for n in range(int(WORD_SECONDS * RATE))))


def _runs(loud: Sequence[bool]) -> Iterator[tuple[int, int]]:
    begin = None
    for at, is_loud in enumerate([*loud, False]):
        if is_loud and begin is None:
            begin = at
        elif not is_loud and begin is not None:
            yield begin, at
            begin = None
