"""`gateway keys` and `gateway users`, as people run them."""

import os
import subprocess
import sys
from pathlib import Path

PASSWORD = "correct horse battery\n"


def gateway(folder: Path, *words: str, typed: str = "") -> str:
    """What the command printed. Whatever it complains of fails the test."""
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(folder / "state"), "COLUMNS": "250"}
    command = [sys.executable, "-m", "gateway", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, input=typed, timeout=60, check=False
    )
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
