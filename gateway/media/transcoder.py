"""The process that brings a provider's sound to the format that was asked for. Run by `voice`, once per sound.

stdin: one JSON line `{"from", "to", "cpu_seconds"}`, then the file. `from` is FFmpeg's name of its format, `to` one of
`FORMS`.
stdout: one JSON line `{"size"}` in bytes and the sound, or `{"why"}`.
"""

import io
import json
import os
import sys
from typing import BinaryIO, NamedTuple

import av
from av.audio.stream import AudioStream

from gateway.media.bounds import bind
from gateway.media.recordings import MEMORY, open_recording, sound_of


class Form(NamedTuple):
    """`rate` is samples a second, `layout` of its channels, `bits` a second; 0 and "" are those of the sound that comes
    in, or of the codec."""

    container: str
    codec: str
    sample: str
    rate: int = 0
    layout: str = ""
    bits: int = 0


FORMS = {
    "mp3": Form("mp3", "libmp3lame", "s16p", bits=96_000),
    "opus": Form("ogg", "libopus", "s16", 48_000, bits=64_000),
    "aac": Form("adts", "aac", "fltp", bits=96_000),
    "flac": Form("flac", "flac", "s16"),
    "wav": Form("wav", "pcm_s16le", "s16"),
    "pcm": Form("s16le", "pcm_s16le", "s16", 24_000, "mono"),
}
"""Raw samples are OpenAI's: 24 kHz, one channel, as nothing in them says so."""


def main(source: BinaryIO, sink: BinaryIO) -> None:
    order = json.loads(source.readline())
    bind(MEMORY, order["cpu_seconds"])
    os.nice(10)
    try:
        made = _made(source.read(), order["from"], FORMS[order["to"]])
        sink.write(json.dumps({"size": len(made)}).encode() + b"\n" + made)
    except Exception as error:  # whatever a decoder says of a hostile file, it says it here
        sink.write(json.dumps({"why": type(error).__name__}).encode() + b"\n")
    sink.flush()


def _made(data: bytes, container: str, form: Form) -> bytes:
    file = io.BytesIO()
    with open_recording(data, container) as come, av.open(file, "w", form.container) as going:
        frames = come.decode(sound_of(come))
        first = next(frames)
        rate = form.rate or _nearest(first.rate, av.codec.Codec(form.codec, "w").audio_rates)
        layout = form.layout or ("mono" if first.layout.nb_channels == 1 else "stereo")
        stream = going.add_stream(form.codec, rate=rate, layout=layout, format=form.sample)
        assert isinstance(stream, AudioStream)
        if form.bits:
            stream.bit_rate = form.bits
        resampler = av.AudioResampler(format=form.sample, layout=layout, rate=rate)
        for frame in (first, *frames, None):
            for even in resampler.resample(frame):
                even.pts = None
                going.mux(stream.encode(even))
        going.mux(stream.encode(None))
    return file.getvalue()


def _nearest(rate: int, known: list[int] | None) -> int:
    """Where the codec does not take every rate, the lowest that loses nothing, else its highest."""
    if not known or rate in known:
        return rate
    return min((one for one in known if one > rate), default=max(known))


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
