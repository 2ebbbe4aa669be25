"""The spans of a finished request: the gateway's own, and one for each attempt. Pure; called where rows are heard of.

Names follow OpenTelemetry's conventions for HTTP servers and for generative AI (`gen_ai.*`); `gateway.*` is ours.
"""

from collections.abc import Iterator, Mapping

from gateway.observe.otlp import CLIENT, SERVER, Span, Value
from gateway.observe.traces import Trace
from gateway.openai_api.operations import OPERATIONS
from gateway.usage.types import NANOS, Tried, UsageRow

_PATHS: Mapping[str, str] = {operation.name: path for path, operation in OPERATIONS.items()}
_OPERATIONS: Mapping[str, str] = {"chat.completions": "chat", "completions": "text_completion"}
"""The convention's word where it has one; all others keep ours."""
_FINE = frozenset({"200", "cancelled", "overtaken"})


def spans_of(row: UsageRow) -> Iterator[Span]:
    """The server's last; none where the request is in no sampled trace of ours."""
    trace = row.trace
    if trace is None or not trace.span_id or not trace.sampled:
        return
    end = row.at + row.latency_ms / 1000
    answered = max((n for n, one in enumerate(row.attempts) if one.outcome == "200"), default=None)
    for n, (tried, span_id) in enumerate(zip(row.attempts, row.span_ids, strict=True)):
        yield _attempt(row, trace, tried, span_id, end if n == answered else None, n)
    path = _PATHS.get(row.operation, row.operation)
    failed = row.error_code or str(row.status) if row.status >= 500 else ""
    yield Span(
        f"POST {path}", SERVER, trace.trace_id, trace.span_id, trace.parent_id, row.at, end,
        dict(_known(_server(row, path))), failed, trace.state,
    )  # fmt: skip


def _attempt(row: UsageRow, trace: Trace, tried: Tried, span_id: str, end: float | None, number: int) -> Span:
    """`end` of the one that answered: its stream goes on until the request ends."""
    operation = _OPERATIONS.get(row.operation, row.operation)
    start = row.at + tried.started_ms / 1000
    answered = end is not None
    values: dict[str, Value | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": tried.provider_id,
        "gen_ai.request.model": tried.upstream_model,
        "gateway.attempt": number + 1,
        "gateway.outcome": tried.outcome,
        "error.type": None if tried.outcome in _FINE else tried.outcome,
    }
    if answered:
        first = None if row.ttft_ms is None else (row.ttft_ms - tried.started_ms) / 1000
        values |= {**_used(row), "gen_ai.response.time_to_first_chunk": first}
    return Span(
        f"{operation} {tried.upstream_model}", CLIENT, trace.trace_id, span_id, trace.span_id, start,
        end if end is not None else start + tried.ms / 1000,
        dict(_known(values)), "" if tried.outcome in _FINE else tried.outcome, trace.state,
    )  # fmt: skip


def _server(row: UsageRow, path: str) -> dict[str, Value | None]:
    return {
        "http.request.method": "POST",
        "http.route": path,
        "http.response.status_code": row.status,
        "error.type": row.error_code or None,
        "gen_ai.operation.name": _OPERATIONS.get(row.operation, row.operation),
        "gen_ai.request.model": row.model or None,
        **_used(row),
        "gateway.request_id": row.request_id,
        "gateway.route": row.route or None,
        "gateway.key_id": row.key_id or None,
        "user.id": row.user_id or None,
        "gateway.stream": row.stream,
        "gateway.cached": row.cached,
        "gateway.attempts": len(row.attempts),
        "gateway.overhead_ms": row.overhead_ms,
        "gateway.cost_usd": None if row.cost_nanos is None else row.cost_nanos / NANOS,
    }


def _used(row: UsageRow) -> dict[str, Value | None]:
    return {
        "gen_ai.response.model": row.upstream_model or None,
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens,
        "gateway.usage.seconds": row.seconds,
        "gateway.usage.pages": row.pages,
    }


def _known(values: Mapping[str, Value | None]) -> Iterator[tuple[str, Value]]:
    return ((name, value) for name, value in values.items() if value is not None)
