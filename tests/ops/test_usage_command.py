"""`gateway usage`, as people run it."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

from gateway.store.records import Audit, Put, Resource
from gateway.store.store import Store
from tests.usage.conftest import row


def gateway(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(folder / "state"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


async def filled(folder: Path) -> None:
    store = await Store.open(None, folder / "state")
    await store.write(
        [Put(Resource.APIKEYS, "k1", {"name": "Ada, laptop"})], Audit("tester", "create", "apikeys", "k1")
    )
    now = time.time()
    rows = [
        row("r1", now - 60, route="fast", input_tokens=100, output_tokens=20, cost_nanos=1_500_000, latency_ms=200.0),
        row("r2", now - 50, route="fast", status=502, error_code="upstream_error", provider_id=""),
        row("r3", now - 40, route="slow", key_id="k2", input_tokens=7, output_tokens=3, cost_nanos=500),
        row("r4", now - 90_000, route="old"),
    ]
    await store.append(rows, [])
    await store.close()


async def test_a_table_of_the_last_day_by_model_with_the_sum(tmp_path: Path) -> None:
    await filled(tmp_path)
    done = gateway(tmp_path, "usage")
    assert done.returncode == 0, done.stderr
    head, *lines = [line.split() for line in done.stdout.splitlines()]
    assert head[:2] == ["model", "requests"]
    assert [line[:2] for line in lines] == [["fast", "2"], ["slow", "1"], ["(all)", "3"]]
    assert lines[0][2:6] == ["50", "100", "20", "0.0015"]


async def test_other_rows_and_a_longer_time_as_csv_that_programs_can_read(tmp_path: Path) -> None:
    await filled(tmp_path)
    done = gateway(tmp_path, "usage", "--since", "2d", "--by", "key", "--csv")
    assert done.returncode == 0, done.stderr
    read = {line["key"]: line for line in csv.DictReader(done.stdout.splitlines())}
    assert set(read) == {"Ada, laptop", "k2", "(all)"}
    assert read["Ada, laptop"]["requests"] == "3" and read["(all)"]["requests"] == "4"


def test_a_wish_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "--since" in gateway(tmp_path, "usage", "--since", "0s").stderr
    assert "invalid choice" in gateway(tmp_path, "usage", "--by", "weather").stderr


def test_nothing_used_yet_is_a_table_with_zeros(tmp_path: Path) -> None:
    done = gateway(tmp_path, "usage", "--by", "provider")
    assert done.returncode == 0 and done.stdout.splitlines()[-1].split()[:2] == ["(all)", "0"], done.stderr


async def test_names_that_a_spreadsheet_would_run_are_marked_in_csv(tmp_path: Path) -> None:
    """People who are no administrators name their own keys."""
    store = await Store.open(None, tmp_path / "state")
    named = Put(Resource.APIKEYS, "k1", {"name": '=HYPERLINK("http://x")'})
    await store.write([named], Audit("tester", "create", "apikeys", "k1"))
    await store.append([row("r1", time.time() - 60, key_id="k1")], [])
    await store.close()
    done = gateway(tmp_path, "usage", "--by", "key", "--csv")
    assert [line["key"] for line in csv.DictReader(done.stdout.splitlines())] == ['\'=HYPERLINK("http://x")', "(all)"]
