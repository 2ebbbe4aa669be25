"""The shape of keys and of limits in `gateway.yaml`."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, field_validator

from gateway.settings.confidentiality import DataRule, TeeRule
from gateway.settings.strict import Networks, Strict

StreamPolicyName = Literal["continue", "restart", "error"]
Moment = Annotated[datetime, AfterValidator(lambda moment: moment if moment.tzinfo else moment.replace(tzinfo=UTC))]
"""ISO 8601; UTC where no zone is given."""


class LimitSettings(Strict):
    """What one key, or everybody together, may use; None: unlimited."""

    rpm: int | None = Field(None, ge=1, description="Requests in any 60 seconds.")
    tpm: int | None = Field(None, ge=1, description="Tokens, in and out, in any 60 seconds.")
    max_parallel: int | None = Field(None, ge=1, description="Requests at the same time.")
    budget_usd: float | None = Field(None, ge=0, le=1e9, description="USD in each period.")
    budget_period: Literal["day", "week", "month", "total"] = Field(
        "month", description="In UTC; weeks begin on Monday, a total never begins anew."
    )


class RetentionSettings(Strict):
    """How long what happened is kept; the oldest goes first."""

    usage_days: float = Field(90, gt=0, description="Days for which each request is kept.")
    bodies_days: float = Field(7, gt=0, description="Days for which requests and answers of keys that store them are.")
    hours_days: float = Field(730, gt=0, description="Days for which hourly sums are kept.")
    audit_days: float = Field(365, gt=0, description="Days for which the audit log is kept.")
    max_gb: float = Field(2, gt=0, description="Most that requests and bodies together may take, in GB.")


class KeyConfig(LimitSettings):
    """A gateway key from the file. `allowed_models` are globs; empty allows all."""

    key: SecretStr
    name: str = ""
    allowed_models: tuple[str, ...] = ()
    allowed_operations: tuple[str, ...] = ()
    stream_policy: StreamPolicyName | None = None
    """Wins over that of the model."""
    enabled: bool = True
    expires_at: Moment | None = None
    allowed_ips: Networks = ()
    """Where it may be used from; empty: everywhere."""
    user: str = Field("", validation_alias=AliasChoices("user", "user_id", "userId"))
    """Whose usage it is."""
    store_bodies: bool = False
    """Keep requests and answers of this key."""
    cache: bool = False
    """Answer repeated requests of this key from the response cache."""
    tee: TeeRule | None = None
    """Only targets in trusted execution environments."""
    data: DataRule | None = None
    """Only engines of this gateway, and providers declared as `data: local`."""

    @field_validator("key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        if len(key) < 16:
            raise ValueError("a key needs at least 16 characters")
        if not all("!" <= letter <= "~" for letter in key):
            raise ValueError("a key consists of printable ASCII characters without spaces or line ends")
        return value
