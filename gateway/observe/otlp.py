"""Spans on their way to an OpenTelemetry collector: OTLP over HTTP, as JSON. The back office starts it.

Format: https://opentelemetry.io/docs/specs/otlp/ (ids in hex, 64-bit numbers as strings, one POST a batch).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from gateway import __version__
from gateway.observe.collector import Collector

log = logging.getLogger("gateway.traces")

SERVER, CLIENT = 2, 3
"""Kinds of span."""
_ERROR = 2
_PASSING = frozenset({429, 502, 503, 504})
"""The statuses after which OTLP says to try again."""
_LONGEST_PAUSE = 30.0
_LONGEST_POST = 10.0
_SAY_AGAIN = 60.0

Value = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Span:
    """`start` and `end` are epoch seconds. `error` says what went wrong; empty: nothing did."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start: float
    end: float
    attributes: Mapping[str, Value]
    error: str = ""
    state: str = ""


@dataclass(slots=True)
class SpanCounts:
    sent: int = 0
    dropped: int = 0


class Exporter:
    """At most `capacity` spans wait; past that the oldest go. A batch that the collector does not take in `tries` tries
    is dropped: requests never wait for it. All on one loop."""

    def __init__(
        self, collector: Collector, *, capacity: int = 8192, batch: int = 512, interval: float = 2.0, tries: int = 5
    ) -> None:
        self.counts = SpanCounts()
        self._collector, self._capacity, self._batch = collector, capacity, batch
        self._interval, self._tries = interval, tries
        self._waiting: deque[Span] = deque()
        self._some = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._said = float("-inf")

    def add(self, spans: Iterable[Span]) -> None:
        """Never waits, never fails."""
        self._waiting.extend(spans)
        while len(self._waiting) > self._capacity:
            self._waiting.popleft()
            self.counts.dropped += 1
        self._some.set()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="span exporter")

    async def aclose(self, deadline: float = 5.0) -> None:
        """Sends what waits; what is not sent within `deadline` seconds is lost."""
        self._closing.set()
        self._some.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=deadline)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        async with httpx.AsyncClient(timeout=_LONGEST_POST, trust_env=False) as client:
            while True:
                await self._some.wait()
                if len(self._waiting) < self._batch:
                    await self._pause(self._interval)
                while self._waiting:
                    size = min(self._batch, len(self._waiting))
                    await self._export(client, [self._waiting.popleft() for _ in range(size)])
                if self._closing.is_set():
                    return
                self._some.clear()

    async def _pause(self, seconds: float) -> None:
        """Cut short by the end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _export(self, client: httpx.AsyncClient, spans: Sequence[Span]) -> None:
        body = encode(spans, self._collector.service)
        problem = ""
        for n in range(self._tries):
            problem, wait = await self._post(client, body)
            if not problem:
                self.counts.sent += len(spans)
                return
            if wait is None or n == self._tries - 1:
                break
            await self._pause(wait or min(_LONGEST_PAUSE, 2.0**n))
        self.counts.dropped += len(spans)
        if time.monotonic() - self._said >= _SAY_AGAIN:
            self._said = time.monotonic()
            log.warning("the trace collector does not take spans, %d are lost: %s", self.counts.dropped, problem)

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[str, float | None]:
        """What went wrong, empty for nothing; and after how many seconds to try again: 0 for any, None for never."""
        headers = {**self._collector.headers, "content-type": "application/json"}
        try:
            async with asyncio.timeout(_LONGEST_POST):
                answer = await client.post(
                    f"{self._collector.url.rstrip('/')}/v1/traces", content=body, headers=headers
                )
        except (httpx.HTTPError, TimeoutError) as error:
            return type(error).__name__, 0.0
        except Exception as error:
            return f"no request can be made: {type(error).__name__}", None
        if answer.status_code == 200:
            return _refused(answer), None
        if answer.status_code not in _PASSING:
            return f"status {answer.status_code}", None
        wait = answer.headers.get("retry-after", "")
        return f"status {answer.status_code}", min(float(wait), _LONGEST_PAUSE) if wait.isdecimal() else 0.0


def _refused(answer: httpx.Response) -> str:
    """What a collector says of spans that it refused; they are not to be sent again."""
    try:
        partial = orjson.loads(answer.content or b"{}").get("partialSuccess") or {}
        refused = int(partial.get("rejectedSpans") or 0)
    except (ValueError, AttributeError, TypeError):
        return ""
    return f"{refused} spans were refused" if refused else ""


def encode(spans: Sequence[Span], service: str) -> bytes:
    """An ExportTraceServiceRequest."""
    resource = {"attributes": _attributes({"service.name": service, "service.version": __version__})}
    scope = {"scope": {"name": "chute-gateway", "version": __version__}, "spans": [_span(one) for one in spans]}
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})


def _span(span: Span) -> dict[str, Any]:
    written: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(int(span.start * 1e9)),
        "endTimeUnixNano": str(int(max(span.end, span.start) * 1e9)),
        "attributes": _attributes(span.attributes),
        "status": {"code": _ERROR, "message": span.error} if span.error else {},
    }
    if span.parent_id:
        written["parentSpanId"] = span.parent_id
    if span.state:
        written["traceState"] = span.state
    return written


def _attributes(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value.encode("utf-8", "replace").decode()}
