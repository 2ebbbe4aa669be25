"""The shape of the `providers` block of `gateway.yaml`: what an upstream is, and what calls may fall back to."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_validator,
)

from gateway.settings.confidentiality import DataPlace
from gateway.settings.strict import EntryName, Strict

ModelTypeName = Literal["chat", "embedding", "transcription", "ocr", "rerank", "image", "speech", "moderation"]
LogLevel = Literal["debug", "info", "warning", "error"]
Prefill = Annotated[
    Literal["", "message", "prefix", "continue_final_message"],
    BeforeValidator(lambda value: "message" if value is True else value or ""),
]


def _before_a_slash(value: str) -> str:
    if "/" in value:
        raise ValueError("the name of a provider must not hold '/': its models are called provider/model")
    return value


ProviderName = Annotated[EntryName, AfterValidator(_before_a_slash)]


class HealthCheckConfig(Strict):
    """How a provider is asked whether it is well while nobody else asks it."""

    interval: float = Field(30, ge=1, le=3600)
    """Seconds between checks, give or take a tenth."""
    path: str = Field("", pattern="^(/[^ ?#]*)?$")
    """Asked with GET on the host of the base URL; 200 is well. Empty: what the dialect has, mostly `/v1/models`."""


class Fallback(Strict):
    """Where a model's calls go when the targets before it fail."""

    provider: str = Field(validation_alias=AliasChoices("provider", "provider_id", "providerId"))
    model: str = Field(validation_alias=AliasChoices("model", "upstream_model", "upstreamModel"))
    base_url: str = ""
    prefill: Prefill = ""
    """As of a target."""
    tee: bool | None = None
    """As of a target."""


class Performance(Strict):
    """Wins over the provider's own `timeout` and `max_retries` where both are given."""

    timeout: float | None = Field(None, gt=0)
    max_retries: int | None = Field(None, ge=0, le=20)
    retry_backoff: Literal["exponential", "none"] = "exponential"
    buffer_size: int = Field(1000, ge=1, description="Accepted for compatibility; streams are bounded in bytes here.")


class ModelEntry(Strict):
    """One model of a provider, written out. A bare string is the same with only `id`."""

    id: str
    name: str = ""
    """The public name; the upstream's own where empty."""
    type: ModelTypeName | None = None
    base_url: str = Field("", validation_alias=AliasChoices("base_url", "baseUrl", "host"))
    """The host of a chute of its own, such as `https://chutes-whisper-large-v3.chutes.ai`."""
    tee: bool | None = None
    """As of a target."""


def _shape(value: Any) -> str:
    return "map" if isinstance(value, dict) else "list"


ModelEntries = Annotated[
    Annotated[tuple[ModelEntry, ...], Tag("list")] | Annotated[dict[str, ModelEntry], Tag("map")],
    Discriminator(_shape),
]


class ProviderConfig(Strict):
    """An upstream. `models` takes a list, `{primary, fallback}` or `{chat, embedding, …}`."""

    type: str | None = Field(None, pattern="^[a-z][a-z0-9_-]*$")
    """`openai`, `chutes` or an installed dialect. Unset: `chutes` where the name or the host says so, else `openai`."""
    name: str = ""
    base_url: str = ""
    api_key: SecretStr | None = None
    api_keys: tuple[SecretStr, ...] = ()
    enabled: bool = True
    timeout: float | None = Field(None, gt=0)
    max_retries: int | None = Field(None, ge=0, le=20)
    headers: dict[str, str] = Field({})
    transport: Literal["pooled", "httpx"] | None = None
    """Unset: `httpx` where `proxy` or `http2` is given, else `pooled`."""
    proxy: SecretStr | None = None
    """URL of an HTTP(S) proxy; a secret, as it may hold a password."""
    http2: bool = False
    models: ModelEntries = ()
    fallbacks: tuple[Fallback, ...] = ()
    stream_usage: bool = True
    """False for an upstream that refuses `stream_options`: its streams are then counted only where callers ask."""
    health_check: HealthCheckConfig | None = None
    """None: never checked. `true` is one with the defaults."""
    debug: bool = False
    log_level: LogLevel | None = None
    performance: Performance = Performance()
    tee: bool | None = None
    """Whether its models run in trusted execution environments; unset: not known, of chutes as the catalog says."""
    data: DataPlace | None = None
    """`local`: it is on the operator's own machines."""

    @field_validator("health_check", mode="before")
    @classmethod
    def _switched(cls, value: Any) -> Any:
        return {} if value is True else None if value is False else value

    @field_validator("models", mode="before")
    @classmethod
    def _entries(cls, value: Any) -> Any:
        def entry(item: Any) -> Any:
            return {"id": item} if isinstance(item, str) else item

        if isinstance(value, dict):
            return {name: entry(item) for name, item in value.items()}
        return [entry(item) for item in value] if isinstance(value, list) else value
