"""Own GPUs against what the same traffic costs now: from when on they pay. Pure; called by the analytics of the API.

Assumed: a GPU reads and writes tokens at the given speeds, whatever the request; local and cached answers cost nothing
already and are left out by the caller's filter or count as they were paid.
"""

from dataclasses import dataclass
from math import ceil

from gateway.errors import InvalidRequest
from gateway.usage.report import Figures
from gateway.usage.types import NANOS

_MILLION = 1_000_000
_HOUR = 3600.0
_DAY = 24.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """`hourly_usd` for one GPU. Speeds are of all requests together at full load, as a load test measures them;
    `input_speed` None: reading costs no time of its own. `load` is the share of full speed that is planned with."""

    hourly_usd: float
    output_speed: float
    input_speed: float | None = None
    load: float = 0.7


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Money in USD. `gpus` are those that the busiest hour needs, running all the time. `per_million_*` are for input
    and output tokens together. `pays_from` is the tokens a day from which the GPUs are cheaper; None where they never
    are, as they would be full before. `full_gpu_hours` is the least: GPUs that are paid only while they compute."""

    hours: float
    tokens: int
    cost_usd: float
    unpriced: int
    per_million_usd: float | None
    gpus: int
    gpu_cost_usd: float
    gpu_per_million_usd: float | None
    full_gpu_hours: float
    full_gpu_cost_usd: float
    use: float
    """Share of what the GPUs could do."""
    tokens_per_day: float
    pays_from: float | None
    saved_usd: float
    """By the GPUs in this period; negative: they cost more."""


def break_even(figures: Figures, hours: float, busiest_hour: Figures, gpu: Gpu) -> BreakEven:
    """`figures` of the whole period of `hours`, `busiest_hour` of the hour with the most tokens.

    Raises InvalidRequest where no token was counted.
    """
    tokens = figures.input_tokens + figures.output_tokens
    if not tokens:
        raise InvalidRequest(
            "No tokens were counted in this period: choose another one, or other models.", param="from"
        )
    full_hours = _seconds(figures, gpu) / _HOUR
    gpus = max(1, ceil(_seconds(busiest_hour, gpu) / _HOUR / gpu.load), ceil(full_hours / hours / gpu.load))
    cost, gpu_cost = figures.cost_nanos / NANOS, gpus * gpu.hourly_usd * hours
    return BreakEven(
        hours=hours,
        tokens=tokens,
        cost_usd=cost,
        unpriced=figures.unpriced,
        per_million_usd=cost / tokens * _MILLION if cost else None,
        gpus=gpus,
        gpu_cost_usd=gpu_cost,
        gpu_per_million_usd=gpu_cost / tokens * _MILLION,
        full_gpu_hours=full_hours,
        full_gpu_cost_usd=full_hours * gpu.hourly_usd,
        use=full_hours / (gpus * hours),
        tokens_per_day=tokens / hours * _DAY,
        pays_from=_pays_from(cost / tokens, tokens / full_hours, gpu) if cost else None,
        saved_usd=cost - gpu_cost,
    )


def _seconds(figures: Figures, gpu: Gpu) -> float:
    """That one GPU computes for these tokens at full speed. Input that its provider had cached is read all the same."""
    reading = figures.input_tokens / gpu.input_speed if gpu.input_speed else 0.0
    return figures.output_tokens / gpu.output_speed + reading


def _pays_from(usd_per_token: float, tokens_per_gpu_hour: float, gpu: Gpu) -> float | None:
    """Tokens a day at which one GPU costs what they cost now, if it can do so many."""
    needed = gpu.hourly_usd * _DAY / usd_per_token
    return needed if needed <= tokens_per_gpu_hour * gpu.load * _DAY else None
