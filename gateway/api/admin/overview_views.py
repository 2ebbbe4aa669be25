"""What the overview looks like over HTTP, and live; the UI's types are made of these."""

from pydantic import BaseModel, Field

from gateway.api.admin.engine_views import EngineView


class ProviderNow(BaseModel):
    id: str
    status: str = Field(description="`enabled`, `disabled`, or `resting`: no target of it may be asked now.")
    last_error: str = Field(description="While it rests.")


class ForecastView(BaseModel):
    per_hour: float | None = Field(description="The pace of late, in the window's unit; null while it is not known.")
    runs_out_at: float | None = Field(description="Epoch seconds; null where the cap lasts until it is reset.")


class WindowView(BaseModel):
    """A cap of an account at Chutes."""

    provider_id: str
    name: str
    unit: str = Field(description="`USD` or `requests`.")
    used: float
    cap: float
    resets_at: float | None = Field(description="Epoch seconds; null where it is not known.")
    nearly_used: bool = Field(description="Calls go to other targets first.")
    forecast: ForecastView


class ChutesView(BaseModel):
    """The accounts at Chutes. Null members: not asked yet."""

    reachable: bool | None
    key_ok: bool | None
    error: str
    checked_at: float | None = Field(description="Epoch seconds.")
    balances: dict[str, float | None] = Field(description="USD, by provider.")
    windows: list[WindowView]


class StatusView(BaseModel):
    """What changes by itself; also told live."""

    health: str = Field(description="`healthy`, `degraded` or `unhealthy`.")
    engines: list[EngineView]
    providers: list[ProviderNow]
    chutes: ChutesView | None = Field(description="Null where no provider is at Chutes.")
    in_flight: int
    usage_waiting: int
    usage_dropped: int


class StorageView(BaseModel):
    kind: str
    notes: list[str]


class OverviewView(StatusView):
    version: str
    started_at: float = Field(description="Epoch seconds.")
    revision: int
    storage: StorageView
    listening_pages: int
