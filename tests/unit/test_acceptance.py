"""The acceptance page has every promise once, and what it names exists."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/acceptance.md").read_text()
PROMISES = {"A000": 23, "A001": 17, "A002": 36, "A003": 20, "A004": 13}
"""How many each document has."""
ROWS = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in PAGE.splitlines() if line[:4] == "| A0"]
_TEST = re.compile(r"`(tests/[\w/]+/test_\w+\.py)`")
_FILE = re.compile(r"`([\w./-]+\.(?:py|yaml|service)|deploy/Dockerfile)`")


def test_every_promise_has_one_row() -> None:
    wanted = [f"{document}-{n:02}" for document, count in PROMISES.items() for n in range(1, count + 1)]
    assert Counter(row[0] for row in ROWS) == Counter(wanted)


def test_every_row_says_what_there_is_and_where() -> None:
    for id, what, where in ROWS:
        assert what and (_FILE.search(where) or re.search(r"\[[^\]]+\]\([^)]+\)", where)), id


def test_every_file_that_is_named_exists() -> None:
    assert sorted({name for name in _FILE.findall(PAGE) if not (ROOT / name).is_file()}) == []


def test_every_test_that_a_row_names_names_the_row() -> None:
    silent = [
        (id, name) for id, _, where in ROWS for name in _TEST.findall(where) if id not in (ROOT / name).read_text()
    ]
    assert silent == []
