"""`Provider`, `ProviderAdapter` and `Endpoint`: the whole surface between routing and any upstream."""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gateway.openai_api.call import Call, Reply
from gateway.openai_api.operations import ModelType

MAX_RETRIES = 3


class ProviderType(StrEnum):
    OPENAI = "openai"
    CHUTES = "chutes"
    LOCAL = "local"
    """An engine of ours on loopback; its address comes from the engine board at each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. `first_byte` bounds the wait for a stream's first byte, `whole` that for an answer that is no stream.
    `first_content` bounds the wait until a stream really says something; None leaves it to the others. `job` is `whole`
    for a request that may become a job."""

    connect: float = 5.0
    first_byte: float = 600.0
    whole: float = 600.0
    idle: float = 60.0
    first_content: float | None = None
    job: float = 3600.0


@dataclass(frozen=True, slots=True)
class Via:
    """By httpx instead of our own client: over HTTP/2 where the upstream has it, or by an HTTP(S) proxy."""

    proxy: str = field(default="", repr=False)
    """URL, perhaps with a user name and password."""
    http2: bool = False


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Every `interval` seconds `GET path` on the base URL's host; with no path, what the dialect's `check` does."""

    interval: float = 30.0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A configured upstream, as people edit it. `api_keys` are secrets: never logged, never shown."""

    id: str
    type: str
    """A `ProviderType`, or the name under which a third party registered its dialect."""
    base_url: str = ""
    """With or without a trailing `/v1`; adapters accept both."""
    name: str = ""
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    enabled: bool = True
    timeouts: Timeouts = Timeouts()
    max_retries: int = MAX_RETRIES
    backs_off: bool = True
    """Whether retries wait longer each time; else they come as soon as the provider's `Retry-After` allows."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    via: Via | None = None
    """None: by our own client."""
    health_check: HealthCheck | None = None
    """None: it is never asked whether it is well."""
    stream_usage: bool = True
    """Whether streams are asked for their usage, with `stream_options`, where the caller does not."""
    debug: bool = False
    """Log every try."""
    tee: bool | None = None
    """Whether its targets are declared to run in trusted execution environments."""
    local: bool = False
    """Declared to be on the operator's own machines."""
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What adapters made of this provider once, to be used for every call. A changed provider begins anew."""


@dataclass(slots=True)
class Endpoint:
    """Where one try goes: a provider, the model's name there, and for chutes with a host of their own, its base URL."""

    provider: Provider
    upstream_model: str
    base_url: str = ""
    """Overrides the provider's; empty = the provider's."""
    api_key: str = field(default="", repr=False)
    """The one of the provider's keys that this try uses."""
    in_tee: bool = False
    """A dialect that itself finds out where the model is served must go to a trusted execution environment only."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that an upstream says it has. `type` is None where the upstream does not tell."""

    id: str
    created: int = 0
    owned_by: str = ""
    type: ModelType | None = None


class ProviderAdapter(Protocol):
    """Code for one dialect. Built-ins and third parties alike register it in `providers.registry`.

    `send` raises `errors.UpstreamError` (and subclasses) or `errors.UpstreamRefused`; a `Reply` it returns is a
    success. For a stream, `send` returns when the upstream's headers are there and are 200; iterating raises the same
    errors. Whole file answers put a `Transcript` or an `OcrResult` into `Reply.result`, with `body` empty. It may be a
    plain function that gives back another's coroutine: it is awaited at once, and a frame is spared.
    """

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations this dialect can do."""
        ...

    def send(self, endpoint: Endpoint, call: Call) -> Coroutine[Any, Any, Reply]: ...

    async def list_models(self, provider: Provider) -> list[ListedModel]: ...

    async def check(self, provider: Provider) -> None:
        """Raise the error that a call would meet (unreachable, key refused); return when the provider is usable."""
        ...
