"""`Route`, `Target` and `Attempt`: what a public model name leads to, how it is ordered, and what was tried."""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from gateway.openai_api.confidentiality import Rule
from gateway.openai_api.features import Feature
from gateway.openai_api.operations import ModelType


class Policy(StrEnum):
    """How the targets of a route are ordered. All but the last three keep priorities and choose within one."""

    ORDERED = "ordered"
    """By priority; the same priority shares load by weight."""
    LEAST_BUSY = "least-busy"
    """Of two drawn by weight, the one with fewer calls in flight."""
    LOWEST_LATENCY = "lowest-latency"
    """By the time to the first content lately."""
    HIGHEST_THROUGHPUT = "highest-throughput"
    """By output tokens per second lately."""
    CHEAPEST = "cheapest"
    """By price per token; unpriced targets last, engines of this machine first."""
    CHEAPEST_NOW = "cheapest-now"
    """As `cheapest`, but what rests, is overloaded or much slower than the best comes behind the others."""
    WEIGHTED = "weighted"
    """By weight alone, whatever the priority."""
    LOCAL_FIRST = "local-first"
    """Engines of this machine before everything else."""
    REMOTE_FIRST = "remote-first"
    """Engines of this machine after everything else."""


class StreamPolicy(StrEnum):
    """What becomes of a stream whose target breaks after it began."""

    CONTINUE = "continue"
    """Another target goes on behind the text said so far; where none can, as `error`."""
    RESTART = "restart"
    """Another target begins anew, behind a chunk marked as a restart."""
    ERROR = "error"
    """The caller gets an error event."""


class Sticky(StrEnum):
    """What keeps calls together on one target of a priority."""

    SESSION = "session"
    """A session that the caller names."""
    PROMPT = "prompt"
    """Where no session is named, the beginning of the prompt."""


@dataclass(frozen=True, slots=True)
class Spill:
    """Past any of these limits the calls of a local engine go elsewhere first. None: no limit."""

    in_flight: int | None = None
    """Calls of this gateway that are not finished there."""
    waiting: int | None = None
    """Calls that wait inside the engine."""
    memory: float | None = None
    """Share of the engine's key-value cache in use, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Hedge:
    """A second target is asked when the first said nothing for `after` seconds (None: for longer than 95 of 100 of its
    answers lately took to begin), in at most `max_share` of the requests of the model `model`."""

    model: str
    after: float | None = None
    max_share: float = 0.1


@dataclass(frozen=True, slots=True)
class Splitting:
    """How long recordings are parted: into pieces of at most `seconds` (0: never), so many under way at a time. With
    `spread` they go to all targets, the least busy first."""

    seconds: float = 600.0
    parallel: int = 4
    spread: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """One place to send a call. Lower `priority` first; `weight` shares load within a priority."""

    provider_id: str
    upstream_model: str
    priority: int = 0
    weight: float = 1.0
    base_url: str = ""
    """Overrides the provider's, for a chute with a host of its own."""
    price: float | None = None
    """USD per 1 M tokens, three input tokens counted for one of output."""
    prefill: str = ""
    """How this target goes on behind a text of the assistant (`openai_api.continuation.PREFILLS`); empty: it cannot."""
    supports: frozenset[Feature] = frozenset()
    lacks: frozenset[Feature] = frozenset()
    """What it is known to be able to do, and not to be; the rest is tried."""
    thinking: bool = False
    """The caller asked for `model:THINKING`."""
    tee: bool | None = None
    """Whether it is declared to run in a trusted execution environment; None: as its provider."""


@dataclass(frozen=True, slots=True)
class Route:
    """A public model name. `type` is None where nobody declared it."""

    id: str
    targets: tuple[Target, ...]
    name: str = ""
    type: ModelType | None = None
    policy: Policy = Policy.ORDERED
    stream_policy: StreamPolicy = StreamPolicy.CONTINUE
    parts: tuple[str, ...] = ()
    """The routes that a list such as `a,b:latency` was made of: the caller must be allowed each."""
    context_fallback: str = ""
    """The model to ask when the request is too long for this one."""
    aliases: tuple[str, ...] = ()
    sticky: Sticky = Sticky.SESSION
    spill: Spill | None = None
    hedge: Hedge | None = None
    splitting: Splitting | None = None
    """None: as for all models."""
    supports_images: bool | None = None
    demo: bool = False
    default_max_tokens: int | None = None
    max_tokens: int | None = None
    """The longest answer a caller may ask for, and what is asked for where the caller says nothing."""
    blocked: str = ""
    """Why the model may not be used now, although it is configured: no target is what it demands."""
    from_catalog: bool = False
    """Nobody configured it: the catalog lists the model."""
    notes: tuple[str, ...] = ()
    """What an operator should know of it, such as a target that is gone from the catalog."""
    rule: Rule | None = None
    """What the model's configuration demands of whoever is asked."""
    lacked: frozenset[Feature] = field(init=False)
    """What at least one target lacks: only for these a request is looked at."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lacked", frozenset().union(*(target.lacks for target in self.targets)))


class Attempt(msgspec.Struct):
    """The record of one try. `outcome` is `200`, the code of the error, `cancelled` where the caller left or got none
    of the answer, or `overtaken` where a hedged target was faster. What every request needs is a struct: that is made
    in less time."""

    target: Target
    outcome: str
    seconds: float
    """From sending until the answer's head, or until the failure."""
    started: float = 0.0
    """`time.monotonic()` when it was sent."""
    span_id: str = ""
    """Of its span, where traces are made."""
    sent: bool = True
    """False where the caller left while there was no connection yet."""

    def __str__(self) -> str:
        return f"{self.target.provider_id}/{self.target.upstream_model}={self.outcome}"
