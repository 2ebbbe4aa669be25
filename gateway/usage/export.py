"""Usage rows as CSV that no spreadsheet runs as formulas, and as JSON lines. Called where exports are streamed."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.usage.types import NANOS, UsageRow

COLUMNS = (
    *("request_id", "time", "operation", "model", "route", "status", "error_code", "key_id", "key_name", "user_id"),
    *("provider_id", "upstream_model", "attempts", "stream", "cached", "input_tokens", "output_tokens"),
    *("cached_tokens", "seconds", "pages", "cost_usd", "latency_ms", "ttft_ms", "overhead_ms"),
)
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(rows: Iterable[UsageRow], *, head: bool = False) -> str:
    """`head`: with the line of column names. Texts that a spreadsheet would run begin with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    if head:
        writer.writerow(COLUMNS)
    for row in rows:
        fields = _fields(row)
        writer.writerow([safe(fields[name]) for name in COLUMNS])
    return out.getvalue()


def json_lines(rows: Iterable[UsageRow]) -> bytes:
    """One object a line: the columns of the CSV, with the attempts one by one and the price that was used."""
    lines = []
    for row in rows:
        price = asdict(row.price) if row.price else None
        lines.append(_fields(row) | {"attempts": msgspec.to_builtins(row.attempts), "price": price})
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _fields(row: UsageRow) -> dict[str, Any]:
    """The cost in USD as a decimal text: all nine digits count."""
    nanos = row.cost_nanos
    shown = {
        "time": datetime.fromtimestamp(row.at, UTC).isoformat(timespec="milliseconds"),
        "attempts": " ".join(f"{one.provider_id}/{one.upstream_model}={one.outcome}" for one in row.attempts),
        "cost_usd": None if nanos is None else f"{nanos // NANOS}.{nanos % NANOS:09d}",
    }
    return {name: shown[name] if name in shown else getattr(row, name) for name in COLUMNS}


def safe(value: Any) -> Any:
    """A cell of a CSV: a text that a spreadsheet would run begins with an apostrophe, None is empty."""
    if isinstance(value, str) and value.startswith(_STARTS_FORMULA):
        return "'" + value
    return "" if value is None else value
