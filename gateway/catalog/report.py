"""`MergeReport`: how every row of every source found its model, and what did not fit. Made by `merge`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.catalog.facts import Price, Rejected


class Match(msgspec.Struct, frozen=True, gc=False):
    """A row that was joined to a model. `score` is 100 but for likeness."""

    source: str
    row: str
    model: str
    method: str
    score: float = 100.0


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A row that several models could claim: it was left alone."""

    source: str
    row: str
    method: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """`origin` rows began a model, `matched` counts the others by method, `unmatched` rows tell of models that nobody
    lists. `unique` models are known to this source alone."""

    source: str
    gateway: str
    at: int
    stale: str
    rows: int
    origin: int
    matched: Mapping[str, int]
    unique: int
    unmatched: int
    ambiguous: int
    rejected: int


class FieldConflict(msgspec.Struct, frozen=True, gc=False):
    model: str
    field: str
    chosen: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MergeReport:
    models: int = 0
    sources: tuple[SourceReport, ...] = ()
    matches: tuple[Match, ...] = ()
    conflicts: tuple[FieldConflict, ...] = ()
    ambiguous: tuple[Ambiguous, ...] = ()
    unmatched: tuple[tuple[str, str], ...] = ()
    """Source and row."""
    rejected: tuple[Rejected, ...] = ()

    def methods(self) -> Mapping[str, int]:
        return Counter(match.method for match in self.matches)


@dataclass(slots=True)
class Findings:
    """What matching notes down on its way."""

    matches: list[Match] = field(default_factory=list)
    ambiguous: list[Ambiguous] = field(default_factory=list)
    unmatched: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def shown(value: Any) -> Any:
    """A value of a conflict as JSON can hold it."""
    if isinstance(value, Price):
        return {"usd": value.usd, "tao": value.tao}
    return list(value) if isinstance(value, tuple) else value


def report_document(report: MergeReport, *, matches: bool = True) -> dict[str, Any]:
    document: dict[str, Any] = {
        "models": report.models,
        "matched": dict(report.methods()),
        "sources": [
            {name: getattr(source, name) for name in SourceReport.__slots__} | {"matched": dict(source.matched)}
            for source in report.sources
        ],
        "conflicts": [
            {
                "model": one.model,
                "field": one.field,
                "chosen": one.chosen,
                "values": {source: shown(value) for source, value in one.values.items()},
            }
            for one in report.conflicts
        ],
        "ambiguous": [
            {"source": one.source, "row": one.row, "method": one.method, "candidates": list(one.candidates)}
            for one in report.ambiguous
        ],
        "unmatched": [{"source": source, "row": row} for source, row in report.unmatched],
        "rejected": [{"source": one.source, "row": one.label, "reason": one.reason} for one in report.rejected],
    }
    if matches:
        document["matches"] = [
            {
                "source": one.source,
                "row": one.row,
                "model": one.model,
                "method": one.method,
                "score": round(one.score, 1),
            }
            for one in report.matches
        ]
    return document
