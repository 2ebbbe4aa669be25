"""`Catalog`: the merged models at one time, indexed for queries. Immutable; built in a thread, shared by readers."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from gateway.catalog.facts import Facts, PriceKind
from gateway.catalog.merge import Merged, merge
from gateway.catalog.model import CatalogModel
from gateway.catalog.prices import field_name
from gateway.catalog.render import document
from gateway.catalog.report import MergeReport

FACETS: Mapping[str, Callable[[CatalogModel], Iterable[str]]] = {
    "gateway": lambda model: (model.gateway,),
    "provider": lambda model: (model.provider_slug,),
    "type": lambda model: (model.model_type, model.type or ""),
    "modality": lambda model: {*model.input_modalities, *model.output_modalities},
    "feature": lambda model: model.features,
    "quantization": lambda model: (model.quantization,),
    "tag": lambda model: (*model.tags, *model.hints),
    "tier": lambda model: (model.tier or "",),
    "template": lambda model: (model.template,),
    "origin": lambda model: model.origins,
    "gpu": lambda model: model.gpus,
    "tee": lambda model: () if model.tee is None else (str(model.tee).lower(),),
    "hot": lambda model: () if model.hot is None else (str(model.hot).lower(),),
    "public": lambda model: ("false",) if model.public is False else ("true",),
    "stale": lambda model: (str(bool(model.stale)).lower(),),
}
"""What models are filtered by and counted by: the values that a model has. Compared in lower case."""

_NUMBERS = (
    "created", "context_length", "max_model_len", "max_output_length", "instances", "active_instances", "gpu_count",
    "concurrency", "max_instances", "invocation_count", "utilization", "utilization_1h", "rate_limit_ratio", "ttft",
    "tps", "requests_per_day", "verified_instances", "hot", "tee", "public",
)  # fmt: skip
_WORDS = (
    "id", "name", "gateway", "provider_slug", "model_type", "tier", "chute_id", "slug", "username", "template",
    "quantization", "owned_by", "upstream_id", "description", "root", "image",
)  # fmt: skip
_LISTS = ("tags", "hints", "features", "input_modalities", "output_modalities", "gpus", "origins", "conflicts", "stale")


def _attribute(name: str) -> Callable[[CatalogModel], Any]:
    return lambda model: getattr(model, name)


def _size(name: str) -> Callable[[CatalogModel], Any]:
    return lambda model: len(getattr(model, name))


def _usd(kind: PriceKind) -> Callable[[CatalogModel], Any]:
    return lambda model: model.usd(kind)


SORTS: Mapping[str, Callable[[CatalogModel], Any]] = {
    **{name: _attribute(name) for name in (*_NUMBERS, *_WORDS)},
    **{name: _size(name) for name in _LISTS},
    **{field_name(kind): _usd(kind) for kind in PriceKind},
}
"""What models are sorted by. Lists sort by their length; models that have no value come last, either way."""


@dataclass(frozen=True)
class Catalog:
    """`at` is when it was made, in milliseconds since 1970. `notes` are facts about no single model, by source."""

    models: tuple[CatalogModel, ...] = ()
    report: MergeReport = MergeReport()
    at: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Iterable[Facts], at: int) -> "Catalog":
        """Merges and indexes: about 0.1 ms a model, so call it in a thread."""
        sources = tuple(facts)
        merged: Merged = merge(sources)
        notes = {one.source: one.notes for one in sources if one.notes}
        made = cls(merged.models, merged.report, at, notes)
        made.prepare()
        return made

    def prepare(self) -> None:
        """Computes what readers will need, so that none of them has to wait for it."""
        for needed in (self.documents, self.masks, self.haystacks, self.by_id, self._by_other_name,
                       self.contexts, self.input_prices):  # fmt: skip
            len(needed)
        self.order("id", False)

    @cached_property
    def documents(self) -> list[bytes]:
        """Each model as JSON, in the order of `models`."""
        return [orjson.dumps(document(model)) for model in self.models]

    @cached_property
    def by_id(self) -> Mapping[str, int]:
        return {model.id: n for n, model in enumerate(self.models)}

    @cached_property
    def _by_other_name(self) -> Mapping[str, int]:
        """By chute id, host slug, upstream name and lower-case id; of several the first by id."""
        found: dict[str, int] = {}
        for n, model in enumerate(self.models):
            for name in (model.chute_id, model.slug, model.upstream_id, model.id.lower()):
                if name:
                    found.setdefault(name, n)
        return found

    def find(self, name: str) -> CatalogModel | None:
        """By id, chute id, slug or the name at its provider."""
        position = self.position(name)
        return None if position is None else self.models[position]

    def position(self, name: str) -> int | None:
        for key, index in ((name, self.by_id), (name, self._by_other_name), (name.lower(), self._by_other_name)):
            if (found := index.get(key)) is not None:
                return found
        return None

    @cached_property
    def masks(self) -> Mapping[str, Mapping[str, int]]:
        """Facet to lower-case value to the models that have it, as bits: bit n is `models[n]`."""
        bits: dict[str, dict[str, int]] = {facet: defaultdict(int) for facet in FACETS}
        for n, model in enumerate(self.models):
            bit = 1 << n
            for facet, values in FACETS.items():
                for value in values(model):
                    if value:
                        bits[facet][value.lower()] |= bit
        return {facet: dict(values) for facet, values in bits.items()}

    @cached_property
    def haystacks(self) -> list[str]:
        """What `q` searches, in lower case."""
        return [
            " ".join((m.id, m.chute_id, m.slug, m.description, m.model_type, m.username, *m.tags, *m.hints)).lower()
            for m in self.models
        ]

    @cached_property
    def contexts(self) -> list[float | None]:
        return [model.context_length for model in self.models]

    @cached_property
    def input_prices(self) -> list[float | None]:
        """USD per 1 M tokens."""
        return [model.usd(PriceKind.INPUT) for model in self.models]

    @cached_property
    def everything(self) -> int:
        return (1 << len(self.models)) - 1

    @cached_property
    def replacements(self) -> dict[str, str]:
        """What could stand in for models that are gone, for those that were asked for."""
        return {}

    @cached_property
    def _orders(self) -> dict[tuple[str, bool], list[int]]:
        return {}

    def order(self, sort: str, descending: bool) -> list[int]:
        """Positions sorted by a field of `SORTS`; computed once and kept. Equal models stay in the order of ids."""
        key = (sort, descending)
        if key not in self._orders:
            value = SORTS[sort]
            known = [(n, value(model)) for n, model in enumerate(self.models)]
            there = [(n, v.lower() if isinstance(v, str) else v) for n, v in known if v is not None and v != ""]
            there.sort(key=lambda pair: pair[1], reverse=descending)
            missing = [n for n, v in known if v is None or v == ""]
            self._orders[key] = [n for n, _ in there] + missing
        return self._orders[key]
