"""Figures for Prometheus: families of counters, gauges and histograms, and their text form. Used by `usage` and `api`.

Our own few lines: a counter and a histogram of prometheus_client cost 5 µs, twenty of which would be a request's whole
share, and its import is a tenth of the start.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, what it means and its labels. `bounds` of histograms, ascending."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()


class Histogram:
    """Counts by bucket; the last one is what is above all bounds."""

    __slots__ = ("_place", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._place = partial(bisect_left, bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, values: Sequence[float]) -> None:
        for place, count in Counter(map(self._place, values)).items():
            self.counts[place] += count
        self.sum += sum(values)


Values = Mapping[Labels, float | Histogram]


def exposition(families: Iterable[tuple[Metric, Values]]) -> str:
    """The text format 0.0.4. A family without values shows its name and help alone."""
    lines: list[str] = []
    for metric, values in families:
        lines += (f"# HELP {metric.name} {_escaped(metric.help)}", f"# TYPE {metric.name} {metric.kind}")
        for labels, value in values.items():
            pairs = [f'{name}="{_quoted(text)}"' for name, text in zip(metric.labels, labels, strict=True)]
            if isinstance(value, Histogram):
                lines += _buckets(metric, pairs, value)
            else:
                lines.append(f"{metric.name}{_braced(pairs)} {_number(value)}")
    return "\n".join(lines) + "\n"


def _buckets(metric: Metric, pairs: list[str], histogram: Histogram) -> Iterable[str]:
    seen = 0
    for bound, count in zip((*metric.bounds, float("inf")), histogram.counts, strict=True):
        seen += count
        bucket = [*pairs, f'le="{_number(bound)}"']
        yield f"{metric.name}_bucket{_braced(bucket)} {seen}"
    yield f"{metric.name}_sum{_braced(pairs)} {_number(histogram.sum)}"
    yield f"{metric.name}_count{_braced(pairs)} {seen}"


def _braced(pairs: Sequence[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
