"""How long a recording is, as its header says, without decoding. Called by `pipeline` to find the long ones.

Formats: RFC 9639 (FLAC), RFC 3533 and 7845 (Ogg, Opus), ISO/IEC 14496-12 (MP4), RFC 9559 (WebM), ISO/IEC 11172-3 (MP3).
"""

import struct

from gateway.openai_api.audio_file import MAX_SECONDS, audio_duration

_SLOWEST = 750.0
"""Bytes for a second of speech at the lowest bit rate in use: 6 kbit/s."""
_HEAD = 64 * 1024
_BOXES = 10_000
"""Boxes of one level that are looked at: a movie header stands behind fewer."""
_MPEG1_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_MPEG2_KBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_MPEG1_RATES = (44_100, 48_000, 32_000, 0)


def seconds_at_most(data: bytes, media_type: str) -> float:
    """Seconds by the header; where it says nothing that can be true, the most that so many bytes can hold."""
    if media_type in ("audio/wav", "audio/flac"):
        seconds = audio_duration(data)
    else:
        read = _READERS.get(media_type)
        try:
            seconds = read(data) if read is not None else None
        except (struct.error, IndexError, ZeroDivisionError):
            seconds = None
    if seconds is None or not 0 < seconds <= MAX_SECONDS:
        return len(data) / _SLOWEST
    return seconds


def _mp4(data: bytes) -> float | None:
    """The movie header, wherever the movie stands."""
    moov = _box(data, 0, len(data), b"moov")
    header = _box(data, *moov, b"mvhd") if moov else None
    if header is None:
        return None
    at = header[0]
    layout, place = (">IQ", 20) if data[at] == 1 else (">II", 12)
    scale, length = struct.unpack_from(layout, data, at + place)
    return float(length) / float(scale)


def _box(data: bytes, start: int, end: int, name: bytes) -> tuple[int, int] | None:
    """Where the contents of the first box of that name begin and end."""
    for _ in range(_BOXES):
        if start + 8 > end:
            return None
        size, inner = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 1:
            size, inner = int.from_bytes(data[inner : inner + 8], "big"), inner + 8
        stop = start + size if size else end
        if data[start + 4 : start + 8] == name:
            return inner, min(stop, end)
        if stop < inner:
            return None
        start = stop
    return None


def _ogg(data: bytes) -> float | None:
    """By the position that the last page tells."""
    last = data.rfind(b"OggS")
    position = struct.unpack_from("<q", data, last + 6)[0]
    if b"OpusHead" in data[:_HEAD]:
        return float(position) / 48_000
    vorbis = data.find(b"\x01vorbis", 0, _HEAD)
    return float(position) / struct.unpack_from("<I", data, vorbis + 12)[0] if vorbis >= 0 else None


def _webm(data: bytes) -> float | None:
    """Scale and length of the segment's information; what records as it goes has no length."""
    info = data.find(b"\x15\x49\xa9\x66", 0, _HEAD)
    length = data.find(b"\x44\x89", info, info + 512) + 2
    if info < 0 or length < 2:
        return None
    scale, at = 1_000_000, data.find(b"\x2a\xd7\xb1", info, info + 512)
    if at >= 0:
        size = data[at + 3] & 0x0F
        scale = int.from_bytes(data[at + 4 : at + 4 + size], "big")
    units = struct.unpack_from(">f" if data[length] == 0x84 else ">d", data, length + 1)[0]
    return float(units) * scale / 1e9


def _mp3(data: bytes) -> float | None:
    """By the number of frames where an encoder wrote it, else by the bit rate of the first frame."""
    start = 0
    if data[:3] == b"ID3":
        size = data[6:10]
        start = 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    word = struct.unpack_from(">I", data, start)[0]
    version, layer = word >> 19 & 3, word >> 17 & 3
    if word >> 21 != 0x7FF or layer != 1 or version == 1:
        return None
    first = version == 3
    rate = _MPEG1_RATES[word >> 10 & 3] >> (0 if first else 1 if version == 2 else 2)
    for tag, place in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        at = data.find(tag, start, start + 200)
        if at >= 0 and (tag == b"VBRI" or data[at + 7] & 1):
            frames = struct.unpack_from(">I", data, at + place)[0]
            return float(frames) * (1152 if first else 576) / rate
    kbits = (_MPEG1_KBITS if first else _MPEG2_KBITS)[word >> 12 & 15]
    return (len(data) - start) / (kbits * 125)


_READERS = {
    "audio/mp4": _mp4,
    "video/mp4": _mp4,
    "audio/ogg": _ogg,
    "audio/webm": _webm,
    "video/x-matroska": _webm,
    "audio/mpeg": _mp3,
}
