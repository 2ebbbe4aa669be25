"""What is read out of an engine's output, and how the output is kept."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chute_models.causes import describe_code, find_cause, with_advice
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
        (["OSError: [Errno 28] No space left on device", "RuntimeError: cannot shut down the executor"],
         "OSError: [Errno 28] No space left on device"),
        (["[rank0]: safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge"],
         "SafetensorError: Error while deserializing header: HeaderTooLarge"),
        (["torch.AcceleratorError: CUDA error: an illegal memory access was encountered"],
         "AcceleratorError: CUDA error: an illegal memory access was encountered"),
        (["(EngineCore_DP0 pid=7) ERROR 11-22 07:50:00 [core.py:866] MemoryError"], "MemoryError"),
        (["ValueError: bad rope", "EOFError: ran out of input", "zmq.ZMQError: EngineDeadError: it died"],
         "ValueError: bad rope"),
        (["INFO 3 ConnectionError so far"], None),
        (["(APIServer pid=7) WARNING 11-22 [utils.py:2] This can cause errors like `OSError: [Errno 24] Too"], None),
        (["pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
          "  Value error, User-specified max_model_len (9) is too great. [type=value_error, input_value=x]"],
         "ValueError: User-specified max_model_len (9) is too great."),
        (["(APIServer pid=7)   Value error, Invalid repository ID"], "ValueError: Invalid repository ID"),
    ],
)  # fmt: skip
def test_errors(lines: list[str], error: str | None) -> None:
    progress = Progress()
    for line in lines:
        progress.feed(line)
    assert progress.error == error


@pytest.mark.parametrize(
    ("said", "advice", "lasts"),
    [
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB",
         "smaller model", False),
        ("ValueError: Free memory on device cuda:0 (3.2/23.64 GiB) on startup is less than desired GPU memory use",
         "memory_gb", False),
        ("ValueError: To serve at least one request with the models's max seq len (40960), (4.38 GiB KV cache is "
         "needed, which is larger than the available KV cache memory (0.25 GiB)", "max_model_len", True),
        ("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`",
         "cache_gb", True),
        ("OSError: [Errno 28] No space left on device: '/data/huggingface/hub'", "HF_HOME", False),
        ("OSError: You are trying to access a gated repo.", "HF_TOKEN", True),
        ("GatedRepoError: 401 Client Error. (Request ID: Root=1-2)", "licence", True),
        ("OSError: acme/none is not a local folder and is not a valid model identifier listed on 'https://hub'",
         "check 'model'", True),
        ("ValueError: Invalid repository ID or local directory specified: '/nowhere'.", "no such folder", True),
        ("ValueError: User-specified max_model_len (100000) is greater than the derived max_model_len (1024)",
         "a smaller max_model_len", True),
        ("HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/nowhere/model'.",
         "no such folder", True),
        ("ValueError: Unrecognized model in /x. Should have a `model_type` key in its config.", "lacks files", True),
        ("RuntimeError: Cannot find any model weights with `/models/mine`", "safetensors", True),
        ("OSError: Error no file named model.safetensors found in directory /models/mine.", "safetensors", True),
        ("SafetensorError: Error while deserializing header: HeaderTooLarge", "fetch it again", True),
        ("OSError: We couldn't connect to 'https://hub' to load the files", "MODEL_HUB", False),
        ("OSError: [Errno 98] Address already in use", "another one", False),
    ],
)  # fmt: skip
def test_known_causes_come_with_advice(said: str, advice: str, lasts: bool) -> None:
    told, cause = with_advice(said), find_cause(said)
    assert told.startswith(said.rstrip(".")) and advice in told
    assert cause and cause.lasts is lasts


def test_what_is_not_known_is_told_as_it_is() -> None:
    assert with_advice("ValueError: rope") == "ValueError: rope"
    assert [describe_code(code) for code in (0, 1, None)][:1] == ["ended unexpectedly with code 0"]
    assert describe_code(139) == "crashed with SIGSEGV"
    assert "lack of memory" in describe_code(137)


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
