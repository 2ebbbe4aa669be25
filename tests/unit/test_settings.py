"""Settings: precedence, the shapes of gateway.yaml (A000-01 … A000-06), and errors that name file, line and key.

Rows of docs/acceptance.md: A000-02, A000-03, A000-05, A004-07.
"""

import os
from pathlib import Path

import pytest

from gateway.access.keys import master_key
from gateway.admin.opening import check_opening
from gateway.errors import ConfigError
from gateway.settings import LoadedSettings, load_settings, schema
from gateway.settings.document import Document
from gateway.state.callers import file_callers

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


def test_settings_are_as_old_as_their_file_and_without_one_as_the_gateway(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("port: 8100")
    os.utime(path, (1.5e9, 1.5e9))
    assert load_settings(environ={}, config_path=path).settings.written_at == 1.5e9
    without = load_settings(environ={"GATEWAY_CONFIG": ""}, document=Document(Path("gateway.yaml"))).settings
    assert without.written_at == Path(schema.__file__).stat().st_mtime


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
        ("port: 1\nproviders:\n\tgroq:\n", "line 3", "a tab cannot indent: use spaces"),
        ("a:\n  b: 1\n\tc: 2\n", "line 3", "a tab cannot indent: use spaces"),
        ("host: @home\n", "line 1", "'@' cannot begin a value: put it in quotes"),
        ("host: 'x\n", "line 2", "found unexpected end of stream"),
        ("providers:\n  a: {api_key: ${A_KEY}, tee: true}\n", "line 2", 'in braces and brackets "${NAME}" needs'),
        ("- a\n- b\n", "line 1", "mapping"),
        ("prot: 8000\n", "line 1, prot", "not a known setting"),
        ('chutes_api_key: "${UNSET_VARIABLE}"\n', "line 1, chutes_api_key", "UNSET_VARIABLE is not set"),
        ("keys:\n- {key: short}\n", "line 2, keys.0.key", "at least 16 characters"),
        ("providers: [a]\n", "line 1, providers", "must be a mapping"),
        ("models:\n  m: {targets: {provider: x}}\n", "line 2, models.m.targets", "must be a list"),
        ("logLevel: debug\nlog_level: info\n", "line 2, log_level", "given twice"),
        ("\n? [a, b]\n: 1\n", "line 2", "a key must be a plain name"),
        ("providers:\n  a: &a {base_url: x}\n  b:\n    <<: *a\n", "line 4", "a key must be a plain name"),
        ('host: "${my-host}"\n', "line 1, host", "begins no reference"),
        ('host: "${A:-${B}}"\n', "line 1, host", "begins no reference"),
    ],
)
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert f"gateway.yaml, {place}" in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize("text", ["port: &a [*a]\n", "port: " + "[" * 3000])
def test_what_holds_itself_or_is_too_deep_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway.yaml: its lists and mappings are too deep"):
        load(tmp_path, text)


def test_a_file_that_cannot_be_read_says_so_in_words(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"host: \xff\n")
    for name, said in (("none", "No such file"), (".", "Is a directory"), ("latin", "no text in UTF-8")):
        with pytest.raises(ConfigError, match=f"cannot be read: .*{said}") as caught:
            load_settings({}, tmp_path / name)
        assert "Errno" not in caught.value.message and "codec" not in caught.value.message


def test_sections_and_names_without_anything_under_them_are_defaults(tmp_path: Path) -> None:
    text = "engines:\nkeys:\nlimits:\nprices:\nproviders:\n  chutes:\n  # groq: {}\nmodels:\n"
    settings = load(tmp_path, text).settings
    assert list(settings.providers) == ["chutes"] and not settings.models and settings.engines == "auto"


def test_windows_writes_other_line_ends_and_a_mark_before_them(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_bytes(
        "\ufeffhost: a\r\nproviders:\r\n  x: {models: [модель 🚀], modls: 1}\r\n".encode()
    )
    with pytest.raises(ConfigError, match=r"gateway.yaml, line 3, providers.x.modls: is not a known setting"):
        load_settings({}, tmp_path / "gateway.yaml")


def test_a_dollar_and_a_brace_can_be_written(tmp_path: Path) -> None:
    loaded = load(tmp_path, 'host: "$${A}-$B-${A:-x$y}-${B}"\n', B="${A}")
    assert loaded.settings.host == "${A}-$B-x$y-${A}"


@pytest.mark.parametrize(
    "text",
    [
        "ui_password: 7788990\n",
        "metrics_token: 7788990\n",
        "database_url: 7788990\n",
        "catalog: {webhooks: [{url: 'https://x.example', secret: '7788990'}]}\n",
        "providers: {x: {headers: {authorization: 7788990}}}\n",
        "providers: {x: {proxy: 7788990}}\n",
    ],
)
def test_an_error_never_shows_another_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert "7788990" not in caught.value.message and "line 1" in caught.value.message


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


def test_a_block_may_be_part_in_the_file_and_part_in_the_environment(tmp_path: Path) -> None:
    text = "limits:\n  budgetUsd: 5\n  rpm: {}\n"
    loaded = load(tmp_path, text.format(7), LIMITS_BUDGET_USD="3")
    assert (loaded.settings.limits.budget_usd, loaded.settings.limits.rpm) == (3, 7)
    assert loaded.origins["limits"] == "gateway.yaml:1, environment"
    with pytest.raises(ConfigError, match=r"gateway.yaml, line 3, limits.rpm: .*\(got -1\)"):
        load(tmp_path, text.format(-1), LIMITS_BUDGET_USD="3")
    with pytest.raises(ConfigError, match=r"^environment: LIMITS_BUDGET_USD: .*\(got 'much'\)"):
        load(tmp_path, text.format(7), LIMITS_BUDGET_USD="much")
    with pytest.raises(ConfigError, match=r"gateway.yaml, line 1, limits: must be a mapping"):
        load(tmp_path, "limits: 3\n", LIMITS_RPM="1")


def test_the_api_host_given_by_both_names_is_the_one_of_its_own_name(tmp_path: Path) -> None:
    text = "chutes_base_url: https://api.one.example\nchutes_api_url: https://api.two.example\n"
    loaded = load(tmp_path, text)
    assert loaded.settings.chutes_api_url == "https://api.two.example" and "left out" in loaded.notes[0]
    assert loaded.origins == {"chutes_api_url": "gateway.yaml:2"}


@pytest.mark.parametrize(
    ("section", "name", "reason"),
    [
        ("providers", "a/b", "the name of a provider must not hold '/': its models are called provider/model"),
        ("providers", "", "a name must not be empty"),
        ("models", "", "a name must not be empty"),
        ("models", "x,y", "a name must be printable, without commas and without spaces at its ends"),
        ("models", "x ", "a name must be printable, without commas and without spaces at its ends"),
    ],
)
def test_a_name_that_nobody_could_ask_for_is_refused(tmp_path: Path, section: str, name: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f'port: 1\n{section}:\n  "{name}": {{base_url: "https://x.example/v1"}}\n')
    assert f"gateway.yaml, line 3, {section}.{name}: {reason}" in caught.value.message


def test_the_name_of_a_model_may_hold_a_slash(tmp_path: Path) -> None:
    settings = load(tmp_path, "models: {Qwen/Qwen3-32B: {provider: p, model: m}}\nproviders: {p.1_x-y: }\n").settings
    assert list(settings.models) == ["Qwen/Qwen3-32B"] and list(settings.providers) == ["p.1_x-y"]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ('[{key: "one-key-0123456789ab"}, {key: "one-key-0123456789ab"}]', "keys.1.key: is that of keys.0 too"),
        ('[{name: a, key: "one-key-0123456789ab"}, {name: a, key: "two-key-0123456789ab"}]', "keys.1.name: is that of"),
        ('[{name: "2", key: "one-key-0123456789ab"}, {key: "two-key-0123456789ab"}]', "keys.1.name: is that of keys.0"),
        ('[{key: "one key 0123456789ab"}]', "keys.0.key: a key consists of printable ASCII"),
        ('[{key: "${SECRET}"}]', "keys.0.key: a key consists of printable ASCII"),
    ],
)
def test_keys_of_the_file_that_could_not_be_told_apart_or_sent_are_refused(
    tmp_path: Path, keys: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings = load(tmp_path, f"keys: {keys}\n", SECRET="a-key-0123456789ab\n").settings
        file_callers(settings, {})
    assert reason in caught.value.message and "0123456789ab" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL: 'mysql' is not supported"),
        ({"DATABASE_URL": "postgresql://u:s3cr3t@h:54x2/d"}, "DATABASE_URL: not an address: use postgresql://"),
        ({"DATABASE_URL": "postgresql://u:p@s3cr3t:x@h/d"}, "an @ in the password is written as %40"),
        ({"DATABASE_URL": "postgresql://u:p@s3cr3t@h/d"}, "an @ in the password is written as %40"),
        ({"REDIS_URL": "localhost"}, "REDIS_URL: "),
        ({"SECRET_KEY": "short"}, "SECRET_KEY: too easy to guess"),
        ({"SEED_FILE": "/nobody/has/it"}, "SEED_FILE: there is no file /nobody/has/it"),
        ({"UI_USERNAME": "ada"}, "UI_PASSWORD: is missing"),
    ],
)
def test_what_would_keep_the_gateway_from_starting_is_found_before(given: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_opening(load_settings(given, document=Document(Path("gateway.yaml"))).settings)
    assert reason in caught.value.message and "s3cr3t" not in caught.value.message


def test_a_master_key_that_no_request_could_send_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MASTER_API_KEY: has spaces, a line end"):
        master_key("sk-Vq8e2Lx0Tr5Zc1Nh7\n", tmp_path)
