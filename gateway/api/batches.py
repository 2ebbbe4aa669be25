"""`/v1/batches`: files of requests that are asked in the background, as in OpenAI's Batch API."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.files import LONGEST, SHORTEST
from gateway.api.jobs import caller_of, viewer_of
from gateway.api.paged import page
from gateway.api.services import services
from gateway.batches.desk import BatchDesk
from gateway.batches.documents import batch_document
from gateway.jobs.runner import owner_of
from gateway.store.batch_rows import BatchRow

router = APIRouter(prefix="/v1/batches", tags=["batches"])


class Lifetime(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(ge=SHORTEST, le=LONGEST)


class NewBatch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input_file_id: str = Field(max_length=100, description="An uploaded file of requests.")
    endpoint: str = Field(max_length=100, description="Where all of them go, such as `/v1/chat/completions`.")
    completion_window: str = Field(
        max_length=10, description="Hours after which what is not answered is left out: `1h` to `168h`."
    )
    metadata: dict[str, str] | None = Field(None, description="Names and values of your own: up to 16.")
    output_expires_after: Lifetime | None = Field(None, description="How long the files of answers are kept.")


class BatchProblem(BaseModel):
    code: str | None
    message: str
    param: str | None
    line: int | None = Field(description="Of the uploaded file, from 1.")


class BatchProblems(BaseModel):
    object: Literal["list"]
    data: list[BatchProblem]


class RequestCounts(BaseModel):
    total: int
    completed: int
    failed: int


class BatchView(BaseModel):
    """Times are epoch seconds."""

    id: str
    object: Literal["batch"]
    endpoint: str
    errors: BatchProblems | None = Field(description="What is wrong with the file of a batch that failed.")
    input_file_id: str
    completion_window: str
    status: Literal[
        "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
    ]
    output_file_id: str | None = Field(description="The answers, once the batch has ended; null where there are none.")
    error_file_id: str | None = Field(description="The same of requests that failed or were left out.")
    created_at: int
    in_progress_at: int | None
    expires_at: int = Field(description="The end of the completion window.")
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, str] | None


class BatchList(BaseModel):
    object: Literal["list"]
    data: list[BatchView]
    first_id: str | None
    last_id: str | None
    has_more: bool


@router.post("", response_model=BatchView)
async def create_batch(request: Request, new: Annotated[NewBatch, Body()]) -> dict[str, Any]:
    """Begins at once, as the key that asks."""
    lifetime = new.output_expires_after
    row = await _desk(request).create(
        owner_of(caller_of(request)),
        new.endpoint,
        new.input_file_id,
        new.completion_window,
        new.metadata,
        lifetime.seconds if lifetime else None,
    )
    return batch_document(row)


@router.get("", response_model=BatchList)
async def list_batches(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100, description="At most this many.")] = 20,
    after: Annotated[str | None, Query(max_length=100, description="Continue behind this id.")] = None,
) -> dict[str, Any]:
    """The batches of the key, newest first; of all keys for the master key."""
    rows, has_more = await _desk(request).listed(viewer_of(caller_of(request)), limit, after)
    return page(rows, has_more, batch_document)


@router.get("/{id}", response_model=BatchView)
async def get_batch(request: Request, id: str) -> dict[str, Any]:
    """How far it is."""
    return batch_document(await _find(request, id))


@router.post("/{id}/cancel", response_model=BatchView)
async def cancel_batch(request: Request, id: str) -> dict[str, Any]:
    """What was answered before is kept; the rest is told of in the file of errors."""
    return batch_document(await _desk(request).cancel(await _find(request, id)))


async def _find(request: Request, id: str) -> BatchRow:
    return await _desk(request).find(id, viewer_of(caller_of(request)))


def _desk(request: Request) -> BatchDesk:
    return services(request).batches
