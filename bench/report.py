"""The results as Markdown: the goals first, then one table a scenario."""

from dataclasses import dataclass
from math import isnan

from bench.alone import Alone
from bench.figures import errors, least, middle, paired_difference, paired_ratio
from bench.goals import FLOOR, LIMIT, Goal
from bench.scenarios import OURS, SCENARIOS, Results, Rounds, Scenario


@dataclass(frozen=True, slots=True)
class Facts:
    """Where and when it was measured."""

    machine: str
    date: str
    commit: str
    rounds: int
    seconds: float
    versions: dict[str, str]
    absent: dict[str, str]
    """Peers that took no part, and why."""


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float, unit: str = "") -> str:
    if isnan(value):
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{unit}"


def facts_text(facts: Facts) -> str:
    versions = "; ".join(f"{name}: {version}" for name, version in facts.versions.items())
    absent = "".join(f"\nNot measured: {name} ({why})." for name, why in facts.absent.items())
    return (
        f"Measured {facts.date} at commit `{facts.commit}` on {facts.machine}, {facts.rounds} rounds of "
        f"{facts.seconds:g} s each. {versions}.{absent}"
    )


def goals_table(found: list[Goal]) -> str:
    def bound(goal: Goal, value: float) -> str:
        return f"{'≥' if goal.at_least else '≤'} {value:g}{goal.unit}"

    rows = [
        [goal.name, bound(goal, goal.must), bound(goal, goal.stretch), number(goal.value, goal.unit), goal.verdict]
        for goal in found
    ]
    return table(["figure", "must", "stretch", "here", ""], rows)


def scenario_table(scenario: Scenario, rounds: Rounds) -> str:
    unit, asked = ("event", "first event") if scenario.streams else ("request", "answer")
    heads = [
        "",
        f"{unit}s/s",
        "gateway is",
        f"CPU µs/{unit}",
        "least",
        "CPU / nginx",
        f"{asked} p50 ms",
        "added",
        "p99 ms",
    ]
    heads += [*(["event delay ms"] if scenario.streams else []), "errors", "memory MB"]
    rows = [_row(name, rounds, scenario.streams) for name in rounds.of]
    return f"### {scenario.title}\n\n{table(heads, rows)}"


def _row(name: str, rounds: Rounds, streams: bool) -> list[str]:
    samples = rounds.of[name]
    beside_nginx, beside_floor = (rounds.beside.get(x, []) if name == OURS else samples for x in (LIMIT, FLOOR))
    cells = [
        name,
        number(middle(samples, lambda s: s.rate)),
        number(paired_ratio(rounds.beside[name], samples, lambda s: s.rate), "×"),
        number(middle(samples, lambda s: s.cpu_us)),
        number(least(samples, lambda s: s.cpu_us)),
        number(paired_ratio(beside_nginx, rounds.of.get(LIMIT, []), lambda s: s.cpu_us), "×"),
        number(middle(samples, lambda s: s.p50)),
        number(paired_difference(beside_floor, rounds.of.get(FLOOR, []), lambda s: s.p50)),
        number(middle(samples, lambda s: s.p99)),
    ]
    delay = [number(middle(samples, lambda s: s.delay))] if streams else []
    return [*cells, *delay, str(errors(samples)), number(middle(samples, lambda s: s.memory_mb))]


def alone_table(alone: Alone) -> str:
    rows = [
        ["start to the first served request, median of 5", number(alone.cold_start_s, " s")],
        ["memory one second behind it", number(alone.idle_mb, " MB")],
        ["memory growth over 100,000 requests, after 20,000", number(alone.grown_mb, " MB")],
        ["streams in 60 s, 500 at a time", str(alone.streams)],
        ["of them broken / with wrong content", f"{alone.streams_broken} / {alone.streams_wrong}"],
        ["memory growth from their 15th second to the last", number(alone.streams_grown_mb, " MB")],
        ["CPU per request, 200,000 keys + 20,000 models / 1 + 2", number(alone.growth, "×")],
        ["CPU per request, key with limits and budget, model with price / master key", number(alone.limited, "×")],
        ["start with 200,000 keys + 20,000 models", number(alone.many_start_s, " s")],
    ]
    return f"### The gateway alone\n\n{table(['figure', 'here'], rows)}"


def results_text(facts: Facts, found: list[Goal], results: Results, alone: Alone | None) -> str:
    tables = [scenario_table(scenario, results[scenario.name]) for scenario in SCENARIOS if scenario.name in results]
    parts = [facts_text(facts), goals_table(found), *tables, *([alone_table(alone)] if alone else [])]
    return "\n\n".join(parts) + "\n"
