"""What batches and their files look like to administrators: whose they are, how far they are, what went wrong."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from gateway.admin.owners import Owner
from gateway.api.admin.lists import Page
from gateway.api.batches import BatchProblem, RequestCounts
from gateway.batches.lines import Failure
from gateway.store.batch_rows import BatchRow, BatchStatus
from gateway.store.file_rows import FileRow


class Owned(BaseModel):
    key_id: str
    key_name: str = Field(description="Empty for a key that is gone.")
    user_id: str
    username: str = Field(description="Whom the key belongs to; empty for nobody's.")


class BatchEntry(Owned):
    id: str
    endpoint: str
    models: list[str] = Field(description="The first 20 that its requests name, known once they are checked.")
    status: BatchStatus
    request_counts: RequestCounts
    created_at: datetime
    started_at: datetime | None = Field(description="When the first request was asked.")
    finished_at: datetime | None
    expires_at: datetime = Field(description="The end of the completion window.")
    input_file_id: str
    input_bytes: int | None = Field(description="Size of the file of requests; null where it is gone.")


class BatchFailure(BaseModel):
    custom_id: str
    status: int | None = Field(description="Null for a request that was never answered.")
    request_id: str
    code: str
    message: str


class BatchDetail(BatchEntry):
    completion_window: str
    metadata: dict[str, str]
    cancelling_at: datetime | None
    kept_until: datetime | None = Field(description="When it is forgotten; null before its end.")
    output_file_id: str | None = Field(description="The answers; null before the end and where there are none.")
    error_file_id: str | None
    errors: list[BatchProblem] = Field(description="What is wrong with the file of one that failed.")
    failures: list[BatchFailure] = Field(description="The first 20 requests that failed or were left out.")


class FileEntry(Owned):
    id: str
    name: str
    purpose: str = Field(examples=["batch", "batch_output"])
    bytes: int
    created_at: datetime
    expires_at: datetime


class FilePage(Page[FileEntry]):
    total_bytes: int = Field(description="Of all that were found, on this page or not.")


def batch_entry(row: BatchRow, owner: Owner, size: int | None) -> BatchEntry:
    return BatchEntry(**_entry(row, owner, size))


def batch_detail(row: BatchRow, owner: Owner, size: int | None, failures: list[Failure]) -> BatchDetail:
    return BatchDetail(
        **_entry(row, owner, size),
        completion_window=row.completion_window,
        metadata=dict(row.metadata or {}),
        cancelling_at=_moment(row.cancelling_at),
        kept_until=_moment(row.expires_at),
        output_file_id=None if row.is_open else row.output_id or None,
        error_file_id=None if row.is_open else row.error_id or None,
        errors=[BatchProblem.model_validate(problem) for problem in row.errors],
        failures=[BatchFailure.model_validate(failure, from_attributes=True) for failure in failures],
    )


def file_entry(row: FileRow, owner: Owner) -> FileEntry:
    return FileEntry(
        **_owned(owner),
        id=row.id,
        name=row.name,
        purpose=row.purpose,
        bytes=row.size,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        expires_at=datetime.fromtimestamp(row.expires_at, UTC),
    )


def _entry(row: BatchRow, owner: Owner, size: int | None) -> dict[str, Any]:
    return {
        **_owned(owner),
        "id": row.id,
        "endpoint": row.endpoint,
        "models": list(row.models),
        "status": row.status,
        "request_counts": RequestCounts(total=row.total, completed=row.completed, failed=row.failed),
        "created_at": _moment(row.created_at),
        "started_at": _moment(row.begun_at),
        "finished_at": _moment(row.ended_at),
        "expires_at": _moment(row.due_at),
        "input_file_id": row.input_id,
        "input_bytes": size,
    }


def _owned(owner: Owner) -> dict[str, str]:
    return {name: getattr(owner, name) for name in Owned.model_fields}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
