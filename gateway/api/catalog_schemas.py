"""What the catalog's endpoints take and answer, for checking queries and for the OpenAPI document."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.catalog.query import Query as CatalogQuery

_FACETS = (
    "gateway", "provider", "type", "modality", "feature", "quantization", "tag", "tier", "template", "origin", "gpu",
)  # fmt: skip
_R1: dict[str, Any] = {
    "id": "deepseek-ai/DeepSeek-R1",
    "slug": "deepseek-ai/DeepSeek-R1",
    "canonical_slug": "deepseek-ai/DeepSeek-R1",
    "name": "DeepSeek-R1",
    "description": "Chutes.ai hosted LLM model: deepseek-ai/DeepSeek-R1. Pricing: $22.0/hr.",
    "provider_slug": "deepseek-ai",
    "source_gateway": "chutes",
    "model_type": "LLM",
    "type": "chat",
    "tags": ["hot", "popular"],
    "hints": ["best for reasoning/code"],
    "tier": "Enterprise",
    "pricing": {"prompt": None, "completion": None, "hourly_rate": "22.0"},
    "prices": {"hour": {"usd": 22.0, "usd_max": None, "tao": None, "unit": "hour", "at": 1759881600000}},
    "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
    "origins": ["snapshot"],
}


class Filters(BaseModel):
    """Which models. Several values with commas are alternatives; `*` stands for anything."""

    model_config = ConfigDict(extra="forbid")

    gateway: str = Field("", description="`chutes`, `local`, a configured provider, or `all`.", examples=["chutes"])
    provider: str = Field("", description="Who makes or publishes the model.", examples=["deepseek-ai"])
    type: str = Field("", description="A category such as `LLM`, or a type such as `chat`.", examples=["LLM"])
    modality: str = Field("", description="Goes in or comes out: text, image, audio, video, embeddings.")
    feature: str = Field("", description="Such as tools, json_mode, reasoning.")
    quantization: str = Field("", description="Such as fp8, bf16.")
    template: str = Field("", description="The chute's template, such as vllm.")
    origin: str = Field("", description="A source that knows the model.")
    gpu: str = Field("", description="A GPU that the chute may run on.")
    tag: str = Field("", description="A tag or hint, such as hot, popular.")
    tier: str = Field("", description="Free, Budget, Standard, Premium or Enterprise.")
    tee: bool | None = Field(None, description="Runs in a trusted execution environment.")
    hot: bool | None = Field(None, description="Has an instance that runs.")
    min_context: int | None = Field(None, ge=0, description="Least context, in tokens.")
    max_price: float | None = Field(None, ge=0, description="Most USD per 1M input tokens.")
    q: str = Field("", max_length=200, description="Words that stand anywhere in id, description or tags.")
    sort: str = Field("id", max_length=50, description="Any field; `-` in front for descending.")

    def query(self, limit: int | None = None, offset: int = 0) -> CatalogQuery:
        facets = {name: tuple(getattr(self, name).split(",")) for name in _FACETS if getattr(self, name)}
        for name in ("tee", "hot"):
            if (value := getattr(self, name)) is not None:
                facets[name] = (str(value).lower(),)
        return CatalogQuery(facets, self.q, self.min_context, self.max_price, self.sort, limit, offset)


class PageFilters(Filters):
    limit: int = Field(100, ge=1, le=10_000, description="Most models in the answer.")
    offset: int = Field(0, ge=0, le=1_000_000, description="Models to leave out before them.")
    facets: bool = Field(False, description="Also count the values of every filter among all that fit.")


class ExportFilters(Filters):
    format: Literal["json", "csv", "md"] = Field("json", description="The form of the file.")


class ListQuery(BaseModel):
    """The parameters of Chutes' own list."""

    model_config = ConfigDict(extra="forbid")

    page: int = Field(0, ge=0, le=100_000)
    limit: int = Field(100, ge=1, le=1000)
    include_public: bool = True
    include_schemas: bool = True
    template: str = Field("", max_length=256)
    name: str = Field("", max_length=256)


class ModelPage(BaseModel):
    """`data` holds records; docs/catalog.md tells of their fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data": [_R1],
                    "total": 104,
                    "returned": 1,
                    "offset": 0,
                    "gateway": "chutes",
                    "note": "Chutes.ai catalog",
                    "timestamp": "2026-11-21T08:00:00Z",
                    "catalog_at": "2026-11-21T07:58:12Z",
                }
            ]
        }
    )
    data: list[dict[str, Any]]
    total: int
    returned: int
    offset: int
    gateway: str
    note: str
    timestamp: str
    catalog_at: str | None
    facets: dict[str, dict[str, int]] | None = None


class ModelRecord(BaseModel):
    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_R1]})
    id: str


class ProviderEntry(BaseModel):
    slug: str
    name: str
    provider_site_url: str | None
    model_logo_url: str | None
    models: int
    gateways: list[str]
    model_types: dict[str, int]


class ProviderPage(BaseModel):
    data: list[ProviderEntry]
    total: int
    gateway: str
    timestamp: str


Models = Annotated[PageFilters, Query()]
Export = Annotated[ExportFilters, Query()]
Chutes = Annotated[ListQuery, Query()]
