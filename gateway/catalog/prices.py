"""The many shapes in which prices come, and the two in which they are shown. Token prices are never derived from
hourly ones: a model whose token price nobody names has none."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.catalog.facts import PRICE_UNITS, Price, PriceKind
from gateway.catalog.readers import mapping, number

_MILLION = Decimal(1_000_000)
_TOKEN_KEYS = (
    (PriceKind.INPUT, ("input", "prompt")),
    (PriceKind.OUTPUT, ("output", "completion")),
    (PriceKind.CACHE_READ, ("input_cache_read", "cache_read", "cached")),
)


def estimated(value: object, at: int) -> dict[str, Price]:
    """Of `current_estimated_price`: tokens, `per_step`, `per_request`, `hourly_price_range` or else `usd.hour`."""
    price = mapping(value)
    found = _tokens(mapping(price.get("per_million_tokens")), at)
    for kind, key in ((PriceKind.STEP, "per_step"), (PriceKind.REQUEST, "per_request")):
        found |= _one(kind, price.get(key), at)
    hourly = _one(PriceKind.HOUR, price.get("hourly_price_range"), at)
    if not hourly and (usd := number(mapping(price.get("usd")).get("hour"))) is not None:
        hourly = _named(PriceKind.HOUR, Price(usd, number(mapping(price.get("tao")).get("hour")), at=at))
    return found | hourly


def listed(price: object, pricing: object, at: int) -> dict[str, Price]:
    """Of a row of Chutes' `/v1/models`: `price` in USD and TAO, else `pricing`; both per 1 M tokens."""
    return _tokens(mapping(pricing), at) | _tokens(mapping(price), at)


def per_token(pricing: object, at: int) -> dict[str, Price]:
    """Of other providers that follow OpenRouter: strings with USD per token. A bare number has no known unit."""
    found: dict[str, Price] = {}
    for kind, keys in _TOKEN_KEYS:
        for key in keys:
            value = mapping(pricing).get(key)
            if isinstance(value, str) and number(value) is not None:
                found |= _named(kind, Price(float(Decimal(value) * _MILLION), at=at))
                break
    return found


def per_token_text(usd_per_million: float | None) -> str | None:
    """USD per token as a plain decimal string, exactly: 0.03 per 1 M tokens is `0.00000003`."""
    if usd_per_million is None:
        return None
    exact = (Decimal(repr(usd_per_million)) / _MILLION).normalize()
    return f"{exact:f}"


def price_document(kind: PriceKind, price: Price) -> dict[str, Any]:
    return {
        "usd": price.usd,
        "usd_max": price.usd_max,
        "tao": price.tao,
        "unit": PRICE_UNITS[kind],
        "at": price.at or None,
    }


def field_name(kind: PriceKind) -> str:
    return f"price_{kind}"


def _tokens(prices: Mapping[str, Any], at: int) -> dict[str, Price]:
    found: dict[str, Price] = {}
    for kind, keys in _TOKEN_KEYS:
        for key in keys:
            if one := _one(kind, prices.get(key), at):
                found |= one
                break
    return found


def _one(kind: PriceKind, value: object, at: int) -> dict[str, Price]:
    """A number is USD; a list or `min`/`max` is a range; a mapping has `usd` and `tao`, each of these shapes."""
    if isinstance(value, dict) and ("usd" in value or "tao" in value):
        low, high = _range(value.get("usd"))
        tao = _range(value.get("tao"))[0]
    else:
        (low, high), tao = _range(value), None
    return {} if low is None and tao is None else _named(kind, Price(low, tao, high, at))


def _range(value: object) -> tuple[float | None, float | None]:
    ends: list[object] = []
    if isinstance(value, dict):
        ends = [value.get("min"), value.get("max")]
    elif isinstance(value, list) and value:
        ends = [value[0], value[-1]]
    else:
        return number(value), None
    low, high = number(ends[0]), number(ends[1])
    return low, high if high is not None and high != low else None


def _named(kind: PriceKind, price: Price) -> dict[str, Price]:
    return {field_name(kind): price}
