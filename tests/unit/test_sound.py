"""Long recordings opened in a process that may die of them: pieces of every format, hostile files, no orphans."""

import asyncio
import io
import os
import random
import struct
from array import array
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.sound import FORMATS, NotSplit, Piece, split_sound
from gateway.openai_api.audio_file import audio_duration, sniff_audio
from gateway.openai_api.audio_length import seconds_at_most
from tests.fakes.hearing import RATE, encoded, samples_of, speech, wav

SPOKEN = speech([f"w{n}" for n in range(1, 61)], pause=0.4)
SECONDS = len(SPOKEN[44:]) / 2 / RATE
ENCODINGS = {
    "mp3": ("libmp3lame", RATE, "audio/mpeg"),
    "ogg": ("libopus", 48_000, "audio/ogg"),
    "webm": ("libopus", 48_000, "audio/webm"),
    "matroska": ("aac", RATE, "video/x-matroska"),
    "ipod": ("aac", RATE, "audio/mp4"),
    "mp4": ("aac", RATE, "video/mp4"),
    "flac": ("flac", RATE, "audio/flac"),
    "adts": ("aac", RATE, "audio/aac"),
    "mpeg": ("mp2", RATE, "video/mpeg"),
}


async def split(
    data: bytes, media_type: str = "audio/wav", most: float = 10.0, *, slots: int = 1, patience: float = 300.0
) -> list[Piece]:
    return [piece async for piece in split_sound(data, media_type, most, asyncio.Semaphore(slots), patience)]


async def why(data: bytes, media_type: str = "audio/wav", most: float = 10.0) -> str:
    with pytest.raises(NotSplit) as caught:
        await split(data, media_type, most)
    return str(caught.value)


# --- pieces ------------------------------------------------------------------------------------------------


async def test_pieces_are_the_recording_sample_for_sample() -> None:
    pieces = await split(SPOKEN)
    whole = array("h")
    for piece in pieces:
        samples = samples_of(piece.data)
        assert len(samples) / RATE == pytest.approx(piece.end - piece.start)
        assert audio_duration(piece.data) == pytest.approx(piece.end - piece.start)
        assert piece.start == pytest.approx(len(whole) / RATE)
        assert piece.lead == piece.tail == 0 and piece.end - piece.start <= 10
        whole += samples
    assert whole.tobytes() == SPOKEN[44:]
    assert len(pieces) == 5


async def test_neighbours_overlap_where_nobody_pauses() -> None:
    pieces = await split(speech([f"w{n}" for n in range(1, 61)], pause=0.01))
    assert pieces[0].lead == pieces[-1].tail == 0
    for before, after in pairwise(pieces):
        assert before.tail == after.lead == 0.5
        assert before.ends == pytest.approx(after.begins)
        assert before.end == pytest.approx(after.start + 1.0)


@pytest.mark.parametrize("form", ENCODINGS)
async def test_every_format_that_callers_may_send(form: str) -> None:
    codec, rate, media_type = ENCODINGS[form]
    data = encoded(SPOKEN, form, codec, rate, **({"brand": "M4A "} if form == "ipod" else {}))
    assert sniff_audio(data, form) == media_type and media_type in FORMATS
    pieces = await split(data, media_type)
    assert pieces[0].start == 0 and pieces[-1].end == pytest.approx(SECONDS, abs=0.2)
    assert all(one.ends == pytest.approx(other.begins) for one, other in pairwise(pieces))
    assert 5 <= len(pieces) <= 6


def plain(rate: int, channels: int, width: int, seconds: int) -> bytes:
    """A WAV file of silence."""
    silence = (b"\x80" if width == 1 else bytes(width)) * rate * channels * seconds
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * width, channels * width, width * 8)
    file = b"RIFF" + bytes(4) + b"WAVEfmt " + struct.pack("<I", 16) + head
    return file + b"data" + struct.pack("<I", len(silence)) + silence


@pytest.mark.parametrize(("rate", "channels", "width"), [(8000, 1, 1), (44_100, 2, 2), (48_000, 2, 4)])
async def test_other_rates_channels_and_widths(rate: int, channels: int, width: int) -> None:
    pieces = await split(plain(rate, channels, width, 25))
    assert pieces[-1].end == pytest.approx(25, abs=0.01)


async def test_the_sound_of_a_video_is_taken() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as file:
        video, audio = file.add_stream("mpeg4", rate=5), file.add_stream("flac", rate=RATE)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for n in range(60):
            file.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
            frame = av.AudioFrame(format="s16", layout="mono", samples=4800)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.pts = RATE, n * 4800
            file.mux(audio.encode(frame))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))
    pieces = await split(target.getvalue(), "video/x-matroska")
    assert pieces[-1].end == pytest.approx(18, abs=0.1)


# --- what is not cut -----------------------------------------------------------------------------------------


async def test_what_is_short_after_all_is_left_alone() -> None:
    assert await why(SPOKEN, most=SECONDS + 1) == "short"
    assert await why(encoded(SPOKEN, "webm", "libopus", 48_000), "audio/webm", SECONDS + 1) == "short"
    assert await why(wav(b"")) in ("short", "unreadable")


async def test_half_a_day_is_too_long() -> None:
    assert await why(plain(1000, 1, 1, 43_500)) == "long"


@pytest.mark.parametrize("media_type", FORMATS)
async def test_nonsense_is_for_somebody_else_to_judge(media_type: str) -> None:
    assert await why(bytes(range(256)) * 500, media_type) in ("unreadable", "short")


async def test_an_unknown_format_starts_no_process() -> None:
    assert await why(SPOKEN, "audio/x-unknown") == "audio/x-unknown"


async def test_a_playlist_leads_nowhere() -> None:
    """What names other files is not among the formats, whatever it is called."""
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:100\n#EXTINF:100,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    for media_type in FORMATS:
        assert await why(playlist * 500, media_type) in ("unreadable", "short")


async def test_a_file_that_breaks_off_is_cut_as_far_as_it_goes() -> None:
    data = encoded(SPOKEN, "mp3", "libmp3lame")
    pieces = await split(data[: len(data) * 2 // 3], "audio/mpeg")
    assert pieces[-1].end == pytest.approx(SECONDS * 2 / 3, abs=1)


async def test_a_file_full_of_holes_is_not_cut_to_its_end() -> None:
    data = bytearray(encoded(SPOKEN, "flac", "flac"))
    for at in range(len(data) // 2, len(data) - 400, 1500):
        data[at : at + 300] = bytes(300)
    heard: list[Piece] = []
    with pytest.raises(NotSplit):
        async for piece in split_sound(bytes(data), "audio/flac", 10, asyncio.Semaphore(1), 30):
            heard.append(piece)
    assert len(heard) < 5


@pytest.mark.parametrize("form", ["mp3", "ogg", "webm", "ipod", "flac"])
async def test_flipped_bits_never_harm_the_gateway(form: str) -> None:
    codec, rate, media_type = ENCODINGS[form]
    data = bytearray(encoded(SPOKEN, form, codec, rate))
    for seed in range(2):
        broken = bytearray(data)
        for n in range(200):
            broken[(n * 7919 + seed * 104_729) % len(broken)] ^= 1 << (n + seed) % 8
        try:
            pieces = await split(bytes(broken), media_type)
        except NotSplit:
            continue
        assert all(piece.data.startswith(b"fLaC") for piece in pieces)


# --- the process ---------------------------------------------------------------------------------------------

NOISE = wav(random.Random(1).randbytes(100 * 2 * RATE))


async def test_one_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(NotSplit, match="died"):
        await split(SPOKEN, patience=0.001)
    assert not _children()


async def test_whoever_stops_listening_ends_it() -> None:
    """With more to cut than the pipe holds: it is there as long as nobody reads on."""
    slots = asyncio.Semaphore(1)
    pieces = split_sound(NOISE, "audio/wav", 20, slots, 30)
    await anext(pieces)
    assert slots.locked() and _children()
    await pieces.aclose()
    assert not slots.locked() and not _children()


async def test_it_ends_too_while_more_is_cut_than_anybody_reads() -> None:
    """Pieces of several hundred kilobytes lie in the pipe, past what is read ahead."""
    slots = asyncio.Semaphore(1)
    pieces = split_sound(NOISE, "audio/wav", 20, slots, 30)
    await anext(pieces)
    spent = None
    while spent != (spent := _cpu_ticks()):  # until it waits for somebody to read
        await asyncio.sleep(0.3)
    async with asyncio.timeout(20):
        await pieces.aclose()
    assert not slots.locked() and not _children()


async def test_no_slot_means_no_cutting() -> None:
    with pytest.raises(NotSplit):
        await split(SPOKEN, slots=0, patience=0.1)


def _children() -> list[list[str]]:
    """What the system tells of each, from its state on (proc(5), `stat`)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(status[1]) == os.getpid() and status[0] != "Z" and "splitter" in command:
            found.append(status)
    return found


def _cpu_ticks() -> int:
    return sum(int(status[11]) + int(status[12]) for status in _children())


# --- lengths by headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["mp3", "ogg", "webm", "ipod", "mp4", "flac", "matroska"])
def test_headers_tell_how_long_a_recording_is(form: str) -> None:
    codec, rate, media_type = ENCODINGS[form]
    assert seconds_at_most(encoded(SPOKEN, form, codec, rate), media_type) == pytest.approx(SECONDS, abs=0.2)
    assert seconds_at_most(SPOKEN, "audio/wav") == pytest.approx(SECONDS)


def test_nobody_walks_through_a_million_boxes() -> None:
    """Each takes eight bytes, and looking at it holds everybody up."""
    header = struct.pack(">I4sIIIII", 28, b"mvhd", 0, 0, 0, 1000, 5000)
    movie = struct.pack(">I4s", 8 + len(header), b"moov") + header
    box = struct.pack(">I4s", 8, b"free")
    assert seconds_at_most(box * 100 + movie, "audio/mp4") == 5.0
    data = box * 1_000_000 + movie
    assert seconds_at_most(data, "audio/mp4") == len(data) / 750


def test_without_such_a_header_the_size_bounds_it() -> None:
    live = encoded(SPOKEN, "webm", "libopus", 48_000, live="1")
    fragments = encoded(SPOKEN, "mp4", "aac", RATE, movflags="frag_keyframe+empty_moov")
    plain = encoded(SPOKEN, "mp3", "libmp3lame", RATE, write_xing="0")
    assert seconds_at_most(live, "audio/webm") == len(live) / 750
    assert seconds_at_most(fragments, "audio/mp4") == len(fragments) / 750
    assert seconds_at_most(plain, "audio/mpeg") == pytest.approx(SECONDS, abs=1)
    assert seconds_at_most(b"\xff\xf1" + bytes(748), "audio/aac") == 1.0


@given(st.binary(max_size=400), st.sampled_from([*FORMATS, "audio/other"]), st.sampled_from([
    b"", b"OggS" + bytes(22) + b"\x01vorbis", b"OggSOpusHead", b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb\x90\x00Xing\0\0\0\1",
    b"\0\0\0\x10moov\0\0\0\x08mvhd", b"\x1a\x45\xdf\xa3\x15\x49\xa9\x66\x44\x89\x88", b"fLaC", b"RIFF\0\0\0\0WAVEfmt ",
]))  # fmt: skip
def test_no_header_can_break_it(data: bytes, media_type: str, magic: bytes) -> None:
    assert 0 <= seconds_at_most(magic + data, media_type) <= 24 * 3600
