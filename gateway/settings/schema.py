"""The shape of `gateway.yaml` and of the environment as a whole: every setting, its default, its meaning."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from gateway.settings.audio import AudioSettings
from gateway.settings.batches import BatchSettings
from gateway.settings.cache import CacheSettings
from gateway.settings.catalog import CatalogSettings
from gateway.settings.chute import ChuteSettings
from gateway.settings.confidentiality import ConfidentialitySettings
from gateway.settings.document import Document
from gateway.settings.jobs import JobSettings
from gateway.settings.keys import KeyConfig, LimitSettings, RetentionSettings, StreamPolicyName
from gateway.settings.models import ModelConfig, PriceConfig
from gateway.settings.providers import Fallback, LogLevel, ProviderConfig, ProviderName
from gateway.settings.strict import EntryName, Networks, Separated, Strict, separated


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
    delivery_timeout: float = Field(
        60,
        gt=0,
        description="Seconds for which a client may take nothing at all of its answer; then its connection is cut.",
    )
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
    providers: dict[ProviderName, ProviderConfig] = Field({})
    models: dict[EntryName, ModelConfig] = Field({})
    keys: tuple[KeyConfig, ...] = ()
    limits: LimitSettings = LimitSettings()
    prices: dict[str, PriceConfig] = Field({})
    audio: AudioSettings = AudioSettings()
    cache: CacheSettings = CacheSettings()
    retention: RetentionSettings = RetentionSettings()
    jobs: JobSettings = JobSettings()
    batches: BatchSettings = BatchSettings()
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

    def placed(self, mistake: str) -> str:
        """What is wrong at an engine begins with its key, as in `engines.chat.kind: missing`: with file and line where
        the file says it. ENGINES in the environment takes the place of what the file says of `engines` itself."""
        name, _, words = mistake.partition(": ")
        key = tuple(name.split("."))
        if self._document is None or key[:2] not in self._document.lines:
            return mistake
        if len(key) == 1 and separated(self._document.data["engines"]) != list(self.engines):
            return mistake
        return f"{self.place(*key)}: {words}"

    @property
    def written_at(self) -> float:
        """When the file of these settings changed last, in seconds since 1970; without one, when this gateway was
        installed."""
        return (self._document.written_at if self._document else 0.0) or Path(__file__).stat().st_mtime

    @field_validator("engines", mode="before")
    @classmethod
    def _engines(cls, value: Any) -> Any:
        if value is False:
            return "off"
        return value if value in ("auto", "off") else separated(value)
