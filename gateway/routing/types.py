"""`Route`, `Target` and `Attempt`: what a public model name leads to, and what was tried."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.openai_api.operations import ModelType


class Policy(StrEnum):
    ORDERED = "ordered"
    """By priority; the same priority shares load by weight."""
    LOCAL_FIRST = "local-first"
    """As `ordered`, but engines of this machine before everything else."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place to send a call. Lower `priority` first; `weight` shares load within a priority."""

    provider_id: str
    upstream_model: str
    priority: int = 0
    weight: float = 1.0
    base_url: str = ""
    """Overrides the provider's, for a chute with a host of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """A public model name. `type` is None where nobody declared it."""

    id: str
    targets: tuple[Target, ...]
    name: str = ""
    type: ModelType | None = None
    policy: Policy = Policy.ORDERED
    aliases: tuple[str, ...] = ()
    supports_images: bool | None = None
    demo: bool = False


@dataclass(slots=True)
class Attempt:
    """The record of one try. `outcome` is `200` or the code of the error."""

    target: Target
    outcome: str
    seconds: float
    """From sending until the answer's head, or until the failure."""

    def __str__(self) -> str:
        return f"{self.target.provider_id}/{self.target.upstream_model}={self.outcome}"
