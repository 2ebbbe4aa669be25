"""The shape of the `jobs` block of `gateway.yaml`."""

from pydantic import Field

from gateway.settings.strict import Separated, Strict


class JobSettings(Strict):
    """When a request that takes long becomes a job, and what is kept of it."""

    after: float = Field(
        0, ge=0, description="Seconds after which any request that does not stream becomes a job; 0: only who asks."
    )
    after_at_edge: float = Field(
        540, ge=0, description="The same through the Chutes platform, whose edge cuts after 600 s; 0: only who asks."
    )
    max_open: int = Field(
        100, ge=0, le=100_000, description="Jobs of one key that may run at the same time; 0: no jobs at all."
    )
    timeout: float = Field(
        3600,
        gt=0,
        description="Seconds for the whole answer of a request that may become a job, at providers without their own "
        "timeout.",
    )
    max_result_mb: float = Field(32, gt=0, le=256, description="Largest answer of a job, in MB.")
    max_kept_mb: float = Field(
        1024, gt=0, description="What all answers of one key may take, in MB; beyond it the oldest go."
    )
    retention_hours: float = Field(24, gt=0, le=8760, description="Hours for which a job that has ended is kept.")
    webhook_hosts: Separated = Field(
        (),
        description="The only hosts, with their subdomains, that callers' webhooks may name; they may be private. "
        "Empty: any public host with https.",
    )
