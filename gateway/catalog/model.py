"""`CatalogModel`: the normalised record of a model, with the origin of each value. Made by `merge`.

There are thousands of these, and of what they are made of. None is part of a cycle, so that whoever looks for cycles of
garbage need not look at them (`gc=False`): all threads wait for that.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.catalog.facts import CHUTES, Price, PriceKind
from gateway.openai_api.operations import ModelType


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """A field for which sources differ. `values` holds each source's; `chosen` is the source that was believed."""

    field: str
    chosen: str
    values: Mapping[str, Any]


class CatalogModel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """None and empty mean that no source said. Lengths are in tokens, times in seconds."""

    id: str
    """Unique in the catalog."""
    upstream_id: str
    """The model's name where it is served."""
    gateway: str = CHUTES
    """`chutes`, `local`, or the id of a configured provider."""
    chute_id: str = ""
    provider_slug: str = ""
    """Who made or published the model: the part of its name before the slash."""
    model_type: str = "Other"
    """A category of document 001, such as `LLM`."""
    type: ModelType | None = None
    """What the gateway can ask of it; None where there is no endpoint for it."""
    tags: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    tier: str | None = None

    slug: str = ""
    """Of a chute's own host: `https://{slug}.chutes.ai`."""
    base_url: str = ""
    description: str = ""
    username: str = ""
    public: bool | None = None
    template: str = ""
    image: str = ""
    created: int | None = None
    owned_by: str = ""
    root: str = ""
    parent: str = ""
    hugging_face_id: str = ""
    tokenizer: str = ""
    instruct_type: str = ""

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    quantization: str = ""
    context_length: int | None = None
    max_model_len: int | None = None
    max_output_length: int | None = None
    features: tuple[str, ...] = ()
    sampling_parameters: tuple[str, ...] = ()
    default_parameters: Mapping[str, Any] = {}
    cords: tuple[str, ...] = ()
    """The public paths of a chute."""

    tee: bool | None = None
    tee_said_by: tuple[str, ...] = ()
    """The sources that say so; the others say nothing of it, or stand in `conflicts`."""
    hot: bool | None = None
    instances: int | None = None
    active_instances: int | None = None
    verified_instances: int | None = None
    gpus: tuple[str, ...] = ()
    gpu_count: int | None = None
    concurrency: int | None = None
    max_instances: int | None = None
    invocation_count: int | None = None
    utilization: float | None = None
    utilization_1h: float | None = None
    rate_limit_ratio: float | None = None
    ttft: float | None = None
    tps: float | None = None
    requests_per_day: int | None = None

    prices: Mapping[PriceKind, Price] = {}
    origins: tuple[str, ...] = ()
    """The sources that know the model."""
    provenance: Mapping[str, str] = {}
    """Field to the source whose value it holds."""
    matches: Mapping[str, str] = {}
    """Source to the way its row was matched; the first source of a model is its `origin`."""
    conflicts: tuple[Conflict, ...] = ()
    stale: Mapping[str, str] = {}
    """Source to the reason why what it says is not fresh."""

    @property
    def name(self) -> str:
        return self.upstream_id.rpartition("/")[2] or self.upstream_id

    def usd(self, kind: PriceKind) -> float | None:
        price = self.prices.get(kind)
        return price.usd if price else None
