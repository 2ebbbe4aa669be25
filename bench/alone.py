"""What is measured on the gateway alone: growth with keys and models, start, memory, and many streams at once."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import NOTHING, Sample, paired_ratio
from bench.scenarios import SCENARIOS, Scenario, load_command, measure
from bench.targets import Target, Unavailable, start_gateway

MANY_KEYS, MANY_MODELS = 200_000, 20_000
_GROWTH_STARTS, _LIMITED_STARTS = 10, 5
"""How often a pair of gateways is started: where a process happens to lie in memory makes it 2 % faster or slower. The
first has a goal, and is to be known to about 1 %."""
_SETTLING, _TURN = 1.5, 0.25
"""Seconds."""
_TURNS = 9
"""In each round, of each pair of processes."""
_CHAT = next(scenario for scenario in SCENARIOS if scenario.name == "chat64")
_CHECKED = Scenario("checked", "500 streams", "checked", 500, streams=True)


@dataclass(slots=True)
class Alone:
    growth: float = NOTHING
    """CPU per request with many keys and models / with few."""
    limited: float = NOTHING
    """CPU per request with a key that has limits and a budget, of a model with a price / with the master key."""
    many_start_s: float = NOTHING
    cold_start_s: float = NOTHING
    idle_mb: float = NOTHING
    grown_mb: float = NOTHING
    """Over 100,000 requests, after 20,000 to warm up."""
    streams: int = 0
    streams_broken: int = 0
    streams_wrong: int = 0
    """Streams with an event of another's, out of order, or without their end."""
    streams_grown_mb: float = NOTHING
    """From the 15th second of the minute to its last."""


def measure_alone(folder: Path, mock: int, rounds: int) -> Alone:
    found = Alone()
    for step in (_cold_starts, _memory, _many_streams):
        step(found, folder, mock)
    _growth(found, folder, mock, rounds)
    _limited(found, folder, mock, rounds)
    return found


def _started(
    folder: Path, mock: int, name: str, keys: int = 0, models: int = 0, *, limited: bool = False
) -> tuple[Target, float]:
    began = time.monotonic()
    target = start_gateway(folder, mock, keys=keys, models=models, limited=limited, name=name)
    try:
        target.wait(240)
    except Unavailable:
        target.server.stop()
        raise
    return target, time.monotonic() - began


def _cold_starts(found: Alone, folder: Path, mock: int) -> None:
    """The middle of five starts to the first served request, and the memory a second behind it."""
    times, sizes = [], []
    for _ in range(5):
        target, took = _started(folder, mock, "cold")
        time.sleep(1)
        times.append(took)
        sizes.append(target.server.memory_mb())
        target.server.stop()
    found.cold_start_s, found.idle_mb = median(times), median(sizes)
    _say(f"cold start {found.cold_start_s:.2f} s, idle {found.idle_mb:.1f} MB")


def _memory(found: Alone, folder: Path, mock: int) -> None:
    target, _ = _started(folder, mock, "memory")
    try:
        _requests(target, folder, 20_000)
        before = target.server.memory_mb()
        _requests(target, folder, 100_000)
        found.grown_mb = target.server.memory_mb() - before
    finally:
        target.server.stop()
    _say(f"memory grew by {found.grown_mb:.2f} MB")


def _requests(target: Target, folder: Path, number: int) -> None:
    options = ["-n", str(number), "-d", "240", "-w", "0"]
    subprocess.run(load_command(target, _CHAT, options, folder), capture_output=True, check=True)


def _many_streams(found: Alone, folder: Path, mock: int) -> None:
    target, _ = _started(folder, mock, "streams")
    sizes: list[tuple[float, float]] = []
    began = time.monotonic()
    command = load_command(target, _CHECKED, ["-d", "60", "-w", "0"], folder)
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
            while load.poll() is None:
                sizes.append((time.monotonic() - began, target.server.memory_mb()))
                time.sleep(1)
            report = json.loads(load.stdout.read() if load.stdout else b"")
    finally:
        target.server.stop()
    found.streams, found.streams_wrong = report["requests"], report["wrong_content"]
    found.streams_broken = report["broken"] + report["bad_status"]
    running = [size for at, size in sizes if 15 <= at < 60]
    found.streams_grown_mb = running[-1] - running[0]
    _say(f"{found.streams} streams, {found.streams_broken} broken, {found.streams_wrong} wrong")


def _growth(found: Alone, folder: Path, mock: int, rounds: int) -> None:
    pairs, starts = _Pairs(folder, rounds), []
    for _ in range(_GROWTH_STARTS):
        few, _ = _started(folder, mock, "few")
        try:
            many, took = _started(folder, mock, "many", MANY_KEYS, MANY_MODELS)
        except Unavailable as error:
            few.server.stop()
            _say(f"{MANY_KEYS} keys: {error}")
            return
        starts.append(took)
        pairs.measure(many, few)
    found.growth, found.many_start_s = pairs.ratio(), median(starts)
    _say(f"growth x{found.growth:.3f}; {MANY_KEYS} keys start in {found.many_start_s:.1f} s")


def _limited(found: Alone, folder: Path, mock: int, rounds: int) -> None:
    pairs = _Pairs(folder, rounds)
    for _ in range(_LIMITED_STARTS):
        plain, _ = _started(folder, mock, "plain")
        limited, _ = _started(folder, mock, "limited", limited=True)
        pairs.measure(limited, plain)
    found.limited = pairs.ratio()
    _say(f"limits, budget and price x{found.limited:.3f}")


class _Pairs:
    """CPU per chat of one gateway / of another, in pairs of turns, of several pairs of processes. What disturbs a
    shared machine mostly lasts for less than a second, so that the turns are short and many."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self._folder, self._turns = folder, _TURNS * rounds
        self._ones: list[Sample] = []
        self._others: list[Sample] = []

    def measure(self, one: Target, other: Target) -> None:
        """Stops both. The first seconds do not count: a gateway that has just started takes over its catalog then."""
        for target in (one, other):
            self._turn(target, _SETTLING)
        for number in range(self._turns):
            turn = [(one, self._ones), (other, self._others)]
            for target, samples in turn if number % 2 else reversed(turn):
                samples.append(self._turn(target, _TURN))
        one.server.stop()
        other.server.stop()

    def _turn(self, target: Target, seconds: float) -> Sample:
        return measure(target, _CHAT, ["-d", str(seconds), "-w", str(seconds / 4)], self._folder)

    def ratio(self) -> float:
        return paired_ratio(self._ones, self._others, lambda sample: sample.cpu_us)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
