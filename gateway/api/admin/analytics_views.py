"""What break-even and what-if answer, and the question of a changed model."""

from datetime import datetime

from pydantic import BaseModel, Field

from gateway.admin.documents import ModelDocument
from gateway.api.admin.usage_views import FiguresView
from gateway.routing.types import Policy
from gateway.settings.models import PriceConfig
from gateway.settings.strict import Strict


class BreakEvenView(BaseModel):
    """Money in USD."""

    since: datetime
    until: datetime
    figures: FiguresView
    hours: float
    tokens: int = Field(description="Input and output together.")
    cost_usd: float = Field(description="What these tokens cost as they were answered, or at the asked prices.")
    unpriced: int = Field(description="Requests among them whose price nobody told: they count as free.")
    per_million_usd: float | None = Field(description="Per 1 M tokens.")
    gpus: int = Field(description="What the busiest hour needs.")
    gpu_cost_usd: float = Field(description="These GPUs for the whole period.")
    gpu_per_million_usd: float | None
    full_gpu_hours: float = Field(description="GPU hours at full load: the least, if GPUs are paid by use.")
    full_gpu_cost_usd: float
    use: float = Field(description="Share of what the GPUs could do, 0 to 1.")
    tokens_per_day: float
    pays_from: float | None = Field(
        description="Tokens a day from which a GPU is cheaper; null: never, it is full before."
    )
    saved_usd: float = Field(description="By GPUs of one's own in this period; negative: they cost more.")


class WhatIfQuestion(Strict):
    """A model as it would be saved, and prices that would hold."""

    model: ModelDocument
    prices: dict[str, PriceConfig] = Field({}, description="As in gateway.yaml: `provider/model`.")


class ShareView(BaseModel):
    provider_id: str
    upstream_model: str
    before: float = Field(description="Share of the requests it would answer as things are, 0 to 1.")
    after: float
    attempts: int = Field(description="How often it was asked in this period.")
    failing: float = Field(description="Share of these that failed.")
    first_content_ms: float | None = None
    tokens_per_second: float | None = None
    priced: bool


class ExpectedView(BaseModel):
    cost_usd: float
    priced: float = Field(description="Share of the requests whose price is known.")
    latency_ms: float | None = Field(description="Mean; of the share `timed`.")
    timed: float = Field(description="Share of the requests that go to targets whose speed is known.")
    failing: float = Field(description="Share that no target would answer.")


class WhatIfView(BaseModel):
    """`actual` is what was counted, `before` the same requests reckoned as things are, `after` with the change."""

    since: datetime
    until: datetime
    model: str
    policy: str
    requests: int
    replayed: int = Field(description="The others stay as they were.")
    truncated: bool = Field(description="There were more requests than a replay reads.")
    actual_cost_usd: float
    actual_latency_ms: float | None
    before: ExpectedView | None = Field(description="Null for a model that does not exist yet.")
    after: ExpectedView
    targets: list[ShareView]
    assumptions: list[str]


class PolicyShareView(BaseModel):
    """A model under its own policy, `before`, and under the other, `after`."""

    model: str
    policy: str = Field(description="Its own.")
    targets: int
    requests: int
    replayed: int = Field(description="The others stay as they were.")
    before: ExpectedView
    after: ExpectedView


class PolicyView(BaseModel):
    since: datetime
    until: datetime
    policy: Policy
    truncated: bool = Field(description="There were more requests than a replay reads.")
    models: list[PolicyShareView] = Field(description="Those that were asked, the dearest first.")
    assumptions: list[str]
