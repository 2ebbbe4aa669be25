"""What recent requests tell of each target: how often it fails, how fast it is. Pure; the ground of `whatif`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from gateway.usage.types import Tried, UsageRow

TargetKey = tuple[str, str]
"""Provider and upstream model."""
_SAYS_NOTHING = frozenset({"cancelled", "overtaken"})


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds: until the first content, then for each output token. Where only whole answers were measured,
    `first_ms` is their median and `token_ms` 0, or all of it is in `token_ms`."""

    first_ms: float
    token_ms: float

    def ms(self, row: UsageRow) -> float:
        return self.first_ms + self.token_ms * (row.output_tokens or 0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one target. `failing` is the share of its attempts that failed, each after `failing_ms` on average."""

    attempts: int = 0
    failing: float = 0.0
    failing_ms: float = 0.0
    speed: Speed | None = None


@dataclass(slots=True)
class _Seen:
    attempts: int = 0
    failed_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    token_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    whole_token_ms: list[float] = field(default_factory=list)


def gather(rows: Iterable[UsageRow]) -> Mapping[TargetKey, Evidence]:
    """Of every target that was asked in these requests."""
    seen: dict[TargetKey, _Seen] = defaultdict(_Seen)
    for row in rows:
        for tried in row.attempts:
            if tried.outcome in _SAYS_NOTHING:
                continue
            one = seen[tried.provider_id, tried.upstream_model]
            one.attempts += 1
            if tried.outcome != "200":
                one.failed_ms.append(tried.ms)
        if row.attempts and row.attempts[-1].outcome == "200" and row.status == 200:
            _measure(seen[row.provider_id, row.upstream_model], row, row.attempts[-1])
    return {key: _evidence(one) for key, one in seen.items()}


def _measure(seen: _Seen, row: UsageRow, answered: Tried) -> None:
    tokens = row.output_tokens
    whole = row.latency_ms - answered.started_ms
    if row.stream and row.ttft_ms is not None:
        seen.first_ms.append(row.ttft_ms - answered.started_ms)
        if tokens:
            seen.token_ms.append((row.latency_ms - row.ttft_ms) / tokens)
    elif tokens:
        seen.whole_token_ms.append(whole / tokens)
    else:
        seen.whole_ms.append(whole)


def _evidence(seen: _Seen) -> Evidence:
    failed = seen.failed_ms
    return Evidence(
        seen.attempts,
        len(failed) / seen.attempts if seen.attempts else 0.0,
        sum(failed) / len(failed) if failed else 0.0,
        _speed(seen),
    )


def _speed(seen: _Seen) -> Speed | None:
    """Streams tell most, then whole answers with tokens, then those without."""
    if seen.first_ms:
        return Speed(median(seen.first_ms), median(seen.token_ms) if seen.token_ms else 0.0)
    if seen.whole_token_ms:
        return Speed(0.0, median(seen.whole_token_ms))
    return Speed(median(seen.whole_ms), 0.0) if seen.whole_ms else None
