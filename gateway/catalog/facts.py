"""What one source says, before anything is merged: `Facts` of `ModelFacts`. Made by `sources`, read by `merge`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

CHUTES = "chutes"
"""The gateway of everything that Chutes.ai serves."""
LOCAL = "local"
"""The gateway of the engines of this machine."""


class PriceKind(StrEnum):
    INPUT = "input"
    OUTPUT = "output"
    CACHE_READ = "cache_read"
    HOUR = "hour"
    STEP = "step"
    REQUEST = "request"


PRICE_UNITS: Mapping[PriceKind, str] = {
    PriceKind.INPUT: "1M tokens",
    PriceKind.OUTPUT: "1M tokens",
    PriceKind.CACHE_READ: "1M tokens",
    PriceKind.HOUR: "hour",
    PriceKind.STEP: "step",
    PriceKind.REQUEST: "request",
}


class Price(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An amount per unit of its kind. `usd_max` is the upper end where the source gives a range."""

    usd: float | None
    tao: float | None = None
    usd_max: float | None = None
    at: int = 0
    """When the source said so, in milliseconds since 1970; 0 where unknown. Prices of different times may be equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Price) and self._amounts() == other._amounts()

    def __hash__(self) -> int:
        return hash(self._amounts())

    def _amounts(self) -> tuple[float | None, ...]:
        return self.usd, self.tao, self.usd_max


class ModelFacts(msgspec.Struct, frozen=True, gc=False):
    """One row. `fields` holds what the source says, by the names of `fields.FIELDS`; what it leaves out is absent."""

    key: str
    """The row's identity inside its source."""
    name: str
    """As callers would name the model."""
    chute_id: str = ""
    fields: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be used."""

    source: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a source says at one time (`at`, milliseconds since 1970; 0 = never heard)."""

    source: str
    gateway: str = CHUTES
    models: tuple[ModelFacts, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    at: int = 0
    stale: str = ""
    """Why these are not fresh; empty when they are."""
    annotates: bool = False
    """Its rows tell of models that others list, and make none."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """Facts about no single model: the price of TAO, of GPUs."""
