"""Transcripts: read in every shape seen in the wild, rendered so that OpenAI's clients and players accept them.

Rows of docs/acceptance.md: A002-24, A002-25, A002-26.
"""

import io
import json
import math
import re
import wave
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    TranslationVerbose,
)

from gateway.errors import InvalidRequest, UpstreamBadResponse
from gateway.openai_api.audio import FORMATS, AudioOptions, Segment, Transcript, Word, validate_audio_fields
from gateway.openai_api.audio_events import transcript_events
from gateway.openai_api.audio_file import audio_duration, sniff_audio
from gateway.openai_api.audio_parse import parse_transcript
from gateway.openai_api.audio_render import render_transcript
from gateway.openai_api.sse import DONE, data_of
from gateway.openai_api.subtitles import parse_subtitles

BOTH = frozenset({"word", "segment"})
NONE: frozenset[str] = frozenset()
JSON = "application/json"


def _parse(value: Any, **options: Any) -> Transcript:
    return parse_transcript(json.dumps(value).encode(), JSON, **options)


def _render(transcript: Transcript, form: str, granularities: frozenset[str] = NONE) -> str:
    return render_transcript(transcript, form, granularities)[0].decode()


# --- reading -----------------------------------------------------------------------------------------------

PAIR = (Segment("one two", 0.0, 1.5), Segment("three", 1.5, 2.25))
SHAPES: dict[str, Any] = {
    "chutes array": [{"start": 0, "end": 1.5, "text": " one two"}, {"start": 1.5, "end": 2.25, "text": " three"}],
    "segments": {"text": "one two three", "segments": [
        {"start": 0, "end": 1.5, "text": "one two"}, {"start": 1.5, "end": 2.25, "text": "three"}]},
    "chunks with timestamps": {"text": " one two three", "chunks": [
        {"timestamp": [0, 1.5], "text": " one two"}, {"timestamp": [1.5, 2.25], "text": " three"}]},
    "transcription list": {"transcription": [
        {"start": "0", "end": "1.5", "text": "one two"}, {"start": 1.5, "end": 2.25, "text": "three"}]},
    "out of order": [{"start": 1.5, "end": 2.25, "text": "three"}, {"start": 0, "end": 1.5, "text": "one two"}],
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_all_shapes_with_times(shape: Any) -> None:
    transcript = _parse(shape)
    assert transcript.text == "one two three"
    assert transcript.segments == PAIR
    assert transcript.duration == 2.25


@pytest.mark.parametrize(
    "shape",
    [
        "hello there",
        {"text": " hello there "},
        {"transcription": "hello there"},
        {"result": {"text": "hello there"}},
        {"output": "hello there"},
        ["hello", "there"],
        [{"text": "hello there"}],
        [{"text": "hello"}, {"text": "there"}],
        {"text": "hello there", "segments": None, "language": None, "duration": None},
    ],
)
def test_all_shapes_without_times(shape: Any) -> None:
    assert _parse(shape) == Transcript("hello there")


@pytest.mark.parametrize(
    ("odd", "placed"),
    [
        ({"text": "two"}, (1.0, 2.0)),
        ({"text": "two", "end": 1.5}, (1.0, 1.5)),
        ({"text": "two", "start": None, "end": None}, (1.0, 2.0)),
        ({"text": "two", "start": -0.02, "end": 1.75}, (1.0, 1.75)),
        ({"text": "two", "start": "NaN"}, (1.0, 2.0)),
        ({"text": "two", "words": [{"word": "two", "start": 1.25, "end": 1.75}]}, (1.25, 1.75)),
    ],
)
def test_a_segment_without_times_stands_between_its_neighbours(
    odd: dict[str, Any], placed: tuple[float, float]
) -> None:
    first, last = {"start": 0, "end": 1, "text": "one"}, {"start": 2, "end": 3, "text": "three"}
    for shape in ([first, odd, last], {"text": "one two three", "segments": [first, odd, last]}):
        transcript = _parse(shape)
        assert transcript.text == "one two three"
        assert [(one.text, one.start, one.end) for one in transcript.segments] == [
            ("one", 0.0, 1.0), ("two", *placed), ("three", 2.0, 3.0)
        ]  # fmt: skip


def test_a_segment_without_times_at_an_end_begins_where_the_others_let_it() -> None:
    transcript = _parse([{"text": "one"}, {"start": 1, "end": 2, "text": "two"}, {"text": "three"}])
    assert [(one.start, one.end) for one in transcript.segments] == [(0.0, 1.0), (1.0, 2.0), (2.0, 2.0)]
    assert _render(transcript, "srt").endswith("3\n00:00:02,000 --> 00:00:03,000\nthree\n\n")


def test_segments_that_all_lack_times_are_a_text_alone() -> None:
    segments = [{"text": " one"}, {"text": " two"}]
    for shape in ({"segments": segments}, {"text": "one two", "segments": segments}):
        assert _parse(shape) == Transcript("one two")
    assert _render(_parse({"segments": segments}), "srt").endswith("\none two\n\n")


def test_the_length_may_be_told_as_what_is_billed() -> None:
    assert _parse({"text": "hi", "usage": {"type": "duration", "seconds": 9}}).duration == 9.0
    assert _parse({"text": "hi", "usage": {"prompt_audio_seconds": 9, "total_tokens": 12}}).duration == 9.0
    assert _parse({"text": "hi", "duration": 8.47, "usage": {"type": "duration", "seconds": 9}}).duration == 8.47


def test_a_segment_that_says_nothing_is_left_out() -> None:
    for silent in ({"start": 1, "end": 2}, {"start": 1, "end": 2, "text": None}):
        transcript = _parse({"segments": [{"start": 0, "end": 1, "text": "one"}, silent]})
        assert [one.text for one in transcript.segments] == ["one"]


def test_plain_text_and_json_under_the_wrong_name() -> None:
    assert parse_transcript(b"hello\n", "text/plain") == Transcript("hello")
    assert parse_transcript(b"[Music] hello", "text/plain") == Transcript("[Music] hello")
    assert parse_transcript(b'{"text":"hello"}', "text/plain") == Transcript("hello")


def test_silence_is_an_answer() -> None:
    shapes: tuple[Any, ...] = ("", {"text": ""}, [], {"segments": []})
    for shape in shapes:
        transcript = _parse(shape)
        assert transcript.text == ""
        assert [_render(transcript, form) for form in ("srt", "vtt")] == ["", "WEBVTT\n\n"]
        assert json.loads(_render(transcript, "verbose_json"))["segments"] == []


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", JSON),
        (b"  \n", "text/plain"),
        (b"<!DOCTYPE html><html>504</html>", "text/html"),
        (b"<html>504</html>", "text/plain"),
        (b'{"text": "cut', JSON),
        (b"\xff\xfe\x00", "text/plain"),
        (b"a\x00b", "text/plain"),
        (b"null", JSON),
        (b"5", JSON),
        (b"{}", JSON),
        (b'{"error":{"message":"no"}}', JSON),
        (b'{"text":5}', JSON),
        (b'{"segments":[{"start":0,"end":1}]}', JSON),
        (b'{"segments":[5]}', JSON),
        (b'[{"start":0,"end":1,"text":"a"},"b"]', JSON),
        (b'{"result":' * 900 + b'"x"' + b"}" * 900, JSON),
        (b"[" * 100_000, JSON),
    ],
)
def test_garbage_is_the_providers_fault(body: bytes, media_type: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        parse_transcript(body, media_type)


def test_verbose_json_keeps_what_the_upstream_knew() -> None:
    transcript = _parse(
        {
            "task": "transcribe",
            "language": "english",
            "duration": "2.5",
            "text": "one two three",
            "segments": [
                {"id": 0, "start": 0, "end": 1.5, "text": " one two", "avg_logprob": -0.25, "no_speech_prob": None},
                {"id": 1, "start": 1.5, "end": 2.25, "text": " three", "tokens": [1, 2], "temperature": 0.4},
            ],
            "words": [
                {"word": "one", "start": 0.0, "end": 0.5, "probability": 0.9},
                {"word": "two", "start": 0.5, "end": 1.6},
                {"word": "three", "start": 1.6, "end": 2.25},
            ],
        }
    )
    assert [[word.word for word in segment.words] for segment in transcript.segments] == [["one", "two"], ["three"]]
    answer = json.loads(_render(transcript, "verbose_json", BOTH))
    assert (answer["language"], answer["duration"]) == ("english", 2.5)
    assert answer["segments"][0]["avg_logprob"] == -0.25
    assert (answer["segments"][1]["tokens"], answer["segments"][1]["temperature"]) == ([1, 2], 0.4)
    assert answer["words"][0] == {"word": "one", "start": 0.0, "end": 0.5, "confidence": 0.9}


def test_words_without_segments_make_one() -> None:
    transcript = _parse(
        {"text": "a b", "words": [{"word": "a", "start": 1, "end": 2}, {"word": "b", "start": 2, "end": 4}]}
    )
    assert [(segment.start, segment.end, segment.text) for segment in transcript.segments] == [(1.0, 4.0, "a b")]


def test_an_open_end_is_shown_for_a_second() -> None:
    transcript = _parse({"text": "a", "chunks": [{"timestamp": [4.2, None], "text": "a"}]})
    assert _render(transcript, "srt") == "1\n00:00:04,200 --> 00:00:05,200\na\n\n"


# --- rendering ---------------------------------------------------------------------------------------------

_text = st.text(max_size=20)
_seconds = st.floats(0, 90_000).map(lambda value: round(value, 3))
_segments = st.lists(st.tuples(_text, _seconds, _seconds), max_size=6).map(
    lambda rows: tuple(Segment(text, min(a, b), max(a, b)) for text, a, b in sorted(rows, key=lambda row: min(row[1:])))
)
_transcripts = st.builds(
    Transcript, _text, _segments, st.none() | st.sampled_from(["en", "german", "xx"]), st.none() | _seconds
)


@given(_transcripts, st.sampled_from([BOTH, NONE, frozenset({"word"}), frozenset({"segment"})]))
def test_the_official_client_accepts_every_verbose_answer(transcript: Transcript, asked: frozenset[str]) -> None:
    answer = TranscriptionVerbose.model_validate_json(_render(transcript, "verbose_json", asked), strict=True)
    assert (answer.words is not None) == ("word" in asked)
    assert (answer.segments is not None) == (asked != {"word"})
    assert TranslationVerbose.model_validate_json(_render(transcript, "verbose_json"), strict=True).segments is not None
    assert Transcription.model_validate_json(_render(transcript, "json"), strict=True).text == transcript.text


@given(_segments)
def test_subtitles_read_back_as_they_were(segments: tuple[Segment, ...]) -> None:
    spoken = [(s.start, " ".join(s.text.split()), s.end) for s in segments if s.text.strip()]
    transcript = Transcript("x", segments)
    spellings: dict[str, Callable[[str], str]] = {"vtt": str, "srt": lambda text: text.replace("-->", "->")}
    for form, spell in spellings.items():
        if not segments:
            continue
        cues = parse_subtitles(_render(transcript, form))
        assert len(cues) == len(spoken)
        for cue, (start, text, end) in zip(cues, spoken, strict=True):
            assert (cue.start, cue.text) == (start, " ".join(spell(text).split()))
            assert cue.end == (end if end > start else pytest.approx(start + 1))


def test_srt_and_vtt_exactly() -> None:
    transcript = Transcript("x", (Segment("a\n\nb", 0, 0.0004), Segment("1 --> 2 <i>&", 3661.0015, 3662)))
    assert _render(transcript, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,000\na b\n\n2\n01:01:01,002 --> 01:01:02,000\n1 -> 2 <i>&\n\n"
    )
    assert _render(transcript, "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na b\n\n01:01:01.002 --> 01:01:02.000\n1 --&gt; 2 &lt;i&gt;&amp;\n\n"
    )


@given(_segments)
def test_cues_never_go_back(segments: tuple[Segment, ...]) -> None:
    shuffled = Transcript("x", tuple(reversed(segments)))
    starts = re.findall(r"^(\S+) -->", _render(shuffled, "srt"), re.MULTILINE)
    assert starts == sorted(starts)


@given(_segments.filter(bool))
def test_spread_words_fill_their_segment_in_order(segments: tuple[Segment, ...]) -> None:
    answer = json.loads(_render(Transcript("x", segments), "verbose_json", BOTH))
    assert [word["word"] for word in answer["words"]] == [word for s in segments for word in s.text.split()]
    assert all(word["start"] <= word["end"] for word in answer["words"])
    one = json.loads(_render(Transcript("x", segments[:1]), "verbose_json", BOTH))["words"]
    if one:
        assert one[0]["start"] == pytest.approx(segments[0].start, abs=0.002)
        assert one[-1]["end"] == pytest.approx(segments[0].end, abs=0.002)


def test_a_text_alone_becomes_one_segment() -> None:
    known = json.loads(_render(Transcript("hello there", duration=3.5), "verbose_json", BOTH))
    assert [(s["start"], s["end"], s["text"]) for s in known["segments"]] == [(0.0, 3.5, "hello there")]
    assert [(w["word"], w["start"], w["end"]) for w in known["words"]] == [("hello", 0.0, 1.591), ("there", 1.909, 3.5)]
    guessed = json.loads(_render(Transcript("x" * 150), "verbose_json"))
    assert (guessed["duration"], "usage" in guessed) == (10.0, False)


def test_media_types() -> None:
    kinds = {form: render_transcript(Transcript("a"), form, NONE)[1] for form in FORMATS}
    assert kinds["json"] == kinds["verbose_json"] == JSON
    assert kinds["text"].startswith("text/plain") and kinds["vtt"].startswith("text/vtt")
    assert _render(Transcript("a"), "text") == "a\n"


def test_a_translation_is_english() -> None:
    answer = json.loads(_render(_parse({"text": "a", "language": "de"}, task="translate"), "verbose_json"))
    assert (answer["task"], answer["language"]) == ("translate", "english")


# --- streaming ---------------------------------------------------------------------------------------------


@given(_segments, _text, st.booleans())
def test_events_add_up_to_the_text(segments: tuple[Segment, ...], text: str, joined: bool) -> None:
    whole = " ".join(s.text for s in segments) if joined else text
    *deltas, done, end = transcript_events(Transcript(whole, segments))
    parsed = [TranscriptionTextDeltaEvent.model_validate_json(data_of(event) or b"", strict=True) for event in deltas]
    assert "".join(event.delta for event in parsed) == whole
    assert TranscriptionTextDoneEvent.model_validate_json(data_of(done) or b"", strict=True).text == whole
    assert end == DONE


# --- what may be asked -------------------------------------------------------------------------------------


def test_options() -> None:
    asked: dict[str, str | list[str]] = {
        "response_format": "verbose_json",
        "timestamp_granularities": ["word"],
        "language": "German",
        "temperature": "0.5",
        "prompt": "Names: Ada",
    }
    assert validate_audio_fields(asked) == AudioOptions("verbose_json", frozenset({"word"}), "de", 0.5, "Names: Ada")
    assert validate_audio_fields({}) == AudioOptions()
    assert validate_audio_fields({"response_format": "verbose_json"}).granularities == {"segment"}
    assert [validate_audio_fields({"language": text}).language for text in ("EN", "en-US", "auto", "")] == [
        "en",
        "en",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("fields", "param", "hint"),
    [
        ({"response_format": "xml"}, "response_format", "srt"),
        ({"response_format": ["json"]}, "response_format", "one value"),
        ({"temperature": "1.5"}, "temperature", "from 0 to 1"),
        ({"temperature": "nan"}, "temperature", "from 0 to 1"),
        ({"temperature": "hot"}, "temperature", "from 0 to 1"),
        ({"language": "klingon"}, "language", "ISO-639-1"),
        ({"language": "xx"}, "language", "ISO-639-1"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities", "verbose_json"),
        ({"timestamp_granularities": "line", "response_format": "verbose_json"}, "timestamp_granularities", "segment"),
        ({"prompt": "x" * 20_000}, "prompt", "at most"),
    ],
)
def test_wrong_options_say_what_is_right(fields: dict[str, Any], param: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate_audio_fields(fields)
    assert caught.value.param == param and hint in caught.value.message


# --- files -------------------------------------------------------------------------------------------------


def _wav(seconds: float, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\0\0" * int(rate * seconds))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (_wav(0.1), "audio/wav"),
        (b"ID3\x04" + b"\0" * 20, "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + b"\0" * 20, "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"\0\0\0\x1cftypM4A \0\0", "audio/mp4"),
        (b"\0\0\0\x1cftypisom\0\0", "video/mp4"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01webm", "audio/webm"),
        (b"OggS\0\x02", "audio/ogg"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"\0\0\x01\xba\x44", "video/mpeg"),
    ],
)
def test_audio_is_known_by_its_first_bytes(data: bytes, media_type: str) -> None:
    assert sniff_audio(data, "a.txt") == media_type


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%PDF-1.4",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        "{}".encode("utf-16"),
        b"RIFF0000WEBP",
        b"\xff",
    ],
)
def test_what_is_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sniff_audio(data, "speech.mp3")
    assert caught.value.param == "file" and "speech.mp3" in caught.value.message


def test_durations() -> None:
    assert audio_duration(_wav(1.5)) == pytest.approx(1.5)
    assert audio_duration(_wav(1.5)[:-16_000]) == pytest.approx(1.0)
    info = (44_100 << 44 | 1 << 41 | 15 << 36 | 88_200).to_bytes(8, "big")
    assert audio_duration(b"fLaC\0\0\0\x22" + b"\0" * 10 + info + b"\0" * 16) == 2.0
    assert audio_duration(b"ID3") is None


@given(
    st.binary(max_size=80), st.sampled_from([b"RIFF\0\0\0\0WAVE", b"fLaC\0\0\0\x22", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"])
)
def test_lying_headers_give_nothing_absurd(tail: bytes, head: bytes) -> None:
    seconds = audio_duration(head + tail)
    assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= 86_400)


def test_word_is_a_plain_value() -> None:
    assert Word("a", 0, 1) == Word("a", 0, 1, None)
