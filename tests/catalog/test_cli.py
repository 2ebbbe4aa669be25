"""`gateway catalog`: tables, JSON, files, and what it says when it cannot.

Rows of docs/acceptance.md: A004-12.
"""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.tables import table
from tests.catalog.documents import tokens
from tests.catalog.platform import FakePlatform


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: FakePlatform) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GATEWAY_CONFIG", "STATE_DIR", "CHUTES_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHUTES_API_URL", platform.url)
    monkeypatch.setenv("CHUTES_BASE_URL", platform.url)
    monkeypatch.setenv("CHUTES_API_KEY", "cpk_account")
    monkeypatch.setenv("ALLOW_PRIVATE_UPSTREAMS", "1")
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


Printed = pytest.CaptureFixture[str]


def said(capsys: Printed, *arguments: str) -> str:
    main(["catalog", *arguments])
    return capsys.readouterr().out


def test_without_a_refresh_the_bundled_snapshot_is_listed(capsys: Printed, platform: FakePlatform) -> None:
    out = said(capsys, "list", "--type", "Video")
    assert "wan2.1-14b" in out and "1 of 1 models" in out and "gateway catalog refresh" in out
    assert platform.server.requests == []


def test_types_are_those_of_the_gateway_and_those_of_chutes(capsys: Printed) -> None:
    assert "1 of 1 models" in said(capsys, "list", "--type", "transcription")
    assert "1 of 1 models" in said(capsys, "list", "--type", "Speech to Text")
    with pytest.raises(SystemExit, match=r"error: 'type': there is no type 'llms' \(known: chat, .*, LLM, "):
        main(["catalog", "list", "--type", "LLMs"])
    with pytest.raises(SystemExit, match="0"):
        main(["catalog", "list", "--help"])
    assert "only of these types, with commas: chat, embedding," in " ".join(capsys.readouterr().out.split())


def test_a_refresh_tells_of_each_source_and_later_commands_know_it(capsys: Printed, desk: Path) -> None:
    main(["catalog", "refresh"])
    printed = capsys.readouterr()
    assert "llm                      asked" in printed.err and "11 models" in printed.out
    assert (desk / "state" / "catalog" / "chutes.json").exists()
    assert "11 of 11 models" in said(capsys, "list", "--origin", "chutes,llm")
    assert "10 of 10 models" in said(capsys, "list", "--gpu", "h200")
    out = said(capsys, "list", "--sort=-price_input", "--limit", "1", "--provider", "Qwen,deepseek-ai")
    assert "deepseek-ai/DeepSeek-R1" in out and "1 of 3 models. As of the last refresh." in out


def test_json_is_what_the_api_answers(capsys: Printed) -> None:
    assert json.loads(said(capsys, "refresh", "--json"))["models"] == 11
    found = json.loads(said(capsys, "list", "--json", "--q", "whisper"))
    assert found[0]["id"] == "whisper-large-v3" and found[0]["type"] == "transcription"
    assert json.loads(said(capsys, "report", "--json"))["models"] == 11
    assert json.loads(said(capsys, "show", "c-r1", "--json"))["provenance"]["context_length"] == "llm"


def test_show_names_the_source_of_a_value(capsys: Printed) -> None:
    said(capsys, "refresh")
    lines = said(capsys, "show", "deepseek-ai/DeepSeek-R1").splitlines()
    assert any(line.split()[:2] == ["context_length", "131072"] and line.endswith("llm") for line in lines)
    with pytest.raises(SystemExit, match=r"error: the catalog has no model 'wisper-large-v3' \(closest: whisper"):
        main(["catalog", "show", "wisper-large-v3"])


def test_the_report_counts_by_source_and_shows_conflicts(capsys: Printed) -> None:
    said(capsys, "refresh")
    out = said(capsys, "report")
    assert "matched by chute_id" in out and "Qwen/Qwen3-32B: price_input:" in out


def test_the_diff_shows_what_changed(capsys: Printed, platform: FakePlatform) -> None:
    with pytest.raises(SystemExit, match="error: The catalog has no"):
        main(["catalog", "diff"])
    said(capsys, "refresh")
    platform.chutes[1] = {**platform.chutes[1], "current_estimated_price": tokens(0.5, 0.24)}
    said(capsys, "refresh")
    out = said(capsys, "diff")
    assert "Qwen/Qwen3-32B" in out and "0.08" in out and "0.5" in out and "1 changes from" in out
    assert json.loads(said(capsys, "diff", "--json"))["total"] == 1


def test_exports_go_to_a_file_or_to_the_terminal(capsys: Printed, desk: Path) -> None:
    said(capsys, "export", "--format", "csv", "--output", "models.csv", "--type", "LLM")
    rows = list(csv.DictReader(io.StringIO((desk / "models.csv").read_text(), newline="")))
    assert len(rows) == 69
    assert said(capsys, "export", "--format", "md", "--type", "Video").splitlines()[2].startswith("| wan2.1-14b |")
    with pytest.raises(SystemExit, match=r"--output: models\.csv/x cannot be written"):
        main(["catalog", "export", "--output", "models.csv/x"])


def test_a_refresh_that_reaches_nobody_says_so_and_fails(capsys: Printed, platform: FakePlatform) -> None:
    platform.faults["*"] = "500"
    with pytest.raises(SystemExit) as ended:
        main(["catalog", "refresh"])
    printed = capsys.readouterr()
    assert ended.value.code == 1 and "104 models" in printed.out and "500" in printed.err


def test_what_cannot_be_asked_ends_with_one_line(capsys: Printed) -> None:
    with pytest.raises(SystemExit, match="error: 'sort': there is no field 'prize_input'"):
        main(["catalog", "list", "--sort", "prize_input"])
    with pytest.raises(SystemExit, match=r"there is no field 'xyz' \(known: active_instances, .*utilization"):
        main(["catalog", "list", "--sort", "xyz"])
    with pytest.raises(SystemExit, match="error: --max-price: Input should be greater than or equal to 0"):
        main(["catalog", "export", "--max-price", "-1"])
    with pytest.raises(SystemExit, match="2"):
        main(["catalog", "list", "--limit", "-1"])
    assert "argument --limit: '-1' is no number of models" in capsys.readouterr().err


def test_a_reader_that_has_had_enough_ends_it_without_a_word(desk: Path) -> None:
    command = [sys.executable, "-m", "gateway", "catalog", "list", "--limit", "0"]
    with subprocess.Popen(command, cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout and running.stderr
        running.stdout.close()
        assert (running.stderr.read(), running.wait(300)) == ("", 141)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_tables_are_never_wider_than_the_terminal(width: int) -> None:
    rows = [("org/a-very-long-name-of-a-model-" * 2, "LLM", 131_072, 0.25), ("模型" * 20, "\x1b[31mred", None, 1e-7)]
    lines = table(("model", "type", "context", "price"), rows, width).splitlines()
    wide = [sum(2 if ord(c) > 0x2E80 else 1 for c in line) for line in lines]
    assert max(wide) <= width and "\x1b" not in "".join(lines)
    assert len(lines) == 3 and ("…" in lines[1]) == (width < 100)


def test_an_empty_table_is_its_head() -> None:
    assert table(("a", "b"), []) == "a  b"
