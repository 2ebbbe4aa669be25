"""What is declared twice is declared alike: the extras of the package, and the files that its locks are made from.

Rows of docs/acceptance.md: A002-01.
"""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OF_THE_SCRIPT = {"torch"}
"""Installed by requirements/install-engines.sh, which picks the build for the machine."""


def name(requirement: str) -> str:
    return re.split(r"[\[<>=!;~ ]", requirement, maxsplit=1)[0].lower()


@pytest.mark.parametrize("extra", ["engines-cpu", "engines-gpu"])
def test_an_extra_asks_for_what_its_lock_was_made_from(extra: str) -> None:
    lines = (ROOT / "requirements" / f"{extra}.in").read_text().splitlines()
    listed = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    wanted = {requirement for requirement in EXTRAS[extra] if name(requirement) not in OF_THE_SCRIPT}
    assert wanted <= listed, wanted - listed


@pytest.mark.parametrize("lock", ["gateway", "router", "test", "engines-cpu", "engines-vllm-cpu", "engines-gpu"])
def test_locks_pin_every_package_with_hashes_and_name_no_host(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    pins = re.findall(r"^[A-Za-z0-9._\[\]-]+==\S+", text, re.MULTILINE)
    assert len(pins) > 20 and text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text and "--index-url" not in text and "--find-links" not in text


@pytest.mark.parametrize("lock", ["gateway", "router", "test", "engines-cpu", "engines-vllm-cpu", "engines-gpu"])
def test_what_reads_recordings_is_the_same_on_every_python(lock: str) -> None:
    """Another version where Python was newer refused a parameter, and no long recording was parted there."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    pins = re.findall(r"^av==(\d+)\.\S*( ;.*)? \\$", text, re.MULTILINE)
    assert len(pins) == 1 and int(pins[0][0]) < 19 and not pins[0][1]


def test_what_needs_a_gpu_installs_on_every_python_and_no_package_brings_files_of_another() -> None:
    """cuda-python before 13 has a cuda.bindings of its own and nothing for Python 3.13."""
    text = (ROOT / "requirements/engines-gpu.txt").read_text()
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    assert pins["cuda-python"].split(".")[:2] == pins["cuda-bindings"].split(".")[:2]
    assert int(pins["cuda-python"].split(".")[0]) >= 13
    assert 78 <= int(pins["setuptools"].split(".")[0]) < 81, "vLLM asks for these from Python 3.12 on"
