"""What changed between two catalogs, as typed values. Pure; for events, the diff and the history."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.catalog.facts import PriceKind
from gateway.catalog.model import CatalogModel
from gateway.catalog.prices import field_name

Tracked = Mapping[str, Any]
"""What is compared and remembered of a model: plain JSON values by the names of `FIELD_KINDS`, and its name."""


class ChangeKind(StrEnum):
    NEW = "new"
    GONE = "gone"
    PRICE = "price"
    QUANTIZATION = "quantization"
    CONTEXT = "context"
    FEATURE = "feature"
    HOT = "hot"
    """A model became hot (has a running instance) or cold."""


FIELD_KINDS: Mapping[str, ChangeKind] = {
    **{field_name(kind): ChangeKind.PRICE for kind in PriceKind},
    "quantization": ChangeKind.QUANTIZATION,
    "context_length": ChangeKind.CONTEXT,
    "max_output_length": ChangeKind.CONTEXT,
    "features": ChangeKind.FEATURE,
    "hot": ChangeKind.HOT,
}


@dataclass(frozen=True, slots=True)
class Change:
    """`field`, `before` and `after` are empty for new and gone models. Prices are USD per the unit of their kind."""

    kind: ChangeKind
    model: str
    field: str = ""
    before: Any = None
    after: Any = None

    def document(self) -> dict[str, Any]:
        if self.kind in (ChangeKind.NEW, ChangeKind.GONE):
            return {"kind": self.kind.value, "model": self.model}
        return {
            "kind": self.kind.value,
            "model": self.model,
            "field": self.field,
            "before": self.before,
            "after": self.after,
        }


def track(models: Iterable[CatalogModel]) -> dict[str, Tracked]:
    return {model.id: _tracked(model) for model in models}


def changes(before: Mapping[str, Tracked], after: Mapping[str, Tracked]) -> tuple[Change, ...]:
    """By model, then by field. A value that becomes unknown is no change: a source was silent."""
    found: list[Change] = []
    for id in sorted(before.keys() | after.keys()):
        old, new = before.get(id), after.get(id)
        if old is None or new is None:
            found.append(Change(ChangeKind.NEW if old is None else ChangeKind.GONE, id))
        elif old != new:
            found += _differences(id, old, new)
    return tuple(found)


def _differences(id: str, old: Tracked, new: Tracked) -> Iterable[Change]:
    for field, kind in FIELD_KINDS.items():
        before, after = old.get(field), new.get(field)
        if after is not None and before != after and (before is not None or kind is ChangeKind.PRICE):
            yield Change(kind, id, field, before, after)


def _tracked(model: CatalogModel) -> Tracked:
    values: dict[str, Any] = {"name": model.name, "gateway": model.gateway, "model_type": model.model_type}
    for kind in PriceKind:
        if (usd := model.usd(kind)) is not None:
            values[field_name(kind)] = usd
    if model.quantization:
        values["quantization"] = model.quantization
    if model.features:
        values["features"] = sorted(model.features)
    for field in ("context_length", "max_output_length", "hot"):
        if (value := getattr(model, field)) is not None:
            values[field] = value
    return values
