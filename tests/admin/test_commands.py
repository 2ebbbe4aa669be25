"""`gateway keys` and `gateway users`, as people run them."""

import argparse
import asyncio
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.documents import ApiKeyDocument, UserDocument
from gateway.cli import _parser
from gateway.settings.periods import period_name
from gateway.store.records import Audit, Resource
from gateway.store.store import Store
from gateway.usage.types import Spend, UsageRow

PASSWORD = "correct horse battery\n"


def run(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(folder / "state"), "COLUMNS": "250"}
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, input=typed, timeout=300, check=False
    )


def gateway(folder: Path, *words: str, typed: str = "") -> str:
    """What the command printed. Whatever it complains of fails the test."""
    done = run(folder, *words, typed=typed)
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


def test_the_list_of_keys_tells_when_each_was_last_used(tmp_path: Path) -> None:
    used = gateway(tmp_path, "keys", "create", "used").split()[0]
    gateway(tmp_path, "keys", "create", "idle")

    async def use() -> None:
        store = await Store.open(None, tmp_path / "state")
        await store.append([UsageRow("r", 1_795_240_830.0, "chat", "m", 200, used)], [])
        await store.close()

    asyncio.run(use())
    listed = {row[1]: row for row in rows(gateway(tmp_path, "keys", "list"))}
    assert listed["used"][-4:-1] == ["2026-11-21", "06:00", "-"] and listed["idle"][-3] == "never"


def test_what_is_named_of_a_key_is_changed_and_all_else_stays(tmp_path: Path) -> None:
    gateway(tmp_path, "users", "create", "ada", typed=PASSWORD)
    made = "keys create ci --models gpt-* --rpm 5 --budget 2 --period day --expires 1d"
    id, key = gateway(tmp_path, *made.split()).split()
    changes = "--name build --user Ada --rpm none --budget 3.5 --enabled no --expires never"
    assert gateway(tmp_path, "keys", "update", id, *changes.split()) == f"{id} is changed\n"

    async def read() -> tuple[dict[str, Any], Audit]:
        store = await Store.open(None, tmp_path / "state")
        record = await store.get(Resource.APIKEYS, id)
        (told, *_), _ = await store.audits()
        await store.close()
        assert record and record.handle == hashlib.sha256(key.encode()).hexdigest()
        return dict(record.document), told

    document, told = asyncio.run(read())
    owner = document.pop("user_id")
    assert owner.startswith("user-") and document.pop("mask").startswith(key[:8])
    assert document == {
        "name": "build", "allowed_models": ["gpt-*"], "budget_usd": 3.5, "budget_period": "day", "enabled": False,
    }  # fmt: skip
    assert (told.actor, told.action, told.changes["rpm"], told.changes["name"]) == (
        *("command line", "update"), [5, None], ["ci", "build"],
    )  # fmt: skip
    for words, problem in (
        ((id,), "say what to change"),
        ((id, "--user", "eve"), "There is no user 'eve'"),
        ((id, "--period", "year"), "budget_period: "),
        (("key-nobody", "--rpm", "3"), "There is no key 'key-nobody'"),
    ):
        done = run(tmp_path, "keys", "update", *words)
        assert done.returncode == 1 and problem in done.stderr, done.stderr


def test_what_was_spent_is_reset_by_command(tmp_path: Path) -> None:
    id = gateway(tmp_path, "keys", "create", "ci", "--budget", "2").split()[0]
    user = gateway(tmp_path, "users", "create", "ada", typed=PASSWORD).strip()

    async def spend() -> None:
        store = await Store.open(None, tmp_path / "state")
        period = period_name("month", time.time())
        await store.append([], [Spend(f"key:{id}", period, 1_250_000_000), Spend(f"user:{user}", period, 5_000_000)])
        await store.close()

    asyncio.run(spend())
    assert gateway(tmp_path, "keys", "reset-spend", id) == f"{id} is reset: 1.25 USD were spent\n"
    assert gateway(tmp_path, "keys", "reset-spend", id) == f"{id} is reset: 0 USD were spent\n"
    assert gateway(tmp_path, "users", "reset-spend", "ADA") == "ADA is reset: 0.005 USD were spent\n"


def test_every_field_of_a_key_and_of_a_user_has_its_option() -> None:
    """But for what would stand in the list of processes, and what has a command of its own."""
    for words, kind, elsewhere in (
        (("keys", "update"), ApiKeyDocument, {"key"}),
        (("users", "update"), UserDocument, {"password", "enabled"}),
    ):
        parser = _parser()
        for word in words:
            (below,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
            parser = below.choices[word]
        assert {action.dest for action in parser._actions} >= kind.model_fields.keys() - elsewhere


def test_what_is_named_of_a_user_is_changed_and_all_else_stays(tmp_path: Path) -> None:
    made = "users create ada --budget 3 --models gpt-* --admin"
    gateway(tmp_path, *made.split(), typed=PASSWORD)
    gateway(tmp_path, "users", "create", "eve", typed=PASSWORD)
    refused = run(tmp_path, "users", "update", "ADA", "--role", "user")
    assert refused.returncode == 1 and "last administrator" in refused.stderr
    changes = "--name Grace --budget 4.5 --period day --rpm 9"
    assert gateway(tmp_path, "users", "update", "ada", *changes.split()) == "ada is changed\n"
    listed = {row[1]: row for row in rows(gateway(tmp_path, "users", "list"))}
    assert listed["Grace"][2:] == ["admin", "gpt-*", "$4.5/day", "0", "enabled"]
    assert listed["eve"][2:] == ["user", "all", "-", "0", "enabled"]


def test_providers_and_models_of_a_file_are_put_listed_switched_and_deleted(tmp_path: Path) -> None:
    models = "models:\n  fast: {provider: groq, model: llama, aliases: [quick]}\n  team/x: {provider: groq, model: y}\n"
    (tmp_path / "providers.yaml").write_text("providers: {groq: {base_url: https://api.groq.com/openai/v1}}\n")
    assert gateway(tmp_path, "providers", "put", "providers.yaml") == "groq is added\n"
    assert gateway(tmp_path, "models", "put", "-", typed=models) == "fast is added\nteam/x is added\n"
    assert gateway(tmp_path, "models", "put", "-", typed=models) == "fast is replaced\nteam/x is replaced\n"
    listed = {row[0]: row[1:] for row in rows(gateway(tmp_path, "providers", "list"))}
    assert listed["groq"] == ["openai", "https://api.groq.com/openai/v1", "enabled", "database"]
    gateway(tmp_path, "models", "disable", "fast")
    listed = {row[0]: row[1:] for row in rows(gateway(tmp_path, "models", "list"))}
    assert listed["fast"] == ["-", "groq/llama", "quick", "disabled", "database"]
    refused = run(tmp_path, "providers", "delete", "groq")
    assert refused.returncode == 1 and "models/fast is deleted" in refused.stderr and "--cascade" in refused.stderr
    assert gateway(tmp_path, "providers", "delete", "groq", "--cascade").endswith("groq is deleted\n")
    assert "fast" not in gateway(tmp_path, "models", "list")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("providers: {x: {}}\n", "must hold `models:`"),
        ("port: 1\nmodels: {x: {}}\n", "nothing else"),
        (
            "models:\n  ok: {provider: p, model: m}\n  x: {modell: 3}\n",
            "line 3, models.x: modell: is not a known field",
        ),
        ("models:\n  x: {provider: ghost, model: m}\n", "there is no provider or engine 'ghost'"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing_and_is_told_with_its_line(
    tmp_path: Path, written: str, problem: str
) -> None:
    done = run(tmp_path, "models", "put", "-", typed=written)
    assert done.returncode == 1 and problem in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert "database" not in gateway(tmp_path, "models", "list")


def test_settings_are_listed_set_and_unset(tmp_path: Path) -> None:
    limits = "{budget_period: day, budget_usd: 5.0, max_parallel: null, rpm: null, tpm: null}"
    done = gateway(tmp_path, "settings", "set", "limits", "{budget_usd: 5, budget_period: day}")
    assert done == f"limits is {limits}\n"
    assert f"{limits}  database" in gateway(tmp_path, "settings", "list")
    assert gateway(tmp_path, "settings", "reset-spend") == "everybody is reset: 0 USD were spent\n"
    assert gateway(tmp_path, "settings", "unset", "limits").endswith(" (default)\n")
    for words, problem in (
        (("unset", "limits"), "The database says nothing of 'limits': it is from default"),
        (("set", "port", "1"), "'port' is read before the database"),
        (("set", "queue_size", "many"), "queue_size: "),
        (("set", "queue_size", "{"), "is not valid YAML"),
    ):
        refused = run(tmp_path, "settings", *words)
        assert refused.returncode == 1 and problem in refused.stderr, refused.stderr


def test_a_user_is_switched_off_on_and_deleted_by_name(tmp_path: Path) -> None:
    gateway(tmp_path, "users", "create", "ada", typed=PASSWORD)
    assert gateway(tmp_path, "users", "disable", "ADA") == "ADA is disabled\n"
    assert rows(gateway(tmp_path, "users", "list"))[1][1:] == ["ada", "user", "all", "-", "0", "disabled"]
    gateway(tmp_path, "users", "enable", "ada")
    assert rows(gateway(tmp_path, "users", "list"))[1][-1] == "enabled"
    gateway(tmp_path, "users", "delete", "ada")
    assert len(rows(gateway(tmp_path, "users", "list"))) == 1


@pytest.mark.parametrize("words", [("keys", "create", "ci"), ("usage",), ("backup", "saved")], ids=" ".join)
def test_a_command_that_begins_a_new_gateway_says_so_once(tmp_path: Path, words: tuple[str, ...]) -> None:
    """As in a folder that is not the running gateway's, whose keys would be refused there."""
    (tmp_path / "gateway.yaml").write_text("engines: off")
    began = run(tmp_path, *words).stderr
    assert began.startswith(f"note: {tmp_path / 'state'} holds no gateway yet, so one is begun there. ")
    assert "STATE_DIR" in began and began.count("\n") == 1
    assert run(tmp_path, "keys", "list").stderr == ""


@pytest.mark.parametrize("engines", ["off", "chat"])
def test_a_state_folder_that_cannot_be_is_told_in_one_line(tmp_path: Path, engines: str) -> None:
    (tmp_path / "state").write_text("a file")
    (tmp_path / "gateway.yaml").write_text(
        f"engines: {engines}" if engines == "off" else "engines: {chat: {kind: chat}}"
    )
    done = run(tmp_path, "keys", "list")
    told = re.fullmatch(r"error: STATE_DIR: (.*) cannot be used: [A-Za-z ]+\n", done.stderr)
    assert done.returncode == 1 and told and told[1] == str(tmp_path / "state"), done.stderr


def test_a_start_with_a_file_as_state_folder_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    (tmp_path / "gateway.yaml").write_text("engines: off")
    done = run(tmp_path, "serve", "--port", "0")
    assert done.returncode == 1 and f"STATE_DIR: {tmp_path / 'state'} is no folder" in done.stderr, done.stderr
