"""The statistics: a sample is what one turn of one scenario gave; ratios are taken within a round, then their median.

On a shared machine the speed of a core changes by a factor of two from one half minute to the next. The gateway is
therefore measured right before and right after each other target, and `between` is what stands beside that one's
sample: a change that goes on through the three turns cancels out, and the median drops the rounds with another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean, median

NOTHING = float("nan")


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of one scenario on one target. Times in milliseconds; a unit is a request, or an event of a stream."""

    rate: float
    """Units a second."""
    cpu_us: float
    """CPU time of all of the target's processes per unit."""
    p50: float
    """Of the whole answer; of the first event for streams."""
    p99: float
    delay: float
    """Of an event on its way through the target, median."""
    errors: int
    memory_mb: float


def between(samples: Sequence[Sample]) -> Sample:
    """The mean of these turns of one target, with the errors of all. One that served nothing tells its rate alone."""
    served = [one for one in samples if one.rate > 0] or samples
    return Sample(
        rate=fmean(one.rate for one in samples),
        cpu_us=fmean(one.cpu_us for one in served),
        p50=fmean(one.p50 for one in served),
        p99=fmean(one.p99 for one in served),
        delay=fmean(one.delay for one in served),
        errors=sum(one.errors for one in samples),
        memory_mb=max(one.memory_mb for one in samples),
    )


Samples = Sequence[Sample | None]
"""By round; None: the target did not take part."""
Value = Callable[[Sample], float]


def middle(samples: Samples, value: Value) -> float:
    values = _known(samples, value)
    return median(values) if values else NOTHING


def least(samples: Samples, value: Value) -> float:
    return min(_known(samples, value), default=NOTHING)


def paired_ratio(ours: Samples, theirs: Samples, value: Value) -> float:
    """The median over the rounds of ours / theirs; a round in which either served nothing does not count."""
    ratios = [a / b for a, b in _pairs(ours, theirs, value) if b > 0]
    return median(ratios) if ratios else NOTHING


def paired_difference(ours: Samples, theirs: Samples, value: Value) -> float:
    differences = [a - b for a, b in _pairs(ours, theirs, value)]
    return median(differences) if differences else NOTHING


def errors(samples: Samples) -> int:
    return sum(sample.errors for sample in samples if sample)


def _value(sample: Sample | None, value: Value) -> float:
    """What was seen; nothing where the target served nothing, since errors are cheap and quick."""
    return value(sample) if sample and sample.rate > 0 else NOTHING


def _known(samples: Samples, value: Value) -> list[float]:
    return [x for sample in samples if not isnan(x := _value(sample, value))]


def _pairs(ours: Samples, theirs: Samples, value: Value) -> list[tuple[float, float]]:
    both = [(_value(a, value), _value(b, value)) for a, b in zip(ours, theirs, strict=False)]
    return [(a, b) for a, b in both if not isnan(a) and not isnan(b)]
