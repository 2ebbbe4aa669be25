"""`Meters`: what rows add up to since the start, for `/metrics` and `/stats`. Listens to the recorder."""

from collections.abc import Iterator
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


class _Line:
    """The sums of the rows that have the same labels. Lines of one operation and model share their histogram."""

    __slots__ = (
        *("cached", "cached_tokens", "cost", "durations", "input", "output"),
        *("pages", "requests", "seconds", "unpriced"),
    )

    def __init__(self, durations: Histogram) -> None:
        self.durations = durations
        self.requests = self.input = self.output = self.cached_tokens = self.pages = 0
        self.cost = self.unpriced = self.cached = 0
        self.seconds = 0.0

    def add(self, row: UsageRow) -> None:
        self.durations.observe(row.latency_ms / 1000)
        self.requests += 1
        self.input += row.input_tokens or 0
        self.output += row.output_tokens or 0
        self.cached_tokens += row.cached_tokens or 0
        self.pages += row.pages or 0
        self.seconds += row.seconds or 0.0
        self.cached += row.cached
        if row.cost_nanos is not None:
            self.cost += row.cost_nanos
        elif row.provider_id and not row.cached:
            self.unpriced += 1


class Meters:
    """Labels are bounded: a model is the route it led to, and past the bounds, or where none was found, `other`."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        """Requests that `failed`."""
        self._lines: dict[_Key, _Line] = {}
        self._by_row: dict[tuple[str, str, str, int], _Line] = {}
        """By operation, route, provider and status: spares most rows the way through their labels."""
        self._models: set[str] = set()
        self._codes: set[str] = set()
        self._errors: dict[tuple[str, ...], float] = {}
        self._attempts: dict[tuple[str, ...], float] = {}
        self._fallbacks: dict[tuple[str, ...], float] = {}
        self._durations: dict[tuple[str, ...], Histogram] = {}
        self._first_tokens: dict[tuple[str, ...], Histogram] = {}
        self._overheads: dict[tuple[str, ...], Histogram] = {}

    def observe(self, row: UsageRow) -> None:
        line = self._by_row.get((row.operation, row.route, row.provider_id, row.status)) or self._line(row)
        line.add(row)
        self.requests += 1
        if row.status >= 400 or row.error_code:
            self._fail(row)
        for tried in row.attempts:
            _count(self._attempts, (tried.provider_id, self._code(tried.outcome)))
        if len(row.attempts) > 1 and row.provider_id and _moved(row):
            _count(self._fallbacks, (self._model(row.route),))
        if row.ttft_ms is not None:
            labels = (row.operation, self._model(row.route))
            _histogram(self._first_tokens, table.FIRST_TOKEN, labels).observe(row.ttft_ms / 1000)
        if row.overhead_ms is not None:
            _histogram(self._overheads, table.OVERHEAD, (row.operation,)).observe(row.overhead_ms / 1000)

    def total(self, name: str) -> int:
        """`input`, `output`, `cached_tokens` or `cost` (nano-dollars) of everything."""
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
        yield table.COST, {target: nanos / NANOS for target, nanos in self._by_target("cost").items()}
        yield table.UNPRICED, self._by_target("unpriced")
        yield table.ATTEMPTS, self._attempts
        yield table.FALLBACKS, self._fallbacks
        yield table.FROM_CACHE, {(model,): n for (_, model), n in self._by_target("cached", providers=False).items()}

    def _tokens(self) -> dict[tuple[str, ...], float]:
        kinds = {"input": "input", "output": "output", "cached": "cached_tokens"}
        return {(*target, kind): n for kind, name in kinds.items() for target, n in self._by_target(name).items()}

    def _by_target(self, name: str, *, providers: bool = True) -> dict[tuple[str, ...], float]:
        """Only what is not 0, so that chats show no pages."""
        sums: dict[tuple[str, ...], float] = {}
        for key, line in self._lines.items():
            if amount := getattr(line, name):
                target = (key.provider if providers else "", key.model)
                sums[target] = sums.get(target, 0) + amount
        return sums

    def _line(self, row: UsageRow) -> _Line:
        model = self._model(row.route)
        key = _Key(row.operation, model, row.provider_id, row.status)
        if key not in self._lines and len(self._lines) >= _MAX_LINES:
            key = key._replace(model=OTHER, provider=OTHER)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(_histogram(self._durations, table.DURATION, (key.operation, key.model)))
        if len(self._by_row) < _MAX_LINES:
            self._by_row[row.operation, row.route, row.provider_id, row.status] = line
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
        _count(self._errors, (row.operation, self._code(row.error_code or str(row.status))))

    def _code(self, code: str) -> str:
        """Some codes are a provider's own words."""
        if code not in self._codes:
            if len(self._codes) >= _MAX_CODES:
                return OTHER
            self._codes.add(code)
        return code


def _moved(row: UsageRow) -> bool:
    first = row.attempts[0]
    return (first.provider_id, first.upstream_model) != (row.provider_id, row.upstream_model)


def _count(counts: dict[tuple[str, ...], float], labels: tuple[str, ...]) -> None:
    counts[labels] = counts.get(labels, 0) + 1


def _histogram(into: dict[tuple[str, ...], Histogram], metric: Metric, labels: tuple[str, ...]) -> Histogram:
    found = into.get(labels)
    if found is None:
        found = into[labels] = Histogram(metric.bounds)
    return found
