"""What administrators read: every resource with where it comes from. Secrets are masked, never shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class View(BaseModel):
    """`version` is the ETag; 0: the database has nothing of it yet. `origin` is `database`, a place in the file,
    `environment`, `engine NAME` or `provider NAME`."""

    model_config = ConfigDict(extra="forbid")

    id: str
    version: int = 0
    origin: str = "database"
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ProviderView(View):
    name: str
    type: str
    base_url: str
    api_key: str | None = Field(None, description="The first key, masked.", examples=["gsk_abcd…wxyz"])
    api_keys: list[str] = Field([], description="All keys, masked.")
    enabled: bool
    status: str = Field(description="`enabled`, `disabled`, or why it cannot be used.")
    timeout: float | None = None
    max_retries: int | None = None
    headers: dict[str, str] = Field({}, description="Values are masked.")
    transport: str | None = None
    proxy: str | None = Field(None, description="Masked.")
    http2: bool = False
    stream_usage: bool = True
    health_check: dict[str, Any] | None = None
    models: Any = []
    fallbacks: list[dict[str, Any]] = []
    performance: dict[str, Any] = {}
    debug: bool = False
    tee: bool | None = Field(None, description="Declared to run in trusted execution environments.")
    data: str | None = Field(None, description="`local`: declared to be on the operator's own machines.")
    used_by: list[str] = Field([], description="Public model names with a target here.")


class TargetView(BaseModel):
    provider_id: str
    upstream_model: str
    engine: str = Field("", description="The engine's name where the target is a local engine.")
    priority: int = 0
    weight: float = 1.0
    base_url: str = ""
    price: float | None = None
    prefill: str = ""
    tee: bool | None = Field(None, description="Declared to run in a trusted execution environment.")
    supports: dict[str, bool] = {}


class ModelView(View):
    name: str
    type: str | None
    enabled: bool
    provider_id: str = Field("", description="Of the first target.")
    upstream_model: str = Field("", description="Of the first target.")
    targets: list[TargetView]
    fallbacks: list[Any] = []
    policy: str
    stream_policy: str
    context_fallback: str = ""
    sticky: str = "session"
    spill: dict[str, Any] | None = None
    hedge: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    supports_image_upload: bool | None = None
    default_max_tokens: int | None = None
    max_tokens: int | None = None
    min_quantization: str = ""
    max_price: float | None = None
    min_context: int | None = None
    tee: str | None = Field(None, description="`required`: only targets in trusted execution environments.")
    data: str | None = Field(None, description="`local-only`: only engines of this gateway, and local providers.")
    aliases: list[str] = []
    demo: bool = False
    blocked: str = Field("", description="Why it may not be used now, although it is configured.")
    notes: list[str] = Field([], description="What an operator should know, such as a target that is gone.")


class Limited(View):
    rpm: int | None = None
    tpm: int | None = None
    max_parallel: int | None = None
    budget_usd: float | None = None
    budget_period: str = "month"
    spent_usd: float | None = Field(None, description="In the current period of the budget.")
    spent_reset_at: datetime | None = Field(None, description="When what was spent was last reset; null: never.")


class ApiKeyView(Limited):
    name: str
    key: str = Field(description="Masked, except in the answer that made it.", examples=["sk-gw-Ab…xYz9"])
    user_id: str = ""
    allowed_models: list[str] = []
    allowed_operations: list[str] = []
    enabled: bool = True
    expires_at: datetime | None = None
    allowed_ips: list[str] = []
    store_bodies: bool = False
    cache: bool = False
    stream_policy: str | None = None
    tee: str | None = None
    data: str | None = None
    is_master: bool = False
    last_used_at: datetime | None = Field(None, description="When its newest request came; null: never.")
    previous_until: datetime | None = Field(None, description="Until when the key before the rotation works too.")


class UserView(Limited):
    username: str
    role: str
    enabled: bool = True
    allowed_models: list[str] = []
    keys: int = Field(0, description="How many keys belong to this user.")


class SettingView(View):
    value: Any = Field(description="The effective value; secrets are masked.")
    description: str
    default: Any = None
    json_schema: dict[str, Any] = Field({}, description="What values it takes.")
    changeable: bool = Field(description="False: it is read before the database, so file or environment must say it.")
    spent_usd: float | None = Field(None, description="Of `limits`: by everybody in the current period of the budget.")
    spent_reset_at: datetime | None = Field(None, description="Of `limits`: when that was last reset; null: never.")
