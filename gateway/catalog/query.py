"""Filters, facets, sorting and paging over a `Catalog`. Pure; called by the API and the CLI."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from re import IGNORECASE, compile

from gateway.catalog.catalog import FACETS, SORTS, Catalog
from gateway.catalog.facts import PriceKind
from gateway.catalog.names import closest
from gateway.errors import InvalidRequest

ALL = "all"
MAX_PAGE = 10_000


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


def select(catalog: Catalog, query: Query) -> Page:
    """Raises InvalidRequest naming a facet, sort field or bound that cannot be."""
    descending, sort = query.sort.startswith("-"), query.sort.lstrip("-")
    if sort not in SORTS:
        near = closest(sort, SORTS)
        raise InvalidRequest(f"'sort': there is no field '{sort}' (closest: {', '.join(near)}).", param="sort")
    mask = matching(catalog, query)
    count = len(catalog.models)
    chosen = f"{mask:0{max(count, 1)}b}"[::-1]
    found = [n for n in catalog.order(sort, descending) if chosen[n] == "1"]
    end = None if query.limit is None else query.offset + query.limit
    return Page(tuple(found[query.offset : end]), len(found), mask)


def matching(catalog: Catalog, query: Query) -> int:
    """The models that fit, as bits."""
    mask = catalog.everything
    for facet, values in query.facets.items():
        wanted = [value.lower() for value in values if value]
        if wanted and ALL not in wanted:
            mask &= _any_of(catalog, facet, wanted)
    if query.min_context is not None:
        mask &= _bits(
            len(catalog.models),
            (n for n, m in enumerate(catalog.models) if (m.context_length or 0) >= query.min_context),
        )
    if query.max_price is not None:
        mask &= _priced_up_to(catalog, query.max_price)
    for word in query.q.lower().split():
        mask &= _bits(len(catalog.models), (n for n, text in enumerate(catalog.haystacks) if word in text))
    return mask


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
            fits = compile(translate(value[:200]), IGNORECASE).match
            for name, bits in known.items():
                mask |= bits if fits(name) else 0
        else:
            mask |= known.get(value, 0)
    return mask


def _that_hold(catalog: Catalog, tokens: int) -> int:
    lengths = enumerate(model.context_length for model in catalog.models)
    return _bits(len(catalog.models), (n for n, length in lengths if length is not None and length >= tokens))


def _priced_up_to(catalog: Catalog, usd: float) -> int:
    prices = enumerate(model.usd(PriceKind.INPUT) for model in catalog.models)
    return _bits(len(catalog.models), (n for n, price in prices if price is not None and price <= usd))


def _bits(count: int, positions: Iterable[int]) -> int:
    """The positions as bits."""
    chosen = bytearray(b"0" * max(count, 1))
    for n in positions:
        chosen[-1 - n] = 49
    return int(chosen, 2)
