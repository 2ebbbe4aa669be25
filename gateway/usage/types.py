"""`UsageRow`, `Price` and the protocol of the store that keeps them. Made by the pipeline, written in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.observe.traces import Trace

NANOS = 1_000_000_000
"""Money is counted in whole nano-dollars (1e-9 USD), so that sums are exact in every store."""


class Tried(msgspec.Struct):
    """One attempt of a request, never changed. `outcome` is `200` or an error code, `started_ms` counts from the
    arrival of the request. Made for every request, as `UsageRow` is: a struct takes less time."""

    provider_id: str
    upstream_model: str
    outcome: str
    ms: float
    started_ms: float = 0.0


CLIENT_LEFT = 499


class UsageRow(msgspec.Struct):
    """One request, whole. Figures that nobody knows are None, never guessed. Never holds a prompt or a key.

    `at` is `time.time()` at arrival; `status` is what the caller got (499: the caller left).
    `cost_nanos` is None where no price was known; `price` is the price used, as it stood then.
    """

    request_id: str
    at: float
    operation: str
    model: str
    """As asked."""
    status: int
    key_id: str = ""
    key_name: str = ""
    user_id: str = ""
    route: str = ""
    provider_id: str = ""
    """Of the target that answered; empty where none did."""
    upstream_model: str = ""
    attempts: tuple[Tried, ...] = ()
    error_code: str = ""
    stream: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float | None = None
    """Of audio."""
    pages: int | None = None
    cost_nanos: int | None = None
    price: "Price | None" = None
    latency_ms: float = 0.0
    """From arrival until the last byte was handed over."""
    ttft_ms: float | None = None
    """From arrival until the first content of a stream."""
    overhead_ms: float | None = None
    """The gateway's own share of the latency."""
    cached: bool = False
    """Answered from the response cache."""
    request_body: bytes | None = None
    """Only where the key stores bodies."""
    response_body: bytes | None = None
    trace: Trace | None = None
    """Not stored, nor are `span_ids`, one for each attempt."""
    span_ids: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """As the caller saw it: 400 and above, or a stream that broke after its status was told. Not one who left."""
        return self.status != CLIENT_LEFT and (self.status >= 400 or bool(self.error_code))


@dataclass(frozen=True, slots=True)
class Price:
    """What one model of one provider costs from `valid_from` (epoch seconds) on, until a newer one.

    Units: USD per 1 M tokens for the first three, USD per minute of audio, per page, per request.
    None: not charged by that unit. `source` says where the figure is from.
    """

    provider_id: str
    upstream_model: str
    input_per_million: float | None = None
    output_per_million: float | None = None
    cached_input_per_million: float | None = None
    per_minute: float | None = None
    per_page: float | None = None
    per_request: float | None = None
    valid_from: float = 0.0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Spend:
    """What one scope has spent in one period. `scope` is `key:<id>`, `user:<id>` or `global`.

    `period` names the budget's window: `total`, `day:2026-11-21`, `week:2026-W47`, `month:2026-11` (UTC).
    """

    scope: str
    period: str
    nanos: int


class UsageStore(Protocol):
    """Keeps rows and spend. One batch is one transaction: a row and what it spent are kept together or not at all."""

    async def append(self, rows: Sequence[UsageRow], spends: Sequence[Spend]) -> None:
        """Adds the rows and adds each spend to what its scope and period has. A row already there is left alone.

        Raises StorageFailed or StorageUnavailable; then nothing of the batch was kept.
        """
        ...

    async def spent(self, periods: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """What every scope spent in these periods: `{(scope, period): nanos}`."""
        ...

    async def add_prices(self, prices: Sequence[Price]) -> None:
        """Adds dated facts; an equal newest fact is not repeated, none is ever overwritten."""
        ...

    async def prices(self) -> Sequence[Price]:
        """Every fact, oldest first."""
        ...
