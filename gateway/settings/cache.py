"""The shape of the `cache` block of `gateway.yaml`."""

from pydantic import Field

from gateway.settings.strict import Strict


class CacheSettings(Strict):
    """Answers kept to be given again to an equal request of the same user."""

    enabled: bool = Field(False, description="Keep answers for callers that ask for it.")
    max_mb: float = Field(64, gt=0, le=65_536, description="Memory for kept answers, in MB.")
    ttl_seconds: float = Field(3600, gt=0, description="Seconds for which an answer may be given again.")
