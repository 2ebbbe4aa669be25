"""The process that opens hostile recordings and cuts long ones in pieces. Run by `sound`, once per recording.

stdin: one JSON line `{"format", "most", "longest", "cpu_seconds"}`, then the file. `most` is the seconds of a piece,
`longest` those past which a recording is left alone.
stdout: per piece one JSON line `{"start", "end", "lead", "tail", "size"}` in seconds and bytes, and the piece as FLAC;
at the end `{"done": true}`, or `{"why"}`: `short`, `long` or `unreadable`.
"""

import io
import json
import os
import sys
from array import array
from collections.abc import Iterator
from operator import mul
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from gateway.media.bounds import bind
from gateway.media.cuts import FRAME, FRAME_BYTES, RATE, SECOND, Stretch, stretches
from gateway.media.recordings import MEMORY, open_recording, sound_of

_SPARED = 4
"""One of so many samples is looked at for the level of a frame."""
_BROKEN_AT_ONCE, _BROKEN_IN = 3, 100
"""Packets that may be beyond decoding: three, and one of each hundred."""


class Unfit(Exception):
    """The recording is not to be cut; `args` say why."""


def main(source: BinaryIO, sink: BinaryIO) -> None:
    order = json.loads(source.readline())
    bind(MEMORY, order["cpu_seconds"])
    os.nice(10)
    data = source.read()
    try:
        for piece in _pieces(data, order):
            encoded = _flac(piece.sound)
            _tell(sink, {**_times(piece), "size": len(encoded)}, encoded)
        _tell(sink, {"done": True})
    except Unfit as unfit:
        _tell(sink, {"why": unfit.args[0]})
    except Exception as error:  # whatever a decoder says of a hostile file, it says it here
        _tell(sink, {"why": "unreadable", "kind": type(error).__name__})


def _tell(sink: BinaryIO, line: dict[str, Any], data: bytes = b"") -> None:
    sink.write(json.dumps(line).encode() + b"\n" + data)
    sink.flush()


def _times(piece: Stretch) -> dict[str, float]:
    start, end = piece.begin / SECOND, piece.begin / SECOND + len(piece.sound) / 2 / RATE
    return {"start": start, "end": round(end, 4), "lead": piece.lead / SECOND, "tail": piece.tail / SECOND}


def _pieces(data: bytes, order: dict[str, Any]) -> Iterator[Stretch]:
    with open_recording(data, order["format"]) as container:
        stream = sound_of(container)
        seconds = _length(container, stream)
        if not order["most"] < seconds <= order["longest"]:
            raise Unfit("short" if seconds <= order["most"] else "long")
        container.seek(0)
        for piece in stretches(_frames(container, stream), int(seconds * SECOND), int(order["most"] * SECOND)):
            if piece.last and not piece.begin:
                raise Unfit("short")
            if piece.begin * FRAME > order["longest"] * RATE:
                raise Unfit("long")
            yield piece


def _length(container: InputContainer, stream: AudioStream) -> float:
    """Seconds by the times of its packets, whatever the header says."""
    end = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None and packet.time_base is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    start = float((stream.start_time or 0) * stream.time_base) if stream.time_base is not None else 0.0
    return end - start


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[tuple[bytes, int]]:
    """Sound and level, a frame at a time, the last one perhaps shorter."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=FRAME)
    broken = -_BROKEN_AT_ONCE * _BROKEN_IN
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except av.FFmpegError:
            broken += _BROKEN_IN
            if broken > 0:
                raise Unfit("unreadable") from None
            continue
        broken -= 1
        for frame in decoded:
            for even in resampler.resample(frame):
                yield _measured(bytes(even.planes[0])[: even.samples * 2])
    for even in resampler.resample(None):
        yield _measured(bytes(even.planes[0])[: even.samples * 2])


def _measured(sound: bytes) -> tuple[bytes, int]:
    some = array("h", sound)[::_SPARED]
    return sound, sum(map(mul, some, some)) // max(1, len(some))


def _flac(sound: bytes) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream(
            "flac", rate=RATE, layout="mono", format="s16", options={"compression_level": "3"}
        )
        block = 64 * FRAME_BYTES
        for start in range(0, len(sound), block):
            part = sound[start : start + block]
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(part) // 2)
            frame.sample_rate, frame.pts = RATE, start // 2
            room = frame.planes[0].buffer_size
            frame.planes[0].update(part + bytes(room - len(part)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
