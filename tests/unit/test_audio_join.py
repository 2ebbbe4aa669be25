"""Transcripts of pieces joined to that of the whole: text, times, words told twice, languages, speakers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.openai_api.audio import Segment, Transcript, Word
from gateway.openai_api.audio_events import closing_events, text_deltas, transcript_events
from gateway.openai_api.audio_join import Part, Seams, gap, joined, placed
from gateway.openai_api.audio_seams import tell_once, without_first, without_last

WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima"]


def said(words: list[Word], timed: str = "words", language: str | None = "en") -> Transcript:
    """As an upstream tells it: with words, with segments of three words, or as text only."""
    text = " ".join(word.word for word in words)
    if timed == "nothing":
        return Transcript(text, language=language)
    groups = [tuple(words[at : at + 3]) for at in range(0, len(words), 3)]
    return Transcript(
        text,
        tuple(
            Segment(" ".join(w.word for w in group), group[0].start, group[-1].end, group if timed == "words" else ())
            for group in groups
        ),
        language,
    )


def settled(parts: list[Part]) -> list[Part]:
    seams = Seams()
    return [done for part in parts for done in seams.add(part)]


def heard(words: list[Word], start: float, begins: float, ends: float, end: float, number: int, timed: str) -> Part:
    """The words that sound between `start` and `end` of a recording, as the piece tells them in its own time."""
    own = [Word(w.word, w.start - start, w.end - start) for w in words if w.start >= start and w.end <= end]
    return Part(placed(said(own, timed), start, number), begins, ends, end > ends)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Word], list[float]]:
    """Words with pauses between them, and cuts in some of the pauses."""
    words: list[Word] = []
    cuts: list[float] = []
    now = 0.0
    for text in draw(st.lists(st.sampled_from(WORDS), min_size=2, max_size=40)):
        pause, length = draw(st.integers(1, 9)) / 10, draw(st.integers(1, 9)) / 10
        if bool(words) and draw(st.booleans()):
            cuts.append(round(now + pause / 2, 3))
        words.append(Word(text, round(now + pause, 3), round(now + pause + length, 3)))
        now = words[-1].end
    return words, cuts


@given(recordings(), st.sampled_from(["words", "segments", "nothing"]))
def test_pieces_of_a_known_transcript_give_the_whole(recording: tuple[list[Word], list[float]], timed: str) -> None:
    words, cuts = recording
    edges = [0.0, *cuts, words[-1].end + 0.5]
    parts = [heard(words, low, low, high, high, n, timed) for n, (low, high) in enumerate(pairwise(edges), 1)]
    whole = joined(settled(parts))
    assert whole.text == " ".join(word.word for word in words)
    assert " ".join(segment.text for segment in whole.segments) == whole.text
    assert whole.duration == edges[-1]
    if timed == "words":
        found = [word for segment in whole.segments for word in segment.words]
        assert [word.word for word in found] == [word.word for word in words]
        assert all(abs(one.start - other.start) < 0.002 for one, other in zip(found, words, strict=True))
    starts = [segment.start for segment in whole.segments]
    assert starts == sorted(starts)
    assert all(one.end <= other.start + 0.001 for one, other in pairwise(whole.segments))


@given(
    st.lists(st.sampled_from(WORDS), min_size=20, max_size=60),
    st.integers(6, 14),
    st.sampled_from(["words", "segments"]),
)
def test_what_both_tell_in_an_overlap_is_told_once(texts: list[str], at: int, timed: str) -> None:
    """Every piece hears a second more on each side of its cuts, which go through words; no word follows itself."""
    texts = [text for n, text in enumerate(texts) if n == 0 or text != texts[n - 1]]
    words = [Word(text, n * 0.4 + 0.02, n * 0.4 + 0.38) for n, text in enumerate(texts)]
    cut, end = at * 0.4 + 0.2, len(words) * 0.4
    if cut + 1.5 > end:
        return
    first = heard(words, 0.0, 0.0, cut, cut + 1.0, 1, timed)
    second = heard(words, cut - 1.0, cut, end, end, 2, timed)
    whole = joined(settled([first, second]))
    assert whole.text == " ".join(texts)
    assert " ".join(segment.text for segment in whole.segments) == whole.text
    starts = [segment.start for segment in whole.segments]
    assert starts == sorted(starts)


@given(st.lists(st.tuples(st.text("ab 日本。-'", max_size=20), st.booleans()), max_size=6), st.integers(0, 30))
def test_any_text_survives(texts: list[tuple[str, bool]], count: int) -> None:
    """Seams never fail, times stay inside of their pieces, and taking away more than there is leaves nothing."""
    parts = [
        Part(Transcript(text.strip(), (Segment(text.strip(), -3.0, 99.0),)), n, n + 1, overlaps)
        for n, (text, overlaps) in enumerate(texts)
    ]
    parts.append(Part(Transcript("end"), len(parts), len(parts) + 1.0))
    found = settled(parts)
    assert len(found) == len(parts)
    for part in found:
        assert all(part.begins <= one.start <= one.end <= part.ends for one in part.transcript.segments)
    for part in parts[:-1]:
        for left in (without_first(part.transcript, count), without_last(part.transcript, count)):
            assert len(left.text) <= len(part.transcript.text)
            assert "".join(segment.text for segment in left.segments).split() == left.text.split()


def test_a_word_that_both_cut_in_the_middle() -> None:
    before = Transcript("we went to the house of my gran")
    after = Transcript("ouse of my grandmother last week")
    first, second = tell_once(before, after, 10.0)
    assert f"{first.text} {second.text}" == "we went to the house of my grandmother last week"


def test_a_word_that_was_said_several_times() -> None:
    first, second = tell_once(Transcript("call five five"), Transcript("five five seven"), 10.0)
    assert f"{first.text} {second.text}" == "call five five seven"


def test_case_and_punctuation_do_not_matter() -> None:
    first, second = tell_once(Transcript("That is all, folks."), Transcript("All folks! Good night."), 10.0)
    assert (first.text, second.text) == ("That is all, folks.", "Good night.")


def test_without_common_words_times_decide_and_without_times_all_stays() -> None:
    before = Transcript("one two", (Segment("one two", 8.0, 11.0, (Word("one", 8, 9), Word("two", 10.2, 11))),))
    after = Transcript("too three", (Segment("too three", 9.5, 13, (Word("too", 10.3, 11), Word("three", 12, 13))),))
    first, second = tell_once(before, after, 10.0)
    assert (first.text, second.text) == ("one", "too three")
    assert (first.segments[0].end, second.segments[0].start) == (9, 9.5)
    first, second = tell_once(Transcript("one two"), Transcript("three four"), 10.0)
    assert (first.text, second.text) == ("one two", "three four")


def test_scripts_without_spaces_are_joined_without_one() -> None:
    assert gap("今日は", "いい") == "" and gap("Hello.", "How") == " " and gap("안녕", "하세요") == " "
    assert gap("", "x") == gap("x", "") == ""
    parts = [Part(Transcript("今日はいい天気"), 0, 5, True), Part(Transcript("天気ですね"), 5, 9)]
    assert joined(settled(parts)).text == "今日はいい天気ですね"


def test_the_language_is_that_of_most_of_the_speech() -> None:
    parts = [Part(Transcript("a", language="en"), 0, 10), Part(Transcript("b", language="de"), 10, 30)]
    silence = Part(Transcript("", language="fr"), 30, 99)
    assert joined([*parts, silence]).language == "de"
    assert joined([silence]).language == "fr"
    assert joined([Part(Transcript(""), 0, 1)]).language is None


def test_speakers_and_seeks_of_a_piece() -> None:
    segment = Segment("hi", 1.0, 2.0, (), (("speaker", "A"), ("seek", 20), ("avg_logprob", -0.5)))
    (moved,) = placed(Transcript("hi", (segment,)), 60.0, 2).segments
    assert (moved.start, moved.end) == (61.0, 62.0)
    assert dict(moved.extra) == {"speaker": "2:A", "seek": 6020, "avg_logprob": -0.5}


def test_silence_in_the_middle_leaves_no_trace() -> None:
    parts = [Part(Transcript("a"), 0, 5), Part(Transcript(""), 5, 10), Part(Transcript("b"), 10, 15)]
    whole = joined(settled(parts))
    assert whole.text == "a b"
    assert [(segment.start, segment.end) for segment in whole.segments] == [(0, 5), (10, 15)]


@given(st.lists(st.text("ab 日c", max_size=12).map(str.strip), min_size=1, max_size=5))
def test_deltas_of_the_parts_add_up_to_the_text(texts: list[str]) -> None:
    parts = [Part(Transcript(text), n, n + 1.0) for n, text in enumerate(texts)]
    said_so_far, events = "", []
    for part in parts:
        between = gap(said_so_far, part.transcript.text)
        said_so_far += between + part.transcript.text
        events += text_deltas(part.transcript, between)
    assert said_so_far == joined(parts).text
    assert closing_events(said_so_far) == transcript_events(Transcript(said_so_far))[-2:]
    assert len(events) == len([text for text in texts if text])
