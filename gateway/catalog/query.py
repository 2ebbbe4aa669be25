"""Filters, facets, sorting and paging over a `Catalog`. Pure; called by the API and the CLI."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from itertools import compress
from operator import gt, lt

from gateway.catalog.catalog import FACETS, SORTS, Catalog
from gateway.catalog.kinds import CATEGORIES
from gateway.catalog.names import closest
from gateway.errors import InvalidRequest
from gateway.openai_api.operations import ModelType

ALL = "all"
TYPES = (*ModelType, *CATEGORIES)
"""What the facet `type` may be: the gateway's types, and the categories that Chutes has."""


@dataclass(frozen=True, slots=True)
class Query:
    """`facets` holds the wanted values by facet: several are alternatives, and facets must all fit. `max_price` is USD
    per 1 M tokens of input. `sort` is a field, `-` in front for descending."""

    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    q: str = ""
    min_context: int | None = None
    max_price: float | None = None
    sort: str = "id"
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """`positions` of the models on the page, in order; `total` of all that fit, `mask` the same as bits."""

    positions: tuple[int, ...]
    total: int
    mask: int


def select(catalog: Catalog, query: Query, within: int | None = None) -> Page:
    """`within` are the models to choose from, as bits; None: all. Raises InvalidRequest naming a facet, type or sort
    field that cannot be."""
    descending, sort = query.sort.startswith("-"), query.sort.lstrip("-")
    if sort not in SORTS:
        near = closest(sort, SORTS)
        known = f"closest: {', '.join(near)}" if near else f"known: {', '.join(sorted(SORTS))}"
        raise InvalidRequest(f"'sort': there is no field '{sort}' ({known}).", param="sort")
    fits = _fitting(catalog, query, catalog.everything if within is None else within)
    found = [n for n in catalog.order(sort, descending) if fits[n]]
    end = None if query.limit is None else query.offset + query.limit
    return Page(tuple(found[query.offset : end]), len(found), int(fits[::-1].translate(_DIGITS), 2) if fits else 0)


def _fitting(catalog: Catalog, query: Query, mask: int) -> bytes:
    """A byte a model: 1 where it fits."""
    for facet, values in query.facets.items():
        wanted = [value.lower() for value in values if value]
        if wanted and ALL not in wanted:
            mask &= _any_of(catalog, facet, wanted)
    count = len(catalog.models)
    fits = bytearray(f"{mask:0{count}b}"[::-1].encode().translate(_VALUES)) if count else bytearray()
    if query.min_context is not None:
        _drop(fits, catalog.contexts, lt, query.min_context)
    if query.max_price is not None:
        _drop(fits, catalog.input_prices, gt, query.max_price)
    words = query.q.lower().split()
    if words:
        texts = catalog.haystacks
        for n in compress(range(count), fits):
            if not all(word in texts[n] for word in words):
                fits[n] = 0
    return bytes(fits)


_TYPES = frozenset(name.lower() for name in TYPES)
_DIGITS = bytes.maketrans(b"\x00\x01", b"01")
_VALUES = bytes.maketrans(b"01", b"\x00\x01")


def facet_counts(catalog: Catalog, mask: int) -> dict[str, dict[str, int]]:
    """How many of the models have each value, the most frequent first."""
    counts: dict[str, dict[str, int]] = {}
    for facet, values in catalog.masks.items():
        found = {value: count for value, bits in values.items() if (count := (bits & mask).bit_count())}
        counts[facet] = dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
    return counts


def _any_of(catalog: Catalog, facet: str, wanted: list[str]) -> int:
    if facet not in FACETS:
        raise InvalidRequest(f"'{facet}': is no filter (known: {', '.join(FACETS)}).", param=facet)
    known, mask = catalog.masks[facet], 0
    for value in wanted:
        if "*" in value or "?" in value:
            fits = re.compile(translate(value[:200]), re.IGNORECASE).match
            for name, bits in known.items():
                mask |= bits if fits(name) else 0
        elif value in known or facet != "type":
            mask |= known.get(value, 0)
        elif value not in _TYPES:
            raise InvalidRequest(f"'type': there is no type '{value[:80]}' (known: {', '.join(TYPES)}).", param="type")
    return mask


def _drop(fits: bytearray, values: list[float | None], wrong: Callable[[float, float], bool], bound: float) -> None:
    """A model whose value nobody knows does not fit."""
    for n in compress(range(len(fits)), fits):
        value = values[n]
        if value is None or wrong(value, bound):
            fits[n] = 0
