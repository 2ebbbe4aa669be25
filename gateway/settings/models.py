"""The shape of the `models` and `prices` blocks of `gateway.yaml`: where a model's calls go, and what they cost."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, field_validator

from gateway.settings.audio import AudioConfig
from gateway.settings.confidentiality import DataRule, TeeRule
from gateway.settings.keys import StreamPolicyName
from gateway.settings.providers import Fallback, ModelTypeName, Prefill
from gateway.settings.strict import Strict

PolicyName = Literal[
    "ordered",
    "least-busy",
    "lowest-latency",
    "highest-throughput",
    "cheapest",
    "cheapest-now",
    "weighted",
    "local-first",
    "remote-first",
]
FeatureName = Literal["images", "tools", "json_schema", "n", "logprobs", "prefill"]


class SpillConfig(Strict):
    """Past any of these a local engine's calls go to the next targets first."""

    in_flight: int | None = Field(None, ge=1)
    """Calls of this gateway that the engine has not finished."""
    waiting: int | None = Field(None, ge=1)
    """Calls that wait inside the engine, as it says itself."""
    memory: float | None = Field(None, gt=0, le=1)
    """Share of the engine's key-value cache in use, 0 to 1, as it says itself."""


class HedgeConfig(Strict):
    """A second target is asked too when the first one is slow to begin."""

    after: Annotated[float, Field(gt=0)] | Literal["p95"] = "p95"
    """Seconds without content, or the time in which 95 of 100 answers of that target lately began."""
    max_share: float = Field(0.1, gt=0, le=1)
    """Hedged requests as a share of all of this model: what hedging may cost at most."""


class TargetConfig(Strict):
    """One place a model's calls may go: an `engine` of this machine, or a model of a provider."""

    engine: str = ""
    provider: str = Field("", validation_alias=AliasChoices("provider", "provider_id", "providerId"))
    model: str = Field("", validation_alias=AliasChoices("model", "upstream_model", "upstreamModel"))
    base_url: str = ""
    priority: int = Field(0, ge=0)
    weight: float = Field(1.0, gt=0)
    price: float | None = Field(None, ge=0)
    """USD per 1 M tokens, three input tokens counted for one of output; for the policy `cheapest`."""
    prefill: Prefill = ""
    """How this target goes on behind a text of the assistant, for streams that break; empty: it cannot."""
    supports: dict[FeatureName, bool] = Field({})
    """What this target can (`true`) and cannot (`false`); what is left out is tried. A list is all `true`."""
    tee: bool | None = None
    """Whether it runs in a trusted execution environment; unset: as its provider."""

    @field_validator("supports", mode="before")
    @classmethod
    def _all_true(cls, value: Any) -> Any:
        return dict.fromkeys(value, True) if isinstance(value, list | tuple) else value


class ModelConfig(Strict):
    """A public model name. Give `targets`, or `provider` + `model` (+ `fallbacks`), or `engine`."""

    name: str = ""
    type: ModelTypeName | None = None
    engine: str = ""
    provider: str = Field("", validation_alias=AliasChoices("provider", "provider_id", "providerId"))
    model: str = Field("", validation_alias=AliasChoices("model", "upstream_model", "upstreamModel"))
    base_url: str = ""
    enabled: bool = True
    targets: tuple[TargetConfig, ...] = ()
    fallbacks: tuple[str | Fallback, ...] = ()
    policy: PolicyName = "ordered"
    stream_policy: StreamPolicyName | None = None
    context_fallback: str = ""
    """The model to ask when a request is too long for this one."""
    sticky: Literal["session", "prompt"] = "session"
    """What keeps calls together on one target: a session that is named, or the beginning of the prompt too."""
    spill: SpillConfig | None = None
    hedge: HedgeConfig | None = None
    audio: AudioConfig | None = None
    """How its long recordings are parted; unset: as for all models."""
    default_max_tokens: int | None = Field(None, ge=1)
    """Asked for where the caller says nothing."""
    max_tokens: int | None = Field(None, ge=1)
    """The longest answer a caller may ask for."""
    min_quantization: str = ""
    """The coarsest that will do, such as `fp8`; a target at Chutes that is coarser is not used."""
    max_price: float | None = Field(None, ge=0)
    """USD per 1 M tokens of input; a target at Chutes that costs more is not used."""
    min_context: int | None = Field(None, ge=1)
    """Tokens; a target at Chutes that takes less is not used."""
    supports_image_upload: bool | None = None
    aliases: tuple[str, ...] = ()
    tee: TeeRule | None = None
    """Only targets in trusted execution environments."""
    data: DataRule | None = None
    """Only engines of this gateway, and providers declared as `data: local`."""


class PriceConfig(Strict):
    """What one model of one provider costs, in USD: per 1 M tokens, minute of audio, page, request."""

    input: float | None = Field(None, ge=0, le=1_000_000)
    output: float | None = Field(None, ge=0, le=1_000_000)
    cached_input: float | None = Field(None, ge=0, le=1_000_000)
    """Of input tokens that the provider had in its cache; unset: as `input`."""
    per_minute: float | None = Field(None, ge=0, le=1_000_000)
    per_page: float | None = Field(None, ge=0, le=1_000_000)
    per_request: float | None = Field(None, ge=0, le=1_000_000)
