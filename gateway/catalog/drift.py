"""The drift guard: whether a model still is what a route demands of it. Pure; called when routes are built."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.catalog.catalog import Catalog
from gateway.catalog.facts import PriceKind
from gateway.catalog.model import CatalogModel
from gateway.catalog.names import bare, closest
from gateway.errors import ConfigError

BITS: Mapping[str, int] = {
    "fp32": 32, "f32": 32, "bf16": 16, "fp16": 16, "f16": 16, "fp8": 8, "int8": 8, "q8": 8, "w8a8": 8, "mxfp8": 8,
    "fp6": 6, "q6": 6, "q5": 5, "fp4": 4, "nvfp4": 4, "mxfp4": 4, "int4": 4, "q4": 4, "awq": 4, "gptq": 4, "w4a16": 4,
    "q3": 3, "q2": 2,
}  # fmt: skip
"""Bits per weight. The order of quantizations."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What a route wants. `min_quantization` is a name of `BITS`; `max_price` USD per 1 M tokens of input."""

    min_quantization: str = ""
    max_price: float | None = None
    min_context: int | None = None

    def __post_init__(self) -> None:
        if self.min_quantization and self.min_quantization.lower() not in BITS:
            raise ConfigError(f"min_quantization: '{self.min_quantization}' is not known (known: {', '.join(BITS)})")

    def __bool__(self) -> bool:
        return bool(self.min_quantization) or self.max_price is not None or self.min_context is not None


def drift(model: CatalogModel, demands: Demands) -> str:
    """Why the model does not fit, empty when it does. What nobody knows cannot be promised, so it does not fit."""
    return _quantization(model, demands) or _price(model, demands) or _context(model, demands)


def replacement(catalog: Catalog, name: str) -> str:
    """A model that could stand in for one that is gone: same type and closest in name, else empty. Kept with the
    catalog, as every change of the configuration asks again and thousands of names are compared."""
    if name not in catalog.replacements:
        catalog.replacements[name] = _closest(catalog, name)
    return catalog.replacements[name]


def _closest(catalog: Catalog, name: str) -> str:
    known = {model.id: model for model in catalog.models if model.type is not None}
    same = [id for id, model in known.items() if bare(model.upstream_id) == bare(name)]
    return next(iter(sorted(same) or closest(name, known, limit=1)), "")


def _quantization(model: CatalogModel, demands: Demands) -> str:
    wanted = demands.min_quantization.lower()
    if not wanted:
        return ""
    if not model.quantization:
        return f"{model.id}: its quantization is not known, at least {wanted} is demanded"
    bits = BITS.get(model.quantization.lower())
    if bits is None or bits < BITS[wanted]:
        return f"{model.id}: is {model.quantization}, at least {wanted} is demanded"
    return ""


def _price(model: CatalogModel, demands: Demands) -> str:
    if demands.max_price is None:
        return ""
    price = model.usd(PriceKind.INPUT)
    if price is None:
        return f"{model.id}: has no token price, at most ${demands.max_price:g} per 1M tokens is demanded"
    if price > demands.max_price:
        return f"{model.id}: costs ${price:g} per 1M tokens, at most ${demands.max_price:g} is demanded"
    return ""


def _context(model: CatalogModel, demands: Demands) -> str:
    if demands.min_context is None:
        return ""
    if model.context_length is None:
        return f"{model.id}: its context length is not known, at least {demands.min_context} is demanded"
    if model.context_length < demands.min_context:
        return f"{model.id}: has {model.context_length} tokens of context, at least {demands.min_context} is demanded"
    return ""
