"""The catalog as a file: JSON, CSV or Markdown. Pure; thousands of models take long enough to be made in a thread."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import PriceKind
from gateway.catalog.model import CatalogModel
from gateway.catalog.prices import field_name
from gateway.catalog.report import report_document

COLUMNS: Mapping[str, Callable[[CatalogModel], Any]] = {
    "id": lambda m: m.id,
    "gateway": lambda m: m.gateway,
    "provider": lambda m: m.provider_slug,
    "model_type": lambda m: m.model_type,
    "type": lambda m: m.type,
    "tags": lambda m: m.tags,
    "tier": lambda m: m.tier,
    "context_length": lambda m: m.context_length,
    "max_output_length": lambda m: m.max_output_length,
    "quantization": lambda m: m.quantization,
    "input_modalities": lambda m: m.input_modalities,
    "output_modalities": lambda m: m.output_modalities,
    "features": lambda m: m.features,
    **{f"{field_name(kind)}_usd": lambda m, kind=kind: m.usd(kind) for kind in PriceKind},  # type: ignore[misc]
    "tee": lambda m: m.tee,
    "hot": lambda m: m.hot,
    "active_instances": lambda m: m.active_instances,
    "gpus": lambda m: m.gpus,
    "invocation_count": lambda m: m.invocation_count,
    "utilization": lambda m: m.utilization,
    "ttft": lambda m: m.ttft,
    "tps": lambda m: m.tps,
    "chute_id": lambda m: m.chute_id,
    "slug": lambda m: m.slug,
    "origins": lambda m: m.origins,
    "stale": lambda m: tuple(m.stale),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell that a spreadsheet runs begins with."""
_IN_MARKDOWN = ("id", "model_type", "context_length", "quantization", "price_input_usd", "price_output_usd",
                "price_hour_usd", "hot", "origins")  # fmt: skip

MEDIA_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}


def export(catalog: Catalog, positions: Iterable[int], form: str) -> bytes:
    """`form` is a key of `MEDIA_TYPES`."""
    if form == "json":
        return b"[" + b",\n".join(catalog.documents[n] for n in positions) + b"]\n"
    models = [catalog.models[n] for n in positions]
    return (_csv(models) if form == "csv" else _markdown(models)).encode()


def everything(catalog: Catalog, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Document 004's export: the sources' documents as they came, and the report of the merge."""
    return {**raw, "merge": report_document(catalog.report)}


def _csv(models: list[CatalogModel]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for model in models:
        writer.writerow([_cell(value(model)) for value in COLUMNS.values()])
    return out.getvalue()


def _cell(value: Any) -> str | float:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _markdown(models: list[CatalogModel]) -> str:
    lines = [f"| {' | '.join(_IN_MARKDOWN)} |", "|---" * len(_IN_MARKDOWN) + "|"]
    for model in models:
        cells = (_text(COLUMNS[name](model)) for name in _IN_MARKDOWN)
        lines.append(f"| {' | '.join(map(_escaped, cells))} |")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Neither a cell's end nor markup."""
    for character in "\\|`*_[]<>":
        text = text.replace(character, f"\\{character}" if character not in "<>" else f"&{'lg'[character == '>']}t;")
    return text
