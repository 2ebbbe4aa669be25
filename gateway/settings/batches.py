"""The shape of the `batches` block of `gateway.yaml`."""

from pydantic import Field

from gateway.settings.strict import Strict


class BatchSettings(Strict):
    """How many requests of a file are asked at a time, and what is kept of files and answers."""

    parallel: int = Field(
        8, ge=1, le=1000, description="Requests of one batch that are under way at the same time, beside all others."
    )
    max_open: int = Field(
        10, ge=0, le=10_000, description="Batches of one key that are not finished; 0: no batches and no files at all."
    )
    max_requests: int = Field(50_000, ge=1, le=100_000, description="Requests that one batch may have.")
    max_file_mb: float = Field(200, gt=0, le=4096, description="Largest file that may be uploaded, in MB.")
    max_kept_mb: float = Field(
        2048, gt=0, description="What all uploaded files of one key may take, in MB; beyond it uploads are refused."
    )
    retention_days: float = Field(
        30, gt=0, le=3650, description="Days after which a file that says nothing else, and a batch, are removed."
    )
