"""`Meters`: what rows add up to since the start, for `/metrics` and `/stats`. Listens to the recorder."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from gateway.observe import metric_table as table
from gateway.observe.metrics import Histogram, Metric, Values
from gateway.usage.types import NANOS, UsageRow

OTHER = "other"
_MAX_LINES = 5_000
_MAX_MODELS = 1_000
_MAX_CODES = 200


class _Key(NamedTuple):
    operation: str
    model: str
    provider: str
    status: int


_Labels = tuple[str, str, str, int]
"""Operation, route, provider and status."""
_labels = attrgetter("operation", "route", "provider_id", "status")
_attempts, _outcome = attrgetter("attempts"), attrgetter("provider_id", "outcome")

_SUMS = ("input_tokens", "output_tokens", "cached_tokens", "pages", "seconds", "cost_nanos", "cached")
_sums = attrgetter(*_SUMS)


class _Line:
    """The sums of the rows that have the same labels. Lines of one operation and model share their histogram."""

    __slots__ = (*_SUMS, "durations", "requests", "unpriced")

    def __init__(self, durations: Histogram) -> None:
        self.durations = durations
        self.requests = self.unpriced = 0
        for name in _SUMS:
            setattr(self, name, 0)

    def add(self, rows: Sequence[UsageRow]) -> None:
        self.requests += len(rows)
        self.durations.observe([row.latency_ms / 1000 for row in rows])
        for name, column in zip(_SUMS, zip(*map(_sums, rows), strict=True), strict=True):
            setattr(self, name, getattr(self, name) + sum(filter(None, column)))
        if rows[0].provider_id:
            self.unpriced += sum([row.cost_nanos is None and not row.cached for row in rows])


class Meters:
    """Labels are bounded: a model is the route it led to, and past the bounds, or where none was found, `other`."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        """Requests that `failed`."""
        self._lines: dict[_Key, _Line] = {}
        self._by_labels: dict[_Labels, _Line] = {}
        """Spares most rows the way through the bounds."""
        self._models: set[str] = set()
        self._codes: set[str] = set()
        self._errors: dict[tuple[str, ...], float] = {}
        self._attempts: dict[tuple[str, ...], float] = {}
        self._fallbacks: dict[tuple[str, ...], float] = {}
        self._durations: dict[tuple[str, ...], Histogram] = {}
        self._first_tokens: dict[tuple[str, ...], Histogram] = {}
        self._overheads: dict[tuple[str, ...], Histogram] = {}

    def observe(self, rows: Sequence[UsageRow]) -> None:
        """Rows of the same labels are added up by column: those that end within moments are mostly alike."""
        alike: dict[_Labels, list[UsageRow]] = defaultdict(list)
        for row in rows:
            alike[_labels(row)].append(row)
        for labels, some in alike.items():
            self._add(labels, some)
        tried = Counter(map(_outcome, chain.from_iterable(map(_attempts, rows))))
        for (provider, outcome), number in tried.items():
            _count(self._attempts, (provider, self._code(outcome)), number)

    def _add(self, labels: _Labels, rows: Sequence[UsageRow]) -> None:
        operation, route, provider, status = labels
        line = self._by_labels.get(labels) or self._line(labels)
        line.add(rows)
        self.requests += len(rows)
        if provider and (moved := sum(map(_moved, rows))):
            _count(self._fallbacks, (self._model(route),), moved)
        for row in rows if status >= 400 else [row for row in rows if row.error_code]:
            self._fail(row)
        if first := [row.ttft_ms / 1000 for row in rows if row.ttft_ms is not None]:
            _histogram(self._first_tokens, table.FIRST_TOKEN, (operation, self._model(route))).observe(first)
        if overheads := [row.overhead_ms / 1000 for row in rows if row.overhead_ms is not None]:
            _histogram(self._overheads, table.OVERHEAD, (operation,)).observe(overheads)

    def total(self, name: str) -> int:
        """`input_tokens`, `output_tokens`, `cached_tokens` or `cost_nanos` of everything."""
        return sum(getattr(line, name) for line in self._lines.values())

    def families(self) -> Iterator[tuple[Metric, Values]]:
        yield table.REQUESTS, {(*key[:3], str(key.status)): line.requests for key, line in self._lines.items()}
        yield table.ERRORS, self._errors
        yield table.DURATION, self._durations
        yield table.FIRST_TOKEN, self._first_tokens
        yield table.OVERHEAD, self._overheads
        yield table.TOKENS, self._tokens()
        yield table.AUDIO, self._by_target("seconds")
        yield table.PAGES, self._by_target("pages")
        yield table.COST, {target: nanos / NANOS for target, nanos in self._by_target("cost_nanos").items()}
        yield table.UNPRICED, self._by_target("unpriced")
        yield table.ATTEMPTS, self._attempts
        yield table.FALLBACKS, self._fallbacks
        yield table.FROM_CACHE, {(model,): n for (_, model), n in self._by_target("cached", providers=False).items()}

    def _tokens(self) -> dict[tuple[str, ...], float]:
        kinds = {"input": "input_tokens", "output": "output_tokens", "cached": "cached_tokens"}
        return {(*target, kind): n for kind, name in kinds.items() for target, n in self._by_target(name).items()}

    def _by_target(self, name: str, *, providers: bool = True) -> dict[tuple[str, ...], float]:
        """Only what is not 0, so that chats show no pages."""
        sums: dict[tuple[str, ...], float] = {}
        for key, line in self._lines.items():
            if amount := getattr(line, name):
                target = (key.provider if providers else "", key.model)
                sums[target] = sums.get(target, 0) + amount
        return sums

    def _line(self, labels: _Labels) -> _Line:
        operation, route, provider, status = labels
        key = _Key(operation, self._model(route), provider, status)
        if key not in self._lines and len(self._lines) >= _MAX_LINES:
            key = key._replace(model=OTHER, provider=OTHER)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(_histogram(self._durations, table.DURATION, (key.operation, key.model)))
        if len(self._by_labels) < _MAX_LINES:
            self._by_labels[labels] = line
        return line

    def _model(self, route: str) -> str:
        """Lists such as `a,b` are made up by callers: they share one label."""
        if route in self._models:
            return route
        if not route or "," in route or len(self._models) >= _MAX_MODELS:
            return OTHER
        self._models.add(route)
        return route

    def _fail(self, row: UsageRow) -> None:
        self.errors += row.failed
        _count(self._errors, (row.operation, self._code(row.error_code or str(row.status))), 1)

    def _code(self, code: str) -> str:
        """Some codes are a provider's own words."""
        if code not in self._codes:
            if len(self._codes) >= _MAX_CODES:
                return OTHER
            self._codes.add(code)
        return code


def _moved(row: UsageRow) -> bool:
    """Whether another target answered than the first that was asked."""
    if len(row.attempts) < 2:
        return False
    first = row.attempts[0]
    return (first.provider_id, first.upstream_model) != (row.provider_id, row.upstream_model)


def _count(counts: dict[tuple[str, ...], float], labels: tuple[str, ...], number: int) -> None:
    counts[labels] = counts.get(labels, 0) + number


def _histogram(into: dict[tuple[str, ...], Histogram], metric: Metric, labels: tuple[str, ...]) -> Histogram:
    found = into.get(labels)
    if found is None:
        found = into[labels] = Histogram(metric.bounds)
    return found
