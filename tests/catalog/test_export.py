"""Exports: what a spreadsheet or a Markdown reader makes of hostile names.

Rows of docs/acceptance.md: A004-05, A004-09, A004-13.
"""

import csv
import io

import orjson
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.export import COLUMNS, everything, export
from tests.catalog.documents import NOW
from tests.catalog.merging import facts, platform_catalog, row


def table(catalog: Catalog) -> list[dict[str, str]]:
    text = export(catalog, range(len(catalog.models)), "csv").decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_holds_every_column_of_every_model() -> None:
    rows = {one["id"]: one for one in table(platform_catalog())}
    assert len(rows) == 11 and list(rows["kokoro"]) == list(COLUMNS)
    assert rows["Qwen/Qwen3-32B"]["price_input_usd"] == "0.08" and rows["Qwen/Qwen3-32B"]["tee"] == "true"
    assert rows["Qwen/Qwen3-32B"]["features"] == "json_mode tools reasoning" and rows["kokoro"]["tps"] == ""


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_a_cell_that_a_spreadsheet_would_run_is_text(name: str) -> None:
    (found,) = table(Catalog.of([facts("chutes", row(name, "c-1", slug=name))], NOW))
    assert found["id"] == f"'{name}" and found["slug"] == f"'{name}"


def test_cells_with_commas_quotes_and_newlines_stay_one_cell() -> None:
    (found,) = table(Catalog.of([facts("chutes", row('a,"b"\nc', "c-1"))], NOW))
    assert found["id"] == 'a,"b"\nc' and found["chute_id"] == "c-1"


def test_markdown_cells_hold_neither_bars_nor_markup() -> None:
    catalog = Catalog.of([facts("chutes", row("a|b<script>[x](y)_*`", "c-1"))], NOW)
    text = export(catalog, [0], "md").decode()
    head, ruler, line = text.splitlines()
    assert head.count("|") == ruler.count("|") == 10
    assert line.replace("\\|", "").count("|") == 10 and "<script>" not in text and "\\[x\\]" in line


def test_json_is_the_records_themselves() -> None:
    catalog = platform_catalog()
    found = orjson.loads(export(catalog, [1, 0], "json"))
    assert [one["id"] for one in found] == [catalog.models[1].id, catalog.models[0].id]


def test_everything_holds_the_sources_and_the_report() -> None:
    found = everything(platform_catalog(), {"sources": {"chutes": {"timestamp": 1, "data": {}}}})
    assert found["sources"]["chutes"]["timestamp"] == 1 and found["merge"]["models"] == 11
    orjson.dumps(found)
