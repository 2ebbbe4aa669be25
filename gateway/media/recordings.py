"""Recordings opened with FFmpeg as narrowly as it can be done. Used by the processes that do so: `splitter` and
`transcoder`."""

import io

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

MEMORY = 1024 * 2**20
"""Bytes of address space; past it the process dies alone."""
_DECODERS = frozenset(
    {"aac", "aac_latm", "alac", "flac", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "vorbis"}
)
"""Those that may run, beside those of plain samples (`pcm_…`): the fewer, the fewer flaws to hit."""


def open_recording(data: bytes, form: str) -> InputContainer:
    """`form` is FFmpeg's name of the format: it tries no other, and opens nothing but these bytes, so that a playlist
    among them leads nowhere. Raises av.FFmpegError."""
    options = {"protocol_whitelist": "none"}
    return av.open(io.BytesIO(data), "r", form, options, metadata_errors="ignore")


def sound_of(container: InputContainer) -> AudioStream:
    """Its first sound. Raises ValueError where there is none, or none that may be decoded."""
    stream = next(iter(container.streams.audio), None)
    if stream is None:
        raise ValueError("no sound")
    if stream.codec.name not in _DECODERS and not stream.codec.name.startswith("pcm_"):
        raise ValueError(stream.codec.name)
    return stream
