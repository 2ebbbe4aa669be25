"""`gateway keys` and `gateway users`, as people run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PASSWORD = "correct horse battery\n"


def run(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(folder / "state"), "COLUMNS": "250"}
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, input=typed, timeout=60, check=False
    )


def gateway(folder: Path, *words: str, typed: str = "") -> str:
    """What the command printed. Whatever it complains of fails the test."""
    done = run(folder, *words, typed=typed)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines()]


def test_a_key_is_made_for_a_user_by_name_and_listed_with_it(tmp_path: Path) -> None:
    gateway(tmp_path, "users", "create", "ada", typed=PASSWORD)
    gateway(tmp_path, "keys", "create", "laptop", "--user", "Ada")
    gateway(tmp_path, "keys", "create", "short", "--expires", "0.001s")
    listed = {row[1]: row for row in rows(gateway(tmp_path, "keys", "list"))}
    assert listed["laptop"][2] == "ada"
    assert (listed["laptop"][-1], listed["short"][-1]) == ("enabled", "expired")


def test_a_user_is_switched_off_on_and_deleted_by_name(tmp_path: Path) -> None:
    gateway(tmp_path, "users", "create", "ada", typed=PASSWORD)
    assert gateway(tmp_path, "users", "disable", "ADA") == "ADA is disabled\n"
    assert rows(gateway(tmp_path, "users", "list"))[1][1:] == ["ada", "user", "0", "disabled"]
    gateway(tmp_path, "users", "enable", "ada")
    assert rows(gateway(tmp_path, "users", "list"))[1][-1] == "enabled"
    gateway(tmp_path, "users", "delete", "ada")
    assert len(rows(gateway(tmp_path, "users", "list"))) == 1


@pytest.mark.parametrize("engines", ["off", "chat"])
def test_a_state_folder_that_cannot_be_is_told_in_one_line(tmp_path: Path, engines: str) -> None:
    (tmp_path / "state").write_text("a file")
    (tmp_path / "gateway.yaml").write_text(
        f"engines: {engines}" if engines == "off" else "engines: {chat: {kind: chat}}"
    )
    done = run(tmp_path, "keys", "list")
    told = re.fullmatch(r"error: STATE_DIR: (.*) cannot be used: [A-Za-z ]+\n", done.stderr)
    assert done.returncode == 1 and told and told[1] == str(tmp_path / "state"), done.stderr


def test_a_start_with_a_file_as_state_folder_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    (tmp_path / "gateway.yaml").write_text("engines: off")
    done = run(tmp_path, "serve", "--port", "0")
    assert done.returncode == 1 and f"STATE_DIR: {tmp_path / 'state'} is no folder" in done.stderr, done.stderr
