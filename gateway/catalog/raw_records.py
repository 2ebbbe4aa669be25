"""What each source said of one model: its records in the copies of the sources. Called by the API, in a thread."""

from collections.abc import Iterator
from typing import Any

from gateway.catalog.model import CatalogModel
from gateway.catalog.shelf import Shelf

_NAMING = ("chute_id", "id", "name", "model", "slug", "root", "uuid")
"""Fields by which records of sources name a model."""
_DEPTH, _MOST = 4, 5


def raw_records(model: CatalogModel, shelf: Shelf) -> list[dict[str, Any]]:
    """By source: the time of its copy in milliseconds and at most five records. Sources that know nothing are left
    out."""
    names = _names(model)
    found = []
    for source, copy in shelf.entries():
        records = []
        for record in _records(copy.document, names, _DEPTH):
            records.append(record)
            if len(records) == _MOST:
                break
        if records:
            found.append({"source": source, "at": copy.at, "records": records})
    return found


def _names(model: CatalogModel) -> frozenset[str]:
    own = model.upstream_id.lower()
    return frozenset({own, own.removeprefix("chutes/"), model.chute_id.lower()} - {""})


def _records(document: Any, names: frozenset[str], depth: int) -> Iterator[Any]:
    """The outermost objects that name the model, or stand under its name."""
    if isinstance(document, dict):
        if any(isinstance(document.get(field), str) and document[field].lower() in names for field in _NAMING):
            yield document
            return
        for key, value in document.items():
            if key.lower() in names and isinstance(value, dict | list):
                yield {key: value}
            elif depth:
                yield from _records(value, names, depth - 1)
    elif isinstance(document, list) and depth:
        for value in document:
            if isinstance(value, dict | list):
                yield from _records(value, names, depth - 1)
