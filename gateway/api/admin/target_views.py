"""What the states of targets look like over HTTP; the UI's types are made of these."""

from pydantic import BaseModel, Field


class TargetNow(BaseModel):
    """A target as routing sees it."""

    provider_id: str
    upstream_model: str
    state: str = Field(description="`closed`, `ramping`, `half-open`, `open` or `cooling`.")
    ready_in: float = Field(description="Seconds until it may be asked.")
    in_flight: int
    calls: int
    failures: int
    latency: float | None = Field(description="Seconds to the first content.")
    speed: float | None = Field(description="Output tokens per second.")
    last_error: str
    drained: bool = Field(description="It gets no new requests.")


class TargetList(BaseModel):
    data: list[TargetNow]
    total: int
