"""Decoding audio of any usual format to 16 kHz mono, a block at a time, so that a small file cannot fill the memory."""

import io
from collections.abc import Iterator
from typing import Any

from chute_models.engines.errors import Refusal

RATE = 16_000
_MAX_CHANNELS = 16
_RATES = range(2_000, 384_001)
_MIN_SAMPLES = RATE // 100


class _Unreadable(Exception):
    """Not for this library, or broken."""


def decode(data: bytes, max_seconds: float) -> Any:
    """Samples as a numpy array of 16-bit integers. Refuses what is not audio, is empty, or lasts too long.

    libsndfile knows wav, flac, ogg and mp3; FFmpeg's libraries know the containers and forgive more.
    """
    if not data:
        raise Refusal("The audio file is empty.", param="file", code="invalid_audio")
    for blocks in (_sound_file(data), _container(data)):
        try:
            return _collected(blocks, int(max_seconds * RATE))
        except _Unreadable:
            continue
    raise Refusal("The audio could not be decoded.", param="file", code="invalid_audio")


def _collected(blocks: Iterator[Any], most: int) -> Any:
    import numpy

    found, left = [], most
    for block in blocks:
        left -= len(block)
        if left < 0:
            message = f"The audio is longer than {most / RATE:g} seconds."
            raise Refusal(message, param="file", code="audio_too_long")
        found.append(block)
    samples = numpy.concatenate(found) if found else numpy.zeros(0, "int16")
    if len(samples) < _MIN_SAMPLES:
        raise Refusal("The audio file holds no sound.", param="file", code="invalid_audio")
    return samples


def _sound_file(data: bytes) -> Iterator[Any]:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.channels > _MAX_CHANNELS or file.samplerate not in _RATES:
                raise Refusal("The audio has too many channels or an unusual rate.", param="file", code="invalid_audio")
            yield from _resampled(file)
    except soundfile.LibsndfileError:
        raise _Unreadable from None


def _resampled(file: Any) -> Iterator[Any]:
    """Blocks of one second from an open sound file."""
    import numpy
    import soxr

    stream = soxr.ResampleStream(file.samplerate, RATE, 1, dtype="float32")
    while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
        mono = numpy.nan_to_num(block.mean(axis=1))
        yield _integers(stream.resample_chunk(mono))
    yield _integers(stream.resample_chunk(numpy.zeros(0, "float32"), last=True))


def _integers(samples: Any) -> Any:
    return (samples.clip(-1.0, 1.0) * 32767).astype("int16")


def _container(data: bytes) -> Iterator[Any]:
    """The first audio stream of an mp4, webm, matroska … file."""
    import av

    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise Refusal("The file has no audio in it.", param="file", code="invalid_audio")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(container.streams.audio[0]):
                yield from (piece.to_ndarray()[0] for piece in resampler.resample(frame))
            yield from (piece.to_ndarray()[0] for piece in resampler.resample(None))
    except (av.FFmpegError, ValueError, EOFError):
        raise _Unreadable from None
