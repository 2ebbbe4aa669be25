"""Every scenario of `gateway certify` under short timeouts, and that configurations which cannot survive fail."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway import certify
from gateway.certify import Configuration, Result
from gateway.certify.answer import TOKENS, Question
from gateway.errors import ConfigError
from gateway.settings import load_settings

SHORT = {"FIRST_TOKEN_TIMEOUT": "2", "STREAM_IDLE_TIMEOUT": "2"}
BAD = {
    "no-recovery": ("S03,S08,S09,S10,S14", {**SHORT, "STREAM_POLICY": "error"}, {"S08", "S09", "S10", "S14"}),
    "repeating": ("S03,S08,S09,S10,S14", {**SHORT, "STREAM_POLICY": "restart"}, {"S08"}),
    "too-patient": ("S03,S07,S09", {"FIRST_TOKEN_TIMEOUT": "16", "STREAM_IDLE_TIMEOUT": "31"}, {"S07", "S09"}),
}
"""Scenarios, configuration, and which of them must fail with it."""


@dataclass(frozen=True)
class Printed:
    """What the command printed, and its exit code."""

    text: str
    code: int

    def of(self, scenario: str) -> tuple[str, str]:
        """`pass` or `FAIL`, and what was seen."""
        found = re.search(rf"^{scenario}  .* (pass|FAIL) +[\d.]+ s(?:  (.+))?$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1], found[2] or ""


@dataclass(frozen=True)
class Outcomes:
    bad: dict[str, list[Result]]
    printed: Printed


def configured(environment: dict[str, str]) -> Configuration:
    return certify.configuration(load_settings(environment))


async def command(folder: Path, *arguments: str, **environment: str) -> Printed:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "certify", *arguments,
        cwd=folder, env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return Printed(said.decode(), process.returncode or 0)


@pytest.fixture(scope="module")
async def outcomes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outcomes]:
    """One run after the other, since starting the gateways of one would slow those of another; beside them the command,
    with a configuration that survives."""
    printing = asyncio.create_task(command(tmp_path_factory.mktemp("empty"), "--quick", **SHORT))
    bad = {
        name: await certify.run(certify.chosen(only), configured(environment), quick=True)
        for name, (only, environment, _) in BAD.items()
    }
    yield Outcomes(bad, await printing)


@pytest.mark.parametrize("scenario", [one.id for one in certify.SCENARIOS])
def test_the_gateway_survives(outcomes: Outcomes, scenario: str) -> None:
    verdict, seen = outcomes.printed.of(scenario)
    assert verdict == "pass" and seen, outcomes.printed.text


@pytest.mark.parametrize("name", BAD)
def test_a_configuration_that_cannot_survive_fails(outcomes: Outcomes, name: str) -> None:
    failed = [result for result in outcomes.bad[name] if not result.passed]
    assert {result.scenario.id for result in failed} == BAD[name][2]
    assert all(result.expected and result.came and not result.seen for result in failed)


def test_the_command_prints_sixteen_of_sixteen(outcomes: Outcomes) -> None:
    assert "16/16 passed" in outcomes.printed.text, outcomes.printed.text
    assert outcomes.printed.code == 0


async def test_the_command_fails_when_a_scenario_does(tmp_path: Path) -> None:
    printed = await command(tmp_path, "--only", "s08,S13", "--json", STREAM_POLICY="error")
    document = json.loads(printed.text)
    assert printed.code == 1
    assert (document["passed"], document["total"]) == (1, 2)
    assert [(row["id"], row["passed"]) for row in document["scenarios"]] == [("S08", False), ("S13", True)]
    assert "40 of 60 tokens" in document["scenarios"][0]["came"]


def test_the_table_says_what_was_expected_and_what_came(outcomes: Outcomes) -> None:
    table = certify.table(outcomes.bad["no-recovery"], configured(SHORT), 1.0)
    assert "expected: all 60 tokens in order, none repeated" in table
    assert "came:     status 200, 40 of 60 tokens, error upstream_bad_response" in table
    assert "1/5 passed" in table


def test_limits_that_nobody_configured_are_named() -> None:
    assert configured(SHORT).notes == ()
    first, idle = configured({}).notes
    assert first.startswith("FIRST_TOKEN_TIMEOUT is not configured") and first.endswith("certify uses 5 s")
    assert idle.startswith("STREAM_IDLE_TIMEOUT is not configured") and idle.endswith("certify uses 10 s")


def test_models_with_another_stream_policy_are_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("models: {short: {provider: chutes, model: m, stream_policy: error}}")
    (note,) = certify.configuration(load_settings(SHORT, path)).notes
    assert note.startswith("the model 'short' has stream_policy error")


ELSEWHERE = """
database_url: postgresql://nobody:x@127.0.0.1:1/none
redis_url: redis://127.0.0.1:1/0
default_model: [ours]
drained_targets: [primary/primary-model]
limits: {rpm: 1}
ip_rpm: 1
jobs: {after: 0.001}
providers: {lab: {base_url: "https://lab.example/v1", api_key: x, models: {chat: {id: m, name: ours}}}}
"""


async def test_storage_callers_and_models_of_the_operator_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(ELSEWHERE)
    configuration = certify.configuration(load_settings(SHORT, path))
    (result,) = await certify.run(certify.chosen("S03"), configuration)
    assert result.passed, result.came


async def test_a_gateway_that_does_not_start_is_said_so() -> None:
    settings = configured(SHORT).settings.model_copy(update={"database_url": SecretStr("postgresql://127.0.0.1:1/x")})
    with pytest.raises(ConfigError, match="does not start"):
        await certify.run(certify.chosen("S03"), Configuration(settings, ()))


def test_unknown_scenarios_are_refused() -> None:
    with pytest.raises(ConfigError, match="there is no scenario S17"):
        certify.chosen("S01,S17")


@pytest.mark.parametrize(("said", "left"), [(0, 60), (1, 59), (40, 20), (60, 0)])
def test_the_provider_goes_on_behind_a_prefill(said: int, left: int) -> None:
    question = Question("m", 1, True, False, "".join(TOKENS[:said]))
    assert question.rest == TOKENS[60 - left :]


@pytest.mark.parametrize("prefill", ["one two thr", "two", " ".join(["one", "one"])])
def test_the_provider_begins_anew_behind_a_prefill_that_is_not_its_own(prefill: str) -> None:
    assert Question("m", 1, True, False, prefill).rest == TOKENS
    assert len(set(TOKENS)) == 60
