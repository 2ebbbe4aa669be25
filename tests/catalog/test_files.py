"""Names, copies, versions: nothing leaves its folder, nothing grows without bound, nothing half-written is read.

Rows of docs/acceptance.md: A001-12, A004-06.
"""

import gzip
import stat
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.changes import Change, ChangeKind, changes
from gateway.catalog.files import read_bytes, safe_name, write_json
from gateway.catalog.history import History
from gateway.catalog.raw import Listing
from gateway.catalog.shelf import Shelf
from gateway.errors import InvalidRequest, NotFound

DAY = 86_400_000


@given(st.text(max_size=300))
def test_a_name_never_leaves_its_folder(text: str) -> None:
    name = safe_name(text)
    assert name and len(name) <= 120 and name.isascii()
    assert not set(name) & set("./\\:\0 ") and (Path("/folder") / name).parent == Path("/folder")


@given(st.text(max_size=60), st.text(max_size=60))
def test_two_names_are_two_files(one: str, other: str) -> None:
    same = one.encode("utf-8", "replace") == other.encode("utf-8", "replace")
    assert (safe_name(one) == safe_name(other)) == same


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ".", "", "/etc", "a\0b", "C:\\x", "x" * 5000, "models\n"])
async def test_what_callers_ask_for_stays_on_the_shelf(tmp_path: Path, name: str) -> None:
    shelf = Shelf(tmp_path / "in")
    await shelf.put(Listing(name=name, template=name).key, {"items": []})
    (file,) = (tmp_path / "in").iterdir()
    assert file.resolve().parent == (tmp_path / "in").resolve() and file.name.startswith("models_p0_l100_t")
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


def test_the_key_of_a_listing_tells_all_that_was_asked() -> None:
    assert Listing().key == "models_p0_l100_tnull_nnull_pubtrue_schtrue_ownfalse"
    different = {
        Listing(page=1), Listing(limit=5), Listing(template="vllm"), Listing(name="x"), Listing(include_public=False),
        Listing(include_schemas=False), Listing(own=True), Listing(), Listing(name="null"), Listing(template="null"),
        Listing(name="%null"), Listing(template="a_nb", name="c"), Listing(template="a", name="b_nc"),
    }  # fmt: skip
    assert len({one.key for one in different}) == len(different)


def test_files_are_readable_by_their_owner_alone_and_leave_nothing_beside(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"x": 1})
    write_json(tmp_path / "deep" / "a.json", {"x": 2})
    (file,) = (tmp_path / "deep").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and orjson.loads(file.read_bytes()) == {"x": 2}
    assert read_bytes(file, limit=3) is None and read_bytes(tmp_path / "none") is None


async def test_the_shelf_is_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, most=3)
    for n in range(5):
        await shelf.put(f"c{n}", n)
        await shelf.get("c0") if n < 3 else None
    assert [name for name, _ in shelf.entries()] == ["c0", "c3", "c4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c0.json", "c3.json", "c4.json"]
    small = Shelf(tmp_path / "small", most_bytes=1000)
    for n in range(5):
        await small.put(f"c{n}", "x" * 400)
    assert len(small.entries()) == 2


async def test_what_earlier_starts_left_does_not_pile_up(tmp_path: Path) -> None:
    for start in range(3):
        shelf = Shelf(tmp_path, most=4)
        for n in range(4):
            await shelf.put(f"asked-{start}-{n}", {})
    assert len(list(tmp_path.iterdir())) <= 8
    small = Shelf(tmp_path, most_bytes=1)
    await small.put("last", {})
    assert [path.name for path in tmp_path.iterdir()] == ["last.json"]
    assert await small.get("last")


async def test_an_invalidated_copy_is_kept_but_never_fresh(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, lambda: 1000)
    await shelf.put("a", 1)
    assert shelf.invalidate() == 1
    copy = await shelf.get("a")
    assert copy is not None and copy.document == 1 and not copy.fresh(1000, 60)


# --- versions --------------------------------------------------------------------------------------------


def version(price: float, hot: bool = True) -> dict[str, dict[str, object]]:
    return {"org/a": {"name": "a", "gateway": "chutes", "price_input": price, "hot": hot}}


def test_a_version_is_kept_only_where_something_lasting_changed(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert [history.keep(1, version(0.1)), history.keep(2, version(0.1, hot=False)), history.keep(3, version(0.2))] == [
        True, False, True,
    ]  # fmt: skip
    assert history.versions() == [1, 3] and History(tmp_path).keep(4, version(0.2)) is False
    assert history.load(1)["org/a"]["price_input"] == 0.1


def test_versions_are_bounded_by_number_and_age(tmp_path: Path) -> None:
    history = History(tmp_path / "few", most=3)
    for n in range(1, 7):
        history.keep(n, version(n))
    assert history.versions() == [4, 5, 6]
    old = History(tmp_path / "old", days=2)
    for day in range(5):
        old.keep(1 + day * DAY, version(day))
    assert old.versions() == [1 + 2 * DAY, 1 + 3 * DAY, 1 + 4 * DAY]


def test_the_version_of_a_time_is_the_one_that_was_valid_then(tmp_path: Path) -> None:
    history = History(tmp_path)
    first, second = 1_790_000_000_000, 1_790_000_600_000
    history.keep(first, version(1))
    history.keep(second, version(2))
    assert history.version_at(str(second - 1)) == first and history.version_at(str(second)) == second
    assert history.version_at("2020-01-01T00:00:00Z") == first and history.version_at("2099-01-01") == second


@pytest.mark.parametrize("text", ["yesterday", "2026-11-21T08:00 GMT", "2026-11-21T08:00:00 1", " "])
def test_what_is_no_time_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no time"):
        History(tmp_path).version_at(text)


@pytest.mark.parametrize(
    "sent", ["2026-11-21T10:00:00 02:00", "2026-11-21 10:00 0200", "2026-11-21T08:00:00.000 00:00"]
)
def test_a_zone_whose_plus_became_a_space_is_understood(tmp_path: Path, sent: str) -> None:
    """As addresses have it where nobody encoded the plus."""
    history, at = History(tmp_path), 1_795_248_000_000
    for n, moment in enumerate((at - 1, at, at + 1)):
        history.keep(moment, version(n))
    assert history.version_at(sent) == at
    assert history.version_at("2026-11-21 08:00") == at, "a space before the time stays one"


@pytest.mark.parametrize(
    "body",
    [b"", b"x", gzip.compress(b"[]"), gzip.compress(b"{"), gzip.compress(b'{"models":1}')],
    ids=["empty", "no gzip", "a list", "cut JSON", "no list of models"],
)
def test_a_broken_version_is_as_good_as_none(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "5.json.gz").write_bytes(body)
    (tmp_path / "notes.json.gz").write_bytes(b"x")
    history = History(tmp_path)
    assert history.versions() == [5] and history.series("org/a") == []
    with pytest.raises(NotFound):
        history.load(5)
    assert history.keep(9, version(1)) is True


def test_an_empty_history_says_so(tmp_path: Path) -> None:
    assert History(None).keep(1, version(1)) is False and History(None).versions() == []
    with pytest.raises(NotFound, match="no versions"):
        History(tmp_path / "none").version_at("1")


def test_a_value_that_becomes_unknown_is_no_change_but_a_first_price_is() -> None:
    before = {"a": {"price_input": 1.0, "context_length": 5}, "b": {}}
    after = {"a": {}, "b": {"price_input": 2.0, "context_length": 7}}
    assert changes(before, after) == (Change(ChangeKind.PRICE, "b", "price_input", None, 2.0),)
    assert changes(before, before) == ()
