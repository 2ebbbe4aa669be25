"""The sixteen scenarios as a table. What each demands is in `checks`, in words in docs/certify.md."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.certify.checks import early, lasting, midway
from gateway.certify.stand import Stand
from gateway.errors import ConfigError

Check = Callable[[Stand], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`patience`: seconds after which the scenario has failed because the gateway hangs."""

    id: str
    title: str
    check: Check
    patience: float = 75.0


SCENARIOS = (
    Scenario("S01", "429 with Retry-After", early.limited_once),
    Scenario("S02", "429 for ever", early.limited_for_ever),
    Scenario("S03", "one 500", early.failed_once),
    Scenario("S04", "503 for ever", early.unavailable_for_ever),
    Scenario("S05", "TCP reset", early.reset_for_ever),
    Scenario("S06", "no response", early.no_response),
    Scenario("S07", "first token after 20 s", early.late_first_token),
    Scenario("S08", "cut at 40 of 60 tokens", midway.cut_short),
    Scenario("S09", "30 s stall", midway.stalled),
    Scenario("S10", "malformed chunk", midway.garbled),
    Scenario("S11", "no [DONE]", midway.without_done),
    Scenario("S12", "context length exceeded", early.too_long),
    Scenario("S13", "content filter", early.filtered),
    Scenario("S14", "fallback refuses prefill", midway.prefill_refused),
    Scenario("S15", "flapping", lasting.flapping, patience=150.0),
    Scenario("S16", "accounting", lasting.accounting),
)


def chosen(ids: str) -> tuple[Scenario, ...]:
    """The scenarios of a list such as `S01,S08`, all of them for an empty one. Raises ConfigError."""
    wanted = [one.strip().upper() for one in ids.split(",") if one.strip()]
    known = {scenario.id: scenario for scenario in SCENARIOS}
    if unknown := [one for one in wanted if one not in known]:
        raise ConfigError(f"--only: there is no scenario {unknown[0]} (known: S01 to S16)")
    return tuple(known[one] for one in wanted) or SCENARIOS
