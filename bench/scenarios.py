"""What is asked of every target, and the rounds: each target once a round, in another order each time, and the gateway
before and after each."""

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.bodies import body_of
from bench.figures import NOTHING, Sample, Samples, between
from bench.processes import LOAD_CORE, pinned
from bench.targets import BUILD, HERE, Target


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    body: str
    connections: int
    streams: bool = False
    path: str = "/chat/completions"
    repeats: int = 1
    """Times in each round."""


SCENARIOS = (
    Scenario("chat1", "Chat, one caller", "chat", 1),
    Scenario("chat64", "Chat, 64 callers", "chat", 64, repeats=3),
    Scenario("first", "Time to first token, 2 streams", "first", 2, streams=True),
    Scenario("events", "Streams: 32, each 100 events a second", "events", 32, streams=True),
    Scenario("embeddings", "Embeddings, a reply of 190 KB, 16 callers", "embeddings", 16, path="/embeddings"),
    Scenario("image", "A request of 1 MB (a PNG), 8 callers", "image", 8),
    Scenario("long", "A request of 20 KB, 32 callers", "long", 32),
)


def build_tools() -> None:
    """Compiles the mock and the load generator where they are older than their sources."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("mock", "load"):
        made, sources = BUILD / name, [HERE / "src" / f"{name}.c", HERE / "src" / "wire.h"]
        if not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime for source in sources):
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(made), str(sources[0])], check=True)


def load_command(target: Target, scenario: Scenario, options: Sequence[str], folder: Path) -> list[str]:
    body = folder / f"{target.name}.{scenario.body}.json"
    if not body.exists():
        body.write_bytes(body_of(scenario.body, target.chat, target.embedding))
    headers = [part for name, value in target.headers.items() for part in ("-H", f"{name}: {value}")]
    kind = ["-s"] if scenario.streams else []
    command = [str(BUILD / "load"), "-c", str(scenario.connections), *kind, *options, "-b", str(body), *headers]
    return pinned([*command, str(target.server.port), target.base + scenario.path], LOAD_CORE)


def measure(target: Target, scenario: Scenario, options: Sequence[str], folder: Path) -> Sample:
    before = target.server.cpu_ns()
    done = subprocess.run(load_command(target, scenario, options, folder), capture_output=True, check=True)
    spent = target.server.cpu_ns() - before
    found = json.loads(done.stdout)
    units = found["events" if scenario.streams else "requests"]
    times = found["first_event" if scenario.streams else "latency"]
    return Sample(
        rate=found["events_per_s" if scenario.streams else "requests_per_s"],
        cpu_us=spent / 1000 / units if units else 0.0,
        p50=times["p50"] if times["n"] else NOTHING,
        p99=times["p99"] if times["n"] else NOTHING,
        delay=found["delay"]["p50"] if found["delay"]["n"] else NOTHING,
        errors=found["bad_status"] + found["broken"] + found["wrong_content"],
        memory_mb=target.server.memory_mb(),
    )


OURS = "gateway"
_FEW, _LONGER = 5, 10
"""Answers a caller gets in a turn that is too short, and how many times as long it is then."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """Of one scenario, by target. `beside` is what the gateway did right before and after that target's sample."""

    of: dict[str, list[Sample | None]] = field(default_factory=dict)
    beside: dict[str, list[Sample | None]] = field(default_factory=dict)

    def add(self, name: str, sample: Sample, beside: Sample | None) -> None:
        self.of[name].append(sample)
        self.beside[name].append(beside)


NO_ROUNDS = Rounds()
Results = dict[str, Rounds]
"""By scenario."""


def run_rounds(targets: list[Target], names: Sequence[str], rounds: int, seconds: float, folder: Path) -> Results:
    results: Results = {
        scenario.name: Rounds({target.name: [] for target in targets}, {target.name: [] for target in targets})
        for scenario in SCENARIOS
        if scenario.name in names
    }
    for number in range(rounds):
        for scenario in SCENARIOS:
            for _ in range(scenario.repeats if scenario.name in results else 0):
                _say(f"{number + 1}/{rounds} {scenario.title}")
                _run_round(targets, scenario, seconds, folder, results[scenario.name])
    return results


def _run_round(targets: list[Target], scenario: Scenario, seconds: float, folder: Path, rounds: Rounds) -> None:
    """Half as long for each turn of the gateway, since there are so many; not of streams, as what it takes to begin
    them is spread over their events."""
    others = [target for target in targets if target.name != OURS]
    ours = next((target for target in targets if target.name == OURS), None)
    own = seconds if scenario.streams else seconds / 2
    turns = [_turn(ours, scenario, own, folder)] if ours else []
    for other in random.sample(others, len(others)):
        sample = _turn(other, scenario, long_enough(rounds.of[other.name], scenario, seconds), folder)
        if ours:
            turns.append(_turn(ours, scenario, own, folder))
        rounds.add(other.name, sample, between(turns[-2:]) if ours else None)
    if ours:
        whole = between(turns)
        rounds.add(OURS, whole, whole)


def long_enough(before: Samples, scenario: Scenario, seconds: float) -> float:
    """Ten times as long for a target that gives each caller fewer than five answers in that time: they come in waves,
    and how many of these fall into a turn is chance."""
    known = before[-1] if before else None
    slow = known is not None and known.rate * seconds < _FEW * scenario.connections
    return seconds * _LONGER if slow else seconds


def _turn(target: Target, scenario: Scenario, seconds: float, folder: Path) -> Sample:
    sample = measure(target, scenario, ["-d", str(seconds), "-w", str(seconds / 4)], folder)
    _say(f"  {target.name:14} {sample.rate:10.1f}/s {sample.cpu_us:9.1f} µs, {sample.errors} errors")
    return sample


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
