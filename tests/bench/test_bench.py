"""The benchmark: its statistics, its tools, and a tiny run from end to end. Nothing here looks at speed.

Rows of docs/acceptance.md: A002-35.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from math import isnan
from pathlib import Path

import pytest

from bench.__main__ import main, put_into
from bench.alone import Alone
from bench.bodies import UNIQUE, body_of, png
from bench.figures import NOTHING, Sample, between, least, middle, paired_difference, paired_ratio
from bench.goals import Goal, goals
from bench.scenarios import SCENARIOS, Rounds, Scenario, build_tools, load_command, long_enough
from bench.targets import ROOT, Target, gateway_document, start_mock
from gateway.settings import load_settings

needs_tools = pytest.mark.skipif(not (shutil.which("cc") and shutil.which("taskset")), reason="needs a C compiler")


def sample(rate: float, cpu: float = 1.0, p50: float = 1.0) -> Sample:
    return Sample(rate, cpu, p50, p50, 0.0, 0, 1.0)


def rate(one: Sample) -> float:
    return one.rate


def test_ratios_are_taken_within_a_round_and_then_their_median() -> None:
    ours, theirs = [sample(10), sample(40), sample(90)], [sample(5), sample(10), sample(10)]
    assert paired_ratio(ours, theirs, rate) == 4
    assert paired_difference(ours, theirs, rate) == 30


def test_rounds_in_which_one_is_missing_do_not_count() -> None:
    assert paired_ratio([sample(10), None, sample(9)], [sample(5), sample(1), sample(0)], rate) == 2
    assert isnan(paired_ratio([], [sample(1)], rate))
    assert isnan(middle([None], rate))


def test_a_target_that_served_nothing_has_no_figures() -> None:
    assert isnan(middle([sample(0, cpu=7)], lambda one: one.cpu_us))
    assert least([sample(0, cpu=1), sample(5, cpu=3)], lambda one: one.cpu_us) == 3


def test_what_stands_beside_a_sample_is_the_mean_of_the_turns_around_it() -> None:
    """A core that becomes twice as slow in the course of three turns changes no ratio."""
    ours = between([sample(300, cpu=100), sample(100, cpu=300)])
    assert (ours.rate, ours.cpu_us) == (200, 200)


def test_a_turn_that_served_nothing_does_not_make_a_request_cheaper() -> None:
    ours = between([sample(300, cpu=100), sample(0, cpu=0, p50=NOTHING)])
    assert (ours.rate, ours.cpu_us, ours.p50) == (150, 100, 1)


@pytest.mark.parametrize(
    ("before", "seconds"),
    [([], 1.5), ([None], 1.5), ([sample(120)], 15), ([sample(120), sample(5000)], 1.5)],
    ids=["first", "failed", "three answers a caller", "many"],
)
def test_a_target_whose_answers_come_in_a_few_waves_gets_longer_turns(
    before: list[Sample | None], seconds: float
) -> None:
    scenario = next(one for one in SCENARIOS if one.name == "chat64")
    assert long_enough(before, scenario, 1.5) == seconds


def test_a_goal_is_judged_by_what_the_gateway_did_beside_that_peer() -> None:
    rounds = Rounds(
        {"nginx": [sample(1, cpu=10)], "gateway": [sample(1, cpu=90)]},
        {"nginx": [sample(1, cpu=50)], "gateway": [sample(1, cpu=90)]},
    )
    assert goals({"chat64": rounds}, Alone())[0].value == 5


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [(7, False, "**not met**"), (5, False, "met"), (2, False, "met, stretch too"), (7, True, "met, stretch too")],
)
def test_verdicts(value: float, at_least: bool, verdict: str) -> None:
    must, stretch = (3, 6) if at_least else (6, 3)
    assert Goal("figure", value, must, stretch, at_least=at_least).verdict == verdict


def test_what_was_not_measured_is_not_met() -> None:
    assert {goal.verdict for goal in goals({}, Alone())} == {"not measured"}


def test_the_picture_is_a_real_one() -> None:
    picture = png(8)
    length = int.from_bytes(picture[33:37], "big")
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(zlib.decompress(picture[41 : 41 + length])) == 8 * (1 + 8 * 3)


def test_the_bodies_have_the_sizes_they_are_named_by() -> None:
    assert 900_000 < len(body_of("image", "m", "e")) < 1_200_000
    assert 18_000 < len(body_of("long", "m", "e")) < 24_000


def test_the_gateways_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(gateway_document(9000, 8000, keys=3, models=4)))
    settings = load_settings({"ALLOW_PRIVATE_UPSTREAMS": "1"}, file).settings
    assert len(settings.providers["mock"].models) == 6
    file.write_text(json.dumps(gateway_document(9000, 8000, limited=True)))
    settings = load_settings({"ALLOW_PRIVATE_UPSTREAMS": "1"}, file).settings
    assert settings.keys[0].budget_usd and settings.prices


def test_results_replace_what_stood_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    put_into(page, "new\n")
    assert page.read_text() == "before\n<!-- results -->\nnew\n<!-- /results -->\nafter\n"


@pytest.mark.parametrize(("text", "told"), [(None, "cannot be read: No such file"), ("no marks", "has no lines")])
def test_a_page_that_cannot_take_the_results_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, told: str
) -> None:
    page = tmp_path / "page.md"
    if text is not None:
        page.write_text(text)
    with pytest.raises(SystemExit):
        main(["--write", str(page)])
    assert told in capsys.readouterr().err


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Target]:
    build_tools()
    target = start_mock(tmp_path, 600)
    target.wait(60)
    yield target
    target.server.stop()


def ask(target: Target, scenario: Scenario, folder: Path, requests: int) -> dict[str, int]:
    command = load_command(target, scenario, ["-n", str(requests), "-d", "120", "-w", "0"], folder)
    found: dict[str, int] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


@needs_tools
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_mock_answers_every_scenario(mock: Target, scenario: Scenario, tmp_path: Path) -> None:
    found = ask(mock, scenario, tmp_path, 3)
    assert (found["requests"], found["bad_status"], found["broken"], found["wrong_content"]) == (3, 0, 0, 0)
    assert bool(found["events"]) == scenario.streams


@needs_tools
def test_streams_bring_back_their_requests_number(mock: Target, tmp_path: Path) -> None:
    scenario = Scenario("checked", "checked", "short", 8, streams=True)
    call = {"model": "m", "stream": True, "max_tokens": 5, "seed": 1000, "user": UNIQUE, "messages": [{"role": "user"}]}
    (tmp_path / "direct.short.json").write_text(json.dumps(call))
    found = ask(mock, scenario, tmp_path, 20)
    assert (found["requests"], found["wrong_content"], found["events"]) == (20, 0, 20 * (5 + 3))


@needs_tools
def test_a_stream_with_anothers_content_is_wrong(mock: Target, tmp_path: Path) -> None:
    scenario = Scenario("checked", "checked", "mixed", 2, streams=True)
    call = {
        "model": "m",
        "stream": True,
        "max_tokens": 5,
        "seed": 1000,
        "user": "another",
        "name": UNIQUE,
        "messages": [],
    }
    (tmp_path / "direct.mixed.json").write_text(json.dumps(call))
    assert ask(mock, scenario, tmp_path, 4)["wrong_content"] == 4


@needs_tools
@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_a_tiny_run_gives_tables(capsys: pytest.CaptureFixture[str]) -> None:
    targets = ["--targets", "node,gateway", "--scenarios", "chat64,events", "--rounds", "1", "--seconds", "0.4"]
    assert main([*targets, "--no-alone"]) == 0
    told = capsys.readouterr()
    rows = [line for line in told.out.splitlines() if line.startswith(("| node proxy |", "| gateway |"))]
    assert len(rows) == 4
    assert "### Chat, 64 callers" in told.out
    assert f"requests a second, chat, 64 callers, against node proxy | ≥ 1.5× | ≥ 3× | {_cell(rows[0], 3)}" in told.out
    turns = [line.split()[0] for line in told.err.splitlines() if line.startswith("  ")]
    assert [turns[n : n + 5 : 2] for n in range(0, 20, 5)] == [["gateway"] * 3] * 4, told.err


@needs_tools
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_run_that_is_stopped_leaves_no_server_behind(tmp_path: Path, number: signal.Signals, status: int) -> None:
    build_tools()
    command = [sys.executable, "-m", "bench", "--targets", "gateway", "--scenarios", "chat1", "--seconds", "30"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=env, preexec_fn=_heed_interrupts) as bench:
        while bench.poll() is None and len(_working_in(tmp_path)) < 3:  # the mock, the gateway and the load
            time.sleep(0.05)
        bench.send_signal(number)
        assert bench.wait(30) == status
    assert not _working_in(tmp_path)


def _heed_interrupts() -> None:
    """Shells have what they start in the background ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _working_in(folder: Path) -> list[str]:
    """The processes that run in the folder or have an argument that names it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            place, arguments = (process / "cwd").readlink(), (process / "cmdline").read_bytes()
            if place.is_relative_to(folder) or os.fsencode(folder) in arguments:
                found.append(process.name)
    return found


def _cell(row: str, number: int) -> str:
    return row.split("|")[number].strip()
