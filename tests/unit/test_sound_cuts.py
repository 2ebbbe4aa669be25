"""Where recordings are cut: in pauses, and nothing is lost or told twice but where it must be."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.media.cuts import FRAME_BYTES, SECOND, Cut, Stretch, next_cut, stretches

LOUD = 4_000_000
HUSH = 100
levels_of_sound = st.lists(st.integers(0, LOUD), min_size=1, max_size=1500)


def frames(levels: list[int], short: int = FRAME_BYTES) -> Iterator[tuple[bytes, int]]:
    """Each frame tells its own number; the last one has `short` bytes."""
    for number, level in enumerate(levels):
        sound = (number.to_bytes(4, "big") * (FRAME_BYTES // 4))[: short if number == len(levels) - 1 else FRAME_BYTES]
        yield sound, level


def own(piece: Stretch) -> bytes:
    """What it stands for."""
    end = len(piece.sound) - piece.tail * FRAME_BYTES
    return piece.sound[piece.lead * FRAME_BYTES : end]


@given(levels_of_sound, st.integers(10, 400), st.integers(0, 3000), st.integers(2, FRAME_BYTES // 2))
def test_no_sample_is_lost_or_doubled(levels: list[int], most: int, total: int, half: int) -> None:
    whole = b"".join(sound for sound, _ in frames(levels, half * 2))
    pieces = list(stretches(frames(levels, half * 2), total, most))
    assert b"".join(own(piece) for piece in pieces) == whole
    for piece in pieces:
        begin = piece.begin * FRAME_BYTES
        assert piece.sound == whole[begin : begin + len(piece.sound)]
        assert 0 < len(piece.sound) <= most * FRAME_BYTES
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]


@given(levels_of_sound, st.integers(10, 400))
def test_neighbours_tell_the_same_stretch_where_they_overlap(levels: list[int], most: int) -> None:
    pieces = list(stretches(frames(levels), len(levels), most))
    assert pieces[0].lead == pieces[-1].tail == 0
    for before, after in pairwise(pieces):
        assert before.tail == after.lead
        doubled = 2 * before.tail * FRAME_BYTES
        assert doubled == 0 or before.sound[-doubled:] == after.sound[:doubled]


@given(st.integers(2, 6), st.integers(100, 1000))
def test_pieces_are_about_equally_long(count: int, most: int) -> None:
    """However quiet it is everywhere: none is a scrap."""
    total = count * most - most // 3
    pieces = list(stretches(frames([0] * total), total, most))
    lengths = [len(own(piece)) // FRAME_BYTES for piece in pieces]
    assert len(lengths) <= count + 1
    assert min(lengths) >= max(lengths) * 0.6


@given(st.data())
def test_a_cut_is_never_inside_a_word_where_there_is_a_pause(data: st.DataObject) -> None:
    most = data.draw(st.integers(5 * SECOND, 20 * SECOND))
    words = st.tuples(st.integers(1, 2 * SECOND), st.integers(SECOND // 5, SECOND))
    levels: list[int] = []
    while len(levels) < most * 2:
        word, pause = data.draw(words)
        loud, hush = data.draw(st.integers(LOUD // 10, LOUD)), data.draw(st.integers(0, HUSH))
        levels += [loud] * word + [hush] * pause
    cut = next_cut(levels, len(levels), most)
    reach = most // 5
    lowest, highest = most // 5, most
    assume(any(all(level <= HUSH for level in levels[at : at + SECOND // 5]) for at in range(lowest, highest)))
    assert lowest <= cut.at <= most
    if cut.overlap == 0:
        assert levels[cut.at - 1] <= HUSH and levels[cut.at] <= HUSH
    else:
        goal = len(levels) // max(2, -(-len(levels) // (most - reach // 2)))
        window = levels[max(1, goal - reach) : min(goal + reach, most)]
        longest = max(len(run) for run in "".join("." if level <= HUSH else "x" for level in window).split("x"))
        assert longest < SECOND // 5


def test_the_longest_pause_near_the_boundary_is_taken() -> None:
    levels = [LOUD] * 1000
    levels[480:495] = [0] * 15
    levels[520:545] = [0] * 25
    assert next_cut(levels, 1000, 600) == Cut(532)


def test_a_pause_in_a_noisy_room_is_found() -> None:
    levels = [LOUD // 100] * 1000
    for word in range(0, 1000, 40):
        levels[word : word + 25] = [LOUD] * 25
    cut = next_cut(levels, 1000, 600)
    assert cut.overlap == 0 and levels[cut.at - 1] == levels[cut.at] == LOUD // 100


def test_without_a_pause_the_quietest_place_is_told_twice() -> None:
    levels = [LOUD] * 1000
    levels[500:504] = [LOUD // 2] * 4
    cut = next_cut(levels, 1000, 600)
    assert 495 <= cut.at <= 509 and cut.overlap == 600 // 20


def test_a_length_that_was_promised_and_never_came_does_no_harm() -> None:
    pieces = list(stretches(frames([0] * 1000), 10**9, 600))
    assert sum(len(own(piece)) for piece in pieces) == 1000 * FRAME_BYTES
    assert list(stretches(iter(()), 10**9, 600)) == [Stretch(0, b"", last=True)]
