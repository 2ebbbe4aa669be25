"""The goals: what each figure must be and could be, and whether it is."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

from bench.alone import Alone
from bench.figures import NOTHING, Sample, paired_difference, paired_ratio
from bench.scenarios import NO_ROUNDS, Results

FLOOR, LIMIT = "direct", "nginx"


@dataclass(frozen=True, slots=True)
class Goal:
    name: str
    value: float
    must: float
    stretch: float
    unit: str = "×"
    at_least: bool = False

    def reached(self, bound: float) -> bool:
        return self.value >= bound if self.at_least else self.value <= bound

    @property
    def verdict(self) -> str:
        if isnan(self.value):
            return "not measured"
        if not self.reached(self.must):
            return "**not met**"
        return "met, stretch too" if self.reached(self.stretch) else "met"


def _rate(sample: Sample) -> float:
    return sample.rate


def _cpu(sample: Sample) -> float:
    return sample.cpu_us


def _p50(sample: Sample) -> float:
    return sample.p50


def goals(results: Results, alone: Alone) -> list[Goal]:
    return [*_against_others(results), *_alone(alone)]


def _against_others(results: Results) -> list[Goal]:
    def ratio(scenario: str, other: str, value: Callable[[Sample], float]) -> float:
        rounds = results.get(scenario, NO_ROUNDS)
        return paired_ratio(rounds.beside.get(other, []), rounds.of.get(other, []), value)

    def added(scenario: str) -> float:
        rounds = results.get(scenario, NO_ROUNDS)
        return paired_difference(rounds.beside.get(FLOOR, []), rounds.of.get(FLOOR, []), _p50)

    peers = (("node proxy", 1.5, 3), ("TensorZero", 2, 4), ("sglang-router", 1, 2), ("LiteLLM", 100, 250))
    return [
        Goal("CPU per request, chat, 64 callers, against nginx", ratio("chat64", LIMIT, _cpu), 6, 3),
        *(
            Goal(
                f"requests a second, chat, 64 callers, against {peer}",
                ratio("chat64", peer, _rate),
                must,
                more,
                "×",
                True,
            )
            for peer, must, more in peers
        ),
        Goal("added to the median answer, one caller", added("chat1"), 0.35, 0.15, " ms"),
        Goal("added to the time to first token", added("first"), 1, 0.4, " ms"),
        Goal("CPU per event of a stream, against nginx", ratio("events", LIMIT, _cpu), 3.5, 2),
        Goal(
            "embeddings, 190 KB, requests a second against nginx",
            ratio("embeddings", LIMIT, _rate),
            0.8,
            1.2,
            "×",
            True,
        ),
        Goal("request of 1 MB, requests a second against nginx", ratio("image", LIMIT, _rate), 0.35, 0.6, "×", True),
    ]


def _alone(alone: Alone) -> list[Goal]:
    wrong = float(alone.streams_broken + alone.streams_wrong) if alone.streams else NOTHING
    return [
        Goal("CPU per request, 200,000 keys + 20,000 models against 1 + 2", alone.growth, 1.05, 1.02),
        Goal("memory, idle", alone.idle_mb, 80, 40, " MB"),
        Goal("start to first served request", alone.cold_start_s, 1.5, 0.7, " s"),
        Goal("memory growth over 100,000 requests", alone.grown_mb, 2, 0, " MB"),
        Goal("500 streams for 60 s: broken, mixed up or incomplete", wrong, 0, 0, ""),
        Goal("500 streams for 60 s: memory growth", alone.streams_grown_mb, 2, 0, " MB"),
    ]
