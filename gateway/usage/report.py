"""What reports of usage are asked and what they answer: filters, figures, points of a series. Filled by the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from gateway.errors import InvalidRequest
from gateway.usage.types import UsageRow

MAX_POINTS = 2_000
OTHER = "(other)"


class GroupBy(StrEnum):
    MODEL = "model"
    KEY = "key"
    USER = "user"
    PROVIDER = "provider"
    UPSTREAM_MODEL = "upstream_model"
    OPERATION = "operation"
    STATUS = "status"


class SortBy(StrEnum):
    AT = "at"
    STATUS = "status"
    LATENCY = "latency_ms"
    TTFT = "ttft_ms"
    OVERHEAD = "overhead_ms"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost_nanos"
    MODEL = "model"


class Step(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def seconds(self) -> int:
        return {"minute": 60, "hour": 3_600, "day": 86_400}[self.value]


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Requests that arrived from `since` until before `until` (epoch seconds). Empty tuples and None: all.

    `models` are routes, as they were found for the name that was asked. `search` looks in the asked model, the
    request id and the error code.
    """

    since: float
    until: float
    models: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    provider_ids: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    status_from: int | None = None
    status_to: int | None = None
    """Inclusive."""
    error_codes: tuple[str, ...] = ()
    stream: bool | None = None
    cached: bool | None = None
    min_latency_ms: float | None = None
    min_tokens: int | None = None
    """Input and output together."""
    min_cost_nanos: int | None = None
    search: str = ""

    def __post_init__(self) -> None:
        if not self.since < self.until:
            raise InvalidRequest("'from' must be before 'to'.", param="from")

    @property
    def needs_rows(self) -> bool:
        """Whether only the rows themselves, not their hourly sums, can answer."""
        single = (self.status_from, self.status_to, self.stream, self.cached, self.min_latency_ms)
        amounts = (self.min_tokens, self.min_cost_nanos)
        return any(one is not None for one in (*single, *amounts)) or bool(self.error_codes or self.search)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds; None where nothing was measured."""

    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of any set of requests. `errors`: status 400 and above, and streams that broke; not 499, when the caller left.

    `retried` (more than one attempt) and `tokens_per_second` (of streams, after their first content) are None where
    only hourly sums are left. `exact`: percentiles are of the rows themselves, not of a histogram, nor left out as
    there are too many rows.
    """

    requests: int = 0
    errors: int = 0
    cached: int = 0
    streams: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    pages: int = 0
    cost_nanos: int = 0
    latency: Times = Times()
    first_token: Times = Times()
    overhead_mean_ms: float | None = None
    retried: int | None = None
    tokens_per_second: float | None = None
    exact: bool = True

    @property
    def success(self) -> float | None:
        """As callers saw it, whatever was tried behind the scenes: 0 to 1, None without requests."""
        return (self.requests - self.errors) / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Point:
    """`at` is when the step began. `groups` by label, empty where the series is not grouped."""

    at: float
    figures: Figures = Figures()
    groups: Mapping[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A period, and the one of the same length before it."""

    now: Figures
    before: Figures


@dataclass(frozen=True, slots=True)
class ErrorCount:
    code: str
    status: int
    requests: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[UsageRow]
    total: int


def previous(wanted: UsageFilter) -> tuple[float, float]:
    """`since` and `until` of the period of the same length before."""
    return wanted.since - (wanted.until - wanted.since), wanted.since


def change(now: float | None, before: float | None) -> float | None:
    """0.25: a quarter more than before. None where there is nothing to compare with."""
    return (now - before) / before if now is not None and before else None


def step_start(at: float, step: Step, shift: int = 0) -> int:
    """`shift` is the zone's distance from UTC in seconds, so that days begin at its midnight."""
    return int((at + shift) // step.seconds * step.seconds) - shift


def check_points(wanted: UsageFilter, step: Step) -> None:
    if (wanted.until - wanted.since) / step.seconds > MAX_POINTS:
        raise InvalidRequest(f"That is more than {MAX_POINTS} points: ask for a larger step.", param="step")


def filled(found: Iterable[Point], wanted: UsageFilter, step: Step, shift: int = 0) -> list[Point]:
    """One point for each step of the period, also where nothing happened."""
    known = {point.at: point for point in found}
    first = step_start(wanted.since, step, shift)
    return [known.get(at) or Point(at) for at in range(first, ceil(wanted.until), step.seconds)]
