"""The command line: what would run, and one clear line for what cannot."""

from pathlib import Path

import pytest

from gateway.cli import main

CONFIG = """\
log_level: debug
providers:
  main:
    base_url: "https://api.example.com/v1"
    api_key: "sk-very-secret-0123456789"
    models: {primary: big, fallback: small, embedding: vectors}
    performance: {timeout: 60}
    timeout: 30
models:
  best: {provider: main, model: big, aliases: [default]}
"""
MODELS = "providers: {p: {base_url: 'https://a.example', models: [listed]}}\nmodels:\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GATEWAY_CONFIG", "PORT", "STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENGINES", "off")
    return tmp_path


def test_check_config_says_what_would_run_and_writes_nothing(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "gateway.yaml").write_text(CONFIG)
    monkeypatch.setenv("PORT", "8123")
    main(["check-config"])
    printed = capsys.readouterr().out
    assert "8123" in printed and "environment" in printed and "gateway.yaml:1" in printed
    assert "big                              any type       main/big, then main/small" in printed
    assert "vectors                          embedding      main/vectors\n" in printed
    assert "performance.timeout wins" in printed and "The configuration is usable." in printed
    assert "very-secret" not in printed
    assert [path.name for path in elsewhere.iterdir()] == ["gateway.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models:\n  a: {provider: x}\n", "gateway.yaml, line 2, models.a: there is no provider or engine 'x'"),
        ("providers:\n  a:\n    type: x\n    base_url: https://a.example\n", "line 3, providers.a.type: no dialect"),
        ("providers:\n  a: {base_url: 'http://a.example'}\n", "line 2, providers.a.base_url: must use https"),
        ("providers:\n  a: {base_url: 'https://10.0.0.1'}\n", "providers.a.base_url: is a private address"),
        ("providers:\n  a: {base_url: 'https://u:p@a.example'}\n", "must not hold credentials"),
        ("models:\n  a:\n    targets: [{provider: b, engine: c}]\n", "line 3, models.a.targets.0: give either"),
        ("port: 99999\n", "line 1, port: Input should be less than or equal to 65535"),
    ],
)  # fmt: skip
def test_what_cannot_work_ends_with_the_place_and_starts_nothing(elsewhere: Path, text: str, said: str) -> None:
    (elsewhere / "gateway.yaml").write_text(text)
    for command in ("check-config", "serve"):
        with pytest.raises(SystemExit) as ended:
            main([command])
        assert said in str(ended.value)
    assert not (elsewhere / "state").exists()


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("  a: {provider: p}\n  c:\n    provider: p\n    aliases:\n    - x\n    - a\n",
         "line 8, models.c.aliases.1: 'a' is the name of another model"),
        ("  c: {provider: p, aliases: [listed]}\n",
         "line 3, models.c.aliases.0: 'listed' is the name of another model"),
        ("  c: {provider: p, aliases: [x]}\n  d:\n    {provider: p, aliases: [x]}\n",
         "line 5, models.d.aliases.0: 'x' is an alias of 'c' already"),
    ],
)  # fmt: skip
def test_an_alias_that_leads_elsewhere_too_is_refused_at_its_line(elsewhere: Path, models: str, said: str) -> None:
    (elsewhere / "gateway.yaml").write_text(MODELS + models)
    with pytest.raises(SystemExit) as ended:
        main(["check-config"])
    assert said in str(ended.value)


def test_an_alias_may_be_the_name_of_a_model_that_is_off_and_the_models_own(elsewhere: Path) -> None:
    off = "  a: {provider: p, enabled: false}\n  b: {provider: p, enabled: false, aliases: [x]}\n"
    (elsewhere / "gateway.yaml").write_text(MODELS + off + "  c: {provider: p, aliases: [a, c, x, x]}\n")
    main(["check-config"])
