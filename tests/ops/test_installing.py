"""What the installers say of a Python that cannot run the gateway: one sentence, before anything is made.

Rows of docs/acceptance.md: A002-01.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


def python(path: Path, version: str) -> Path:
    """A stand-in for another version: it fails the question whether it is new enough, and says its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ "$1" = -V ] && {{ echo "Python {version}"; exit 0; }}\nexit 1\n')
    path.chmod(0o755)
    return path


def install(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(REQUIREMENTS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=240)


def only_line(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 1 and not run.stdout
    (line,) = run.stderr.splitlines()
    return line


@pytest.mark.parametrize("version", ["3.10.13", "2.7.18"])
def test_a_python_that_is_too_old_is_named_with_its_version(tmp_path: Path, version: str) -> None:
    old = python(tmp_path / "python3", version)
    told = only_line(install("install-gateway.sh", old, tmp_path / "venv"))
    assert told.startswith(f"error: Python 3.11 or newer is needed; {old} is Python {version}.")
    told = only_line(install("install-engines.sh", "cpu", PYTHON=str(old), ENGINES_VENV=str(tmp_path / "engines")))
    assert told == f"error: Python 3.11 or newer is needed; {old} is Python {version}"
    assert [path.name for path in tmp_path.iterdir()] == ["python3"]


@pytest.mark.parametrize("name", ["python3.99", "/nowhere/bin/python3"])
def test_a_python_that_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    told = only_line(install("install-gateway.sh", name, tmp_path / "venv"))
    assert told == f"error: there is no {name}. Python 3.11 or newer is needed. Try: make run PYTHON=python3.12"
    told = only_line(install("install-engines.sh", "cpu", PYTHON=name, ENGINES_VENV=str(tmp_path / "engines")))
    assert told == f"error: there is no {name}. Python 3.11 or newer is needed"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gone", [False, True])
def test_an_environment_of_an_older_python_is_not_filled_but_named(tmp_path: Path, gone: bool) -> None:
    """As after an upgrade of the system, which takes the Python away that the environment was made with."""
    for script, name in (("install-gateway.sh", "gateway"), ("install-engines.sh", "engines")):
        folder = tmp_path / name / "bin"
        python(folder / "pip", "3.10.13")
        if gone:
            (folder / "python").symlink_to(tmp_path / "removed")
        else:
            python(folder / "python", "3.10.13")
        arguments = (sys.executable, folder.parent) if name == "gateway" else ("cpu",)
        told = only_line(install(script, *arguments, PYTHON=sys.executable, ENGINES_VENV=str(folder.parent)))
        assert told == (
            f"error: {folder.parent} was made with a Python that is gone or older than 3.11. "
            f"Remove that folder and try again"
        )
