"""The shape of `gateway.yaml` and of the environment: every setting, its default, its meaning."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    SecretStr,
    Tag,
    field_validator,
)

from gateway.settings.audio import AudioConfig, AudioSettings
from gateway.settings.catalog import CatalogSettings
from gateway.settings.chute import ChuteSettings
from gateway.settings.confidentiality import ConfidentialitySettings, DataPlace, DataRule, TeeRule
from gateway.settings.document import Document
from gateway.settings.jobs import JobSettings
from gateway.settings.keys import KeyConfig, LimitSettings, RetentionSettings, StreamPolicyName
from gateway.settings.strict import Networks, Separated, Strict, separated

__all__ = ["KeyConfig", "LimitSettings", "Separated", "Settings", "StreamPolicyName", "Strict"]

ModelTypeName = Literal["chat", "embedding", "transcription", "ocr", "rerank", "image", "speech"]
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
LogLevel = Literal["debug", "info", "warning", "error"]


Prefill = Annotated[
    Literal["", "message", "prefix", "continue_final_message"],
    BeforeValidator(lambda value: "message" if value is True else value or ""),
]


class HealthCheckConfig(Strict):
    """How a provider is asked whether it is well while nobody else asks it."""

    interval: float = Field(30, ge=1, le=3600)
    """Seconds between checks, give or take a tenth."""
    path: str = Field("", pattern="^(/[^ ?#]*)?$")
    """Asked with GET on the host of the base URL; 200 is well. Empty: what the dialect has, mostly `/v1/models`."""


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


class CacheSettings(Strict):
    """Answers kept to be given again to an equal request of the same user."""

    enabled: bool = Field(False, description="Keep answers for callers that ask for it.")
    max_mb: float = Field(64, gt=0, le=65_536, description="Memory for kept answers, in MB.")
    ttl_seconds: float = Field(3600, gt=0, description="Seconds for which an answer may be given again.")


class Settings(Strict):
    """Every setting. The environment variable of a field is its name in capitals."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    state_dir: Path = Field(Path("state"), description="Folder for secrets, logs and data; made with mode 0700.")
    master_api_key: SecretStr | None = Field(
        None, description="The key that may use everything; made and kept in STATE_DIR/master_key when missing."
    )
    database_url: SecretStr | None = Field(
        None, description="`postgresql://…` or `sqlite:///…`; without one, SQLite in STATE_DIR."
    )
    seed_file: Path | None = Field(
        None, description="A backup, perhaps in base64, that a database in which nothing was ever written starts with."
    )
    redis_url: SecretStr | None = Field(
        None, description="`redis://…` or `rediss://…`, to count limits for several instances together."
    )
    secret_key: SecretStr | None = Field(
        None, description="Seals provider keys; made and kept in STATE_DIR/secret_key when missing."
    )
    secret_key_previous: SecretStr | None = Field(
        None, description="Older values of SECRET_KEY, comma-separated, that still open what they sealed."
    )
    ui_username: str | None = Field(None, description="Name of the administrator; belongs to UI_PASSWORD.")
    ui_password: SecretStr | None = Field(
        None, description="Password of the administrator, set at each start; without one, the first visit sets it up."
    )
    trusted_proxies: Networks = Field(
        (), description="Addresses and networks of proxies whose X-Forwarded-For is believed; none by default."
    )
    ip_rpm: int | None = Field(
        None, ge=1, description="Requests in any 60 seconds from one client address, whatever its keys. None: no limit."
    )
    workers: int = Field(1, ge=1, le=64, description="Processes that answer requests.")
    chutes_api_key: SecretStr | None = Field(None, description="Chutes key; with it the provider `chutes` exists.")
    chutes_base_url: str = Field("https://llm.chutes.ai", description="Chutes' OpenAI-compatible host.")
    chutes_api_url: str = Field("https://api.chutes.ai", description="Chutes' management API.")
    chutes_timeout: float = Field(30, gt=0, description="Seconds until the first byte from Chutes.")
    chutes_max_retries: int = Field(3, ge=0, le=20, description="Retries of a failed call to Chutes.")
    chutes_signals: bool = Field(
        True, description="Ask Chutes how busy and how fast chutes are and what is left of the account; route by it."
    )
    connect_timeout: float = Field(5, gt=0, description="Seconds to connect to an upstream.")
    upstream_timeout: float = Field(
        600, gt=0, description="Seconds until the first byte of a stream, or for a whole non-stream answer."
    )
    first_token_timeout: float | None = Field(
        None, gt=0, description="Seconds until a stream's first content; then the next target is tried. None: no limit."
    )
    stream_idle_timeout: float = Field(60, gt=0, description="Seconds a stream may be silent.")
    stream_keep_alive: float = Field(
        15, ge=0, description="Seconds of silence in a stream after which the caller gets an SSE comment; 0: never."
    )
    json_keep_alive: float = Field(
        0,
        ge=0,
        description="Seconds of waiting for a JSON answer after which the caller gets a space, again and again; "
        "the status is then 200, whatever comes. 0: never.",
    )
    request_timeout: float | None = Field(
        None, gt=0, description="Seconds for a whole request, however lively its stream is. None: no limit."
    )
    stream_policy: StreamPolicyName = Field(
        "continue", description="When a stream breaks: `continue` elsewhere, `restart` (marked), or `error`."
    )
    queue_timeout: float = Field(
        20, ge=0, description="Seconds a request waits while every target of its model rests after failures or limits."
    )
    queue_size: int = Field(256, ge=0, description="Requests that may wait so at a time; more get 429.")
    default_model: Separated = Field(
        (), description="Models that the name `default` means: the first whose type fits the endpoint is asked."
    )
    drained_targets: Separated = Field(
        (), description="Targets that get no new requests, each as `provider/model`; what runs there ends."
    )
    body_timeout: float = Field(60, gt=0, description="Seconds a client may take to send its request.")
    max_body_mb: float = Field(64, gt=0, le=1024, description="Largest JSON body, in MB.")
    allow_private_upstreams: bool = Field(
        False, description="Allow provider base URLs on private and loopback addresses, and without TLS."
    )
    image_domains: Separated = Field((), description="Hosts that image URLs may name; empty allows any public host.")
    engines: Literal["auto", "off"] | Separated = Field(
        "auto", description="`auto` (by what the machine has), `off`, or a list of engine names."
    )
    engine_config: dict[str, dict[str, Any] | bool | str] = Field(
        {}, description="The mapping form of `engines` in gateway.yaml: one engine a key."
    )
    engine_fallbacks: dict[str, tuple[Fallback, ...]] = Field(
        {}, description="`fallbacks` of an engine in gateway.yaml: where its calls go while it cannot answer."
    )
    engine_wait: float = Field(
        30, ge=0, description="Seconds a request waits for a loading engine that has no fallback."
    )
    model_hub: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether engines may download models: auto = only what the configuration names."
    )
    cache_duration_minutes: float = Field(
        10, gt=0, description="Minutes for which what Chutes lists is fresh in the catalog, and between its refreshes."
    )
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")
    log_format: Literal["pretty", "json"] = Field("pretty", description="One line per event, for people or machines.")
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]+[^?#]*$",
        description="Address of an OpenTelemetry collector, such as `http://localhost:4318`; with it traces are sent.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector, such as a key: `name=value`, comma-separated, percent-encoded."
    )
    otel_service_name: str = Field("chute-gateway", min_length=1, description="What traces call this gateway.")
    otel_traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="Share of requests that get a trace; one that a caller began decides for itself."
    )
    cors_origins: Separated = Field((), description="Origins allowed to call from a browser; none by default.")
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for `/metrics` and `/stats`; without one they answer this machine only."
    )
    providers: dict[str, ProviderConfig] = Field({})
    models: dict[str, ModelConfig] = Field({})
    keys: tuple[KeyConfig, ...] = ()
    limits: LimitSettings = LimitSettings()
    prices: dict[str, PriceConfig] = Field({})
    audio: AudioSettings = AudioSettings()
    cache: CacheSettings = CacheSettings()
    retention: RetentionSettings = RetentionSettings()
    jobs: JobSettings = JobSettings()
    catalog: CatalogSettings = CatalogSettings()
    chute: ChuteSettings = ChuteSettings()
    confidentiality: ConfidentialitySettings = ConfidentialitySettings()

    _document: Document | None = PrivateAttr(None)

    @property
    def previous_secret_keys(self) -> tuple[str, ...]:
        listed = self.secret_key_previous.get_secret_value() if self.secret_key_previous else ""
        return tuple(part.strip() for part in listed.split(",") if part.strip())

    def place(self, *key: str | int) -> str:
        """Where a key was written, for errors: file, line and key where there is a file."""
        return self._document.place(key) if self._document else ".".join(str(part) for part in key)

    @field_validator("engines", mode="before")
    @classmethod
    def _engines(cls, value: Any) -> Any:
        if value is False:
            return "off"
        return value if value in ("auto", "off") else separated(value)
