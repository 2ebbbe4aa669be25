"""Settings: precedence, the shapes of gateway.yaml (A000-01 … A000-06), and errors that name file, line and key.

Rows of docs/acceptance.md: A000-02, A000-03, A000-05, A004-07.
"""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import LoadedSettings, load_settings

YAML = """\
port: 8100
providers:
  chutes:
    api_key: "${CHUTES_API_KEY}"
    models: ["deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B"]
    max_retries: 3
    timeout: 30
    performance: {timeout: 60, max_retries: 2, retry_backoff: exponential, buffer_size: 1000}
  groq:
    type: openai
    baseUrl: "https://api.groq.com/openai/v1"
    apiKey: "${GROQ_API_KEY:-none}"
    models: {primary: big, fallback: small}
engines:
  chat: {kind: chat, model: "Qwen/Qwen3-0.6B", fallbacks: [{provider: chutes, model: "Qwen/Qwen3-32B"}]}
  whisper: off
"""


def load(tmp_path: Path, text: str, **environ: str) -> LoadedSettings:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return load_settings(environ=environ, config_path=path)


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("port: 8100\nhost: 127.0.0.2\nlog_level: debug\n")
    loaded = load_settings({"PORT": "8200", "HOST": "127.0.0.3"}, path, {"port": 8300, "host": None})
    assert (loaded.settings.port, loaded.settings.host, loaded.settings.log_level) == (8300, "127.0.0.3", "debug")
    assert loaded.origins == {"port": "command line", "host": "environment", "log_level": "gateway.yaml:3"}


def test_every_published_shape_of_a_provider_is_accepted(tmp_path: Path) -> None:
    settings = load(tmp_path, YAML, CHUTES_API_KEY="cpk_secret").settings
    chutes, groq = settings.providers["chutes"], settings.providers["groq"]
    assert chutes.api_key and chutes.api_key.get_secret_value() == "cpk_secret"
    assert [entry.id for entry in chutes.models] == ["deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B"]  # type: ignore[union-attr]
    assert chutes.performance.timeout == 60
    assert groq.base_url == "https://api.groq.com/openai/v1"
    assert groq.api_key and groq.api_key.get_secret_value() == "none"
    assert isinstance(groq.models, dict) and groq.models["fallback"].id == "small"


def test_it_says_which_of_two_timeouts_wins(tmp_path: Path) -> None:
    notes = load(tmp_path, YAML, CHUTES_API_KEY="x").notes
    assert len(notes) == 2
    assert "providers.chutes: performance.timeout wins over the provider's own timeout" in notes[0]


def test_engine_fallbacks_are_for_routing_and_the_rest_for_the_supervisor(tmp_path: Path) -> None:
    settings = load(tmp_path, YAML, CHUTES_API_KEY="x").settings
    assert settings.engine_config == {"chat": {"kind": "chat", "model": "Qwen/Qwen3-0.6B"}, "whisper": False}
    assert settings.engine_fallbacks["chat"][0].model == "Qwen/Qwen3-32B"
    assert settings.engines == "auto"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("providers:\n  groq:\n    modls: []\n", "line 3, providers.groq.modls", "not a known setting"),
        ("providers:\n  groq:\n    timeout: soon\n", "line 3, providers.groq.timeout", "number"),
        ("providers:\n  a:\n    models:\n      fallback: 3\n", "line 4, providers.a.models.fallback", ""),
        (
            "models:\n  fast-chat:\n    targets:\n    - {provider: x, model: y, priority: -1}\n",
            "line 4, models.fast-chat.targets.0.priority",
            "greater than or equal to 0",
        ),
        ("port: 8000\nport: 9000\n", "line 2, port", "given twice"),
        ("host: x\nmaster_api_key: 2024-13-45\n", "line 2, master_api_key", "put it in quotes"),
        ("port: !!int many\n", "line 1, port", "put it in quotes"),
        ("port: !!python/name:os.system ''\n", "line 1, port", "could not determine a constructor"),
        ("providers: [1, 2\n", "line 2", "expected"),
        ("- a\n- b\n", "line 1", "mapping"),
        ("prot: 8000\n", "line 1, prot", "not a known setting"),
        ('chutes_api_key: "${UNSET_VARIABLE}"\n', "line 1, chutes_api_key", "UNSET_VARIABLE is not set"),
        ("keys:\n- {key: short}\n", "line 2, keys.0.key", "at least 16 characters"),
    ],
)
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert f"gateway.yaml, {place}" in caught.value.message
    assert words in caught.value.message


def test_an_error_never_shows_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "keys:\n- {key: s3cr3t}\n")
    assert "s3cr3t" not in caught.value.message


def test_a_bad_environment_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"environment: PORT: .*integer"):
        load_settings({"PORT": "eighty"})


def test_two_guides_use_one_variable_for_two_hosts() -> None:
    loaded = load_settings({"CHUTES_BASE_URL": "https://api.chutes.ai"})
    assert loaded.settings.chutes_api_url == "https://api.chutes.ai"
    assert loaded.settings.chutes_base_url == "https://llm.chutes.ai"
    assert "CHUTES_API_URL" in loaded.notes[0]


@pytest.mark.parametrize(
    ("given", "engines"), [("off", "off"), ("auto", "auto"), ("chat, ocr", ("chat", "ocr")), ("whisper", ("whisper",))]
)
def test_engines_from_the_environment(given: str, engines: object) -> None:
    assert load_settings({"ENGINES": given}).settings.engines == engines


def test_the_chute_block_can_be_set_field_by_field_from_the_environment(tmp_path: Path) -> None:
    settings = load(tmp_path, "chute: {username: anna, gpu_count: 2}\n", CHUTE_GPU_COUNT="4").settings
    assert (settings.chute.username, settings.chute.gpu_count) == ("anna", 4)
