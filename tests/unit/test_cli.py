"""The command line: what would run, and one clear line for what cannot."""

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.store.batch_rows import BatchRow, BatchStatus
from gateway.store.file_rows import FileRow
from gateway.store.records import Audit
from gateway.store.store import Store

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
        ("providers:\n  a: {base_url: 'https://a.example/openai/v1/embeddings/'}\n",
         "line 2, providers.a.base_url: must end before /embeddings, which is added to it (here https://a.example/op"),
        ("providers:\n  a: {base_url: 'https://a.example/v1beta/chat/completions'}\n", "(here https://a.example/v1beta)"),
        ("models:\n  a:\n    targets:\n      - {provider: b, model: c, base_url: 'http://a.example'}\n",
         "gateway.yaml, line 4, models.a.targets.0.base_url: must use https"),
        ("providers:\n  a:\n    base_url: https://a.example\n    fallbacks: [{provider: a, model: b, base_url: b}]\n",
         "line 4, providers.a.fallbacks.0.base_url: must be a URL that begins with http:// or https://"),
        ("providers:\n  a:\n    base_url: https://a.example\n    models: {chat: {id: b, host: 'https://10.0.0.1'}}\n",
         "line 4, providers.a.models.chat.base_url: is a private address"),
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
    ("text", "said"),
    [
        ("port: 1\nengines:\n  chat: {modl: x}\n", "error: gateway.yaml, line 3, engines.chat.modl: unknown key; "),
        ("engines:\n  own:\n    model: x/y\n", "error: gateway.yaml, line 2, engines.own.kind: missing"),
        ("\nengines: [chat, orc]\n", "error: gateway.yaml, line 2, engines: 'orc' is neither configured nor"),
        ("engines:\n  chat:\n    model: demo-chat\n    fallbacks: [{provider: nobody, model: x}]\n",
         "error: gateway.yaml, line 4, engines.chat.fallbacks.0: there is no provider or engine 'nobody'"),
    ],
)  # fmt: skip
def test_a_mistake_at_an_engine_names_its_place_too(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.delenv("ENGINES")
    (elsewhere / "gateway.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["check-config"])
    assert str(ended.value).startswith(said)


def test_an_engine_that_only_the_environment_names_is_not_looked_for_in_the_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINES", "orc")
    for text in ("engines: [chat]\n", "engines: {chat: {model: demo-chat}}\n", ""):
        (elsewhere / "gateway.yaml").write_text(text)
        with pytest.raises(SystemExit, match=r"^error: engines: 'orc' is neither configured nor one of chat"):
            main(["check-config"])


def test_an_engine_that_serve_does_not_start_is_said_to_be_none_of_its_own(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check-config` tells of `make run`, which starts the engines of the machine by itself."""
    monkeypatch.delenv("ENGINES")
    models = "models:\n  a:\n    targets: [{engine: own}]\n  b: {engine: own}\n"
    (elsewhere / "gateway.yaml").write_text(models)
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", "0"])
    told = "gateway.yaml, line 2, models.a: no engine 'own' is started (`gateway serve` starts engines only where"
    assert str(ended.value).startswith(f"error: {told} ENGINES=auto is set, or `engines` in the file names them)")
    hint = "note: `gateway serve` starts none of them: set ENGINES=auto"
    (elsewhere / "gateway.yaml").write_text("port: 0\n")
    main(["check-config"])
    assert hint in capsys.readouterr().out
    (elsewhere / "gateway.yaml").write_text("engines: auto\n")
    main(["check-config"])
    assert hint not in capsys.readouterr().out


def test_a_fallback_to_nobody_is_named_where_it_stands(elsewhere: Path) -> None:
    of_provider = "providers:\n  p:\n    base_url: https://a.example\n    models: [m]\n    fallbacks:\n"
    of_provider += "    - {provider: p, model: n}\n    - {provider: nobody, model: x}\n"
    (elsewhere / "gateway.yaml").write_text(of_provider)
    with pytest.raises(SystemExit) as ended:
        main(["check-config"])
    told = "gateway.yaml, line 7, providers.p.fallbacks.1: there is no provider or engine 'nobody'"
    assert str(ended.value) == f"error: {told}"


def test_a_database_that_cannot_be_reached_is_told_with_its_address(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        port = held.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://u:s3cr3t@127.0.0.1:{port}/d")
        with pytest.raises(SystemExit) as ended:
            main(["keys", "list"])
    told = f"The database cannot be reached. Try again in a moment. DATABASE_URL leads to 127.0.0.1:{port}."
    assert str(ended.value) == f"error: {told}"


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


Said = Callable[..., str]


@pytest.fixture
def said(elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command: what it printed."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(*words: str) -> str:
        main(words)
        return capsys.readouterr().out

    return run


async def _two_batches(key: str) -> None:
    """Of one key: one that waits, and a later one whose file was wrong."""
    store, begun = await Store.open(None, Path("state")), 1_795_240_830.0
    problem = {"line": 2, "param": "url", "code": "invalid_url", "message": "'url' must be another."}
    await store.files.add(FileRow("file-1", key, "asks.jsonl", "batch", begun, begun + 9_000_000_000, ready=True))
    of_each: Sequence[dict[str, Any]] = ({"models": ["gpt-x"], "total": 9, "completed": 4}, {"errors": [problem]})
    for number, more in enumerate(of_each, 1):
        at = begun + number
        row = BatchRow(f"batch_{number}", key, "/v1/embeddings", "24h", "file-1", at, at + 86_400, **more)
        assert await store.batches.add(row, 9) and await store.batches.claim("w", 60)
    assert await store.batches.change(row, "w", status=BatchStatus.FAILED, ended_at=begun)
    await store.close()


async def _last_told() -> Audit:
    store = await Store.open(None, Path("state"))
    (told, *_), _ = await store.audits()
    await store.close()
    return told


def test_batches_are_listed_shown_and_cancelled(said: Said) -> None:
    key = said("keys", "create", "nightly").split()[0]
    asyncio.run(_two_batches(key))
    head, second, first = (line.split() for line in said("batches", "list").splitlines())
    assert head[:4] == ["ID", "KEY", "USER", "ENDPOINT"] and (second[0], second[5]) == ("batch_2", "failed")
    assert first == ["batch_1", "nightly", "-", "/v1/embeddings", "gpt-x", "validating", "4", "0", "9",
                     "2026-11-21", "06:00", "2026-11-22", "06:00"]  # fmt: skip
    assert re.findall("batch_.", said("batches", "list", "--status", "failed")) == ["batch_2"]
    assert "batch_" not in said("batches", "list", "--key", "other")
    assert said("batches", "list", "--limit", "1").endswith("\n1 more: see --limit\n")
    shown = said("batches", "show", "batch_2")
    assert f"key       nightly ({key})\n" in shown and "invalid_url  'url' must be another." in shown
    assert said("batches", "cancel", "batch_1") == "batch_1 is cancelling\n"
    told = asyncio.run(_last_told())
    assert (told.actor, told.action) == ("command line", "cancel")
    assert (told.resource, told.resource_id) == ("batches", "batch_1")
    with pytest.raises(SystemExit, match="error: The batch has ended: it is failed"):
        said("batches", "cancel", "batch_2")
    with pytest.raises(SystemExit, match="error: There is no such batch"):
        said("batches", "show", "batch_9")
