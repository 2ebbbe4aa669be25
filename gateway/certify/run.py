"""Runs scenarios, all at once: each has a gateway and a provider of its own, so none disturbs another."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from gateway.certify.configuration import Configuration
from gateway.certify.demands import Unmet, demand
from gateway.certify.scenarios import Scenario
from gateway.certify.stand import Stand, open_stand

_ALIVE_WITHIN = 10.0
"""Seconds for the answer to one more request, with the provider well again."""


@dataclass(frozen=True, slots=True)
class Result:
    """`seen` is what happened; of a failure, `expected` and `came` say what it is about."""

    scenario: Scenario
    seconds: float
    seen: str = ""
    expected: str = ""
    came: str = ""

    @property
    def passed(self) -> bool:
        return not self.expected


async def run(scenarios: Sequence[Scenario], configuration: Configuration, *, quick: bool = False) -> list[Result]:
    """Results in the order of the scenarios. Raises ConfigError when the settings cannot work.

    No scenario begins before all gateways serve: starting one takes the time of those that are measured.
    """
    all_serve = asyncio.Barrier(len(scenarios))
    running = [asyncio.create_task(_run_one(scenario, configuration, quick, all_serve)) for scenario in scenarios]
    try:
        return await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _alive(stand: Stand) -> None:
    """Whatever was done to it, the gateway answers when the provider is well again."""
    stand.heal()
    answer = await stand.ask()
    demand(
        answer.whole and answer.seconds < _ALIVE_WITHIN, f"a whole answer within {_ALIVE_WITHIN:g} s afterwards", answer
    )


async def _run_one(scenario: Scenario, configuration: Configuration, quick: bool, all_serve: asyncio.Barrier) -> Result:
    async with open_stand(configuration.settings, quick=quick) as stand:
        await all_serve.wait()
        began = time.monotonic()
        try:
            seen = await _within_patience(scenario, stand)
        except Unmet as failure:
            return Result(scenario, time.monotonic() - began, expected=failure.expected, came=failure.came)
        return Result(scenario, time.monotonic() - began, seen)


async def _within_patience(scenario: Scenario, stand: Stand) -> str:
    try:
        async with asyncio.timeout(scenario.patience):
            seen = await scenario.check(stand)
            await _alive(stand)
            return seen
    except TimeoutError:
        raise Unmet(f"an end within {scenario.patience:g} s", "nothing: the gateway hangs") from None
    except httpx.HTTPError as error:
        raise Unmet("an answer of the gateway", f"{type(error).__name__}: {error}") from None
