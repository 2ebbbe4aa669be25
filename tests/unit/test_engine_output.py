"""What is read out of an engine's output, and how the output is kept."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chute_models.environment import child_environment
from chute_models.logfile import EngineLog
from chute_models.ports import RESERVED, free_port
from chute_models.progress import Progress, clean


@pytest.mark.parametrize(
    ("line", "phase", "percent"),
    [
        ("Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01,  1.2s/it]", "loading", 50.0),
        ("Loading weights:  75%|#####     | 3/4", "loading", 75.0),
        ("model-00001-of-00002.safetensors:  12%|#  | 600M/5.00G [00:10<01:20, 55MB/s]", "downloading", 12.0),
        ("Fetching 12 files:  25%|##5  | 3/12", "downloading", 25.0),
        ("INFO 01-01 [gpu_model_runner.py:1] Starting to load model Qwen/Qwen3-0.6B...", "loading", None),
        ("INFO init engine (profile, create kv cache, warmup model) took 1.1 s", "warming", None),
        ("Capturing CUDA graphs: 3/67", "warming", None),
        ('@@engine {"phase": "warming"}', "warming", None),
        ('@@engine {"phase": "downloading", "percent": 3}', "downloading", 3),
        ("@@engine nonsense", "loading", None),
    ],
)
def test_phases(line: str, phase: str, percent: float | None) -> None:
    progress = Progress()
    progress.feed(line)
    assert (progress.phase, progress.percent) == (phase, percent)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (
            ["(EngineCore pid=7) ERROR ValueError: Free memory is too small",
             "RuntimeError: Engine core initialization failed. See root cause above."],
            "ValueError: Free memory is too small",
        ),
        (["torch.OutOfMemoryError: CUDA out of memory."], "OutOfMemoryError: CUDA out of memory."),
        (["ModuleNotFoundError: No module named 'vllm'"], "ModuleNotFoundError: No module named 'vllm'"),
        (["pydantic_core._pydantic_core.ValidationError: 1 error for X"], "ValidationError: 1 error for X"),
        (['@@engine {"error": "FileNotFoundError: no model"}'], "FileNotFoundError: no model"),
        (["all is well"], None),
    ],
)  # fmt: skip
def test_errors(lines: list[str], error: str | None) -> None:
    progress = Progress()
    for line in lines:
        progress.feed(line)
    assert progress.error == error


@given(st.text())
def test_any_line_can_be_fed(line: str) -> None:
    Progress().feed(line)
    Progress().feed("@@engine " + line)
    assert "\n" not in clean(line)


def test_keys_are_hidden() -> None:
    assert clean("bad key sk-abcdefghij1234 at https://me:pass@host") == "bad key [hidden] at https[hidden]host"


def test_the_log_is_bounded(tmp_path: Path) -> None:
    log = EngineLog(tmp_path / "logs" / "engine.log", max_bytes=1000)

    def write() -> None:
        for _ in range(100):
            log.write("x" * 40)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["engine.log", "engine.log.1"]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert log.tail(3) == ["x" * 40] * 3
    assert log.tail(0) == []


def test_a_full_disk_does_not_stop_an_engine(tmp_path: Path) -> None:
    log = EngineLog(tmp_path / "engine.log")
    (tmp_path / "engine.log").mkdir()
    log.write("line")
    assert log.tail(1) == ["line"]


def test_the_environment_is_an_allow_list() -> None:
    source = {
        "PATH": "/bin",
        "MASTER_API_KEY": "x",
        "HF_HOME": "/cache",
        "HF_TOKEN": "t",
        "HTTPS_PROXY": "p",
        "NEW": "y",
    }
    offline = child_environment(source, {"MINE": "1"}, hub=False)
    assert {"PATH", "HF_HOME", "MINE"} <= set(offline)
    assert not {"MASTER_API_KEY", "NEW", "HF_TOKEN", "HTTPS_PROXY"} & set(offline)
    assert offline["HF_HUB_OFFLINE"] == "1"
    online = child_environment(source, {}, hub=True)
    assert {"HF_TOKEN", "HTTPS_PROXY"} <= set(online)
    assert "HF_HUB_OFFLINE" not in online


def test_ports_avoid_the_platforms() -> None:
    assert not RESERVED & {free_port() for _ in range(20)}
    with pytest.raises(OSError, match="no free port"):
        free_port(frozenset(range(65536)))
