"""Audio files known by their first bytes, and their length where the header tells. For uploads and adapters."""

from collections.abc import Iterator

from gateway.errors import InvalidRequest

MAX_SECONDS = 24 * 3600.0
"""A header that claims more is not believed."""

_BRANDS_AUDIO = (b"M4A ", b"M4B ")
_ACCEPTED = "flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav, webm"


def sniff_audio(data: bytes, filename: str) -> str:
    """The media type by magic bytes; the name only enters the message. Raises `InvalidRequest` for what is no audio."""
    if not data:
        raise InvalidRequest(f"The audio file '{filename}' is empty.", param="file")
    if (media_type := media_type_of(data)) is None:
        raise InvalidRequest(
            f"'{filename}' is not an audio file of a known format; supported are {_ACCEPTED}.", param="file"
        )
    return media_type


def audio_duration(data: bytes) -> float | None:
    """Seconds by a WAV or FLAC header; None for other formats and for headers that cannot be true."""
    seconds = None
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        seconds = _wav_seconds(data)
    elif data[:4] == b"fLaC":
        seconds = _flac_seconds(data)
    return seconds if seconds is not None and 0 <= seconds <= MAX_SECONDS else None


def media_type_of(data: bytes) -> str | None:
    """By its first bytes; None for what is no audio of a known format."""
    head = data[:12]
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        return "audio/wav"
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:12] in _BRANDS_AUDIO else "video/mp4"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "audio/webm" if b"webm" in data[:64] else "video/x-matroska"
    for magic, media_type in ((b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg")):
        if head.startswith(magic):
            return media_type
    if head[:4] in (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"):
        return "video/mpeg"
    return _by_frame(head)


def _by_frame(head: bytes) -> str | None:
    """MPEG audio and AAC begin with a frame: eleven bits set, then version and layer, bit rate and sample rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    layer, bit_rate, sample_rate = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return "audio/mpeg" if layer in (1, 2) and bit_rate not in (0, 15) and sample_rate != 3 else None


def _wav_seconds(data: bytes) -> float | None:
    byte_rate = 0
    for name, start, size in _riff_chunks(data):
        if name == b"fmt " and size >= 16:
            channels = int.from_bytes(data[start + 2 : start + 4], "little")
            rate = int.from_bytes(data[start + 4 : start + 8], "little")
            byte_rate = int.from_bytes(data[start + 8 : start + 12], "little")
            if not (1 <= channels <= 64 and 1000 <= rate <= 768_000 and byte_rate):
                return None
        elif name == b"data":
            return min(size, len(data) - start) / byte_rate if byte_rate else None
    return None


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of a RIFF file's first chunks; a size may lie about what is there."""
    position = 12
    for _ in range(64):
        if position + 8 > len(data):
            return
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position : position + 4], position + 8, size
        position += 8 + size + size % 2


def _flac_seconds(data: bytes) -> float | None:
    info = int.from_bytes(data[18:26], "big")
    rate, samples = info >> 44, info & 0xF_FFFF_FFFF
    return samples / rate if len(data) >= 26 and rate and samples else None
