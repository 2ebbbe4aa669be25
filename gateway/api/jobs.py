"""`/v1/jobs`: what became of requests that were handed over. The forms that take `id` in the body are for the chute,
whose paths cannot hold one."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.access.keys import Caller
from gateway.api.identity import identify_request
from gateway.api.paged import page
from gateway.api.services import services
from gateway.errors import Forbidden
from gateway.jobs.desk import Desk
from gateway.jobs.documents import document
from gateway.jobs.runner import owner_of
from gateway.state import State
from gateway.store.job_rows import JobRow

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class JobView(BaseModel):
    """A request that was handed over. Times are epoch seconds."""

    id: str
    object: Literal["job"]
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_at: int
    finished_at: int | None
    expires_at: int | None = Field(description="When it is forgotten; null while it runs.")
    operation: str
    model: str
    request_id: str
    result_url: str
    error: dict[str, Any] | None = Field(description="The error object of one that failed.")


class JobList(BaseModel):
    object: Literal["list"]
    data: list[JobView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class JobGone(BaseModel):
    id: str
    object: Literal["job"] = "job"
    deleted: Literal[True] = True


class Which(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=100)


@router.get("", response_model=JobList)
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100, description="At most this many.")] = 20,
    after: Annotated[str | None, Query(max_length=100, description="Continue behind this id.")] = None,
) -> dict[str, Any]:
    """The jobs of the key, newest first; of all keys for the master key."""
    caller = caller_of(request)
    if not caller.key_id:
        raise Forbidden("Send a gateway key to list its jobs: the platform does not tell callers apart.")
    rows, has_more = await _desk(request).listed(viewer_of(caller), limit, after)
    return page(rows, has_more, document)


@router.post("", response_model=JobView)
async def find_job(request: Request, which: Annotated[Which, Body()]) -> dict[str, Any]:
    """As `GET /v1/jobs/{id}`."""
    return await get_job(request, which.id)


@router.post("/result")
async def find_result(request: Request, which: Annotated[Which, Body()]) -> Response:
    """As `GET /v1/jobs/{id}/result`."""
    return await get_result(request, which.id)


@router.post("/cancel", response_model=JobView)
async def find_and_cancel(request: Request, which: Annotated[Which, Body()]) -> dict[str, Any]:
    """As `POST /v1/jobs/{id}/cancel`."""
    return await cancel_job(request, which.id)


@router.get("/{id}", response_model=JobView)
async def get_job(request: Request, id: str) -> dict[str, Any]:
    """How far it is."""
    return document(await _find(request, id))


@router.get("/{id}/result")
async def get_result(request: Request, id: str) -> Response:
    """The answer with its own status, headers and bytes, as it would have come; 409 while there is none."""
    status, headers, body = await _desk(request).result(await _find(request, id))
    return Response(body, status, headers)


@router.post("/{id}/cancel", response_model=JobView)
async def cancel_job(request: Request, id: str) -> dict[str, Any]:
    """Lets go of the upstream. A job that has ended stays as it is."""
    return document(await _desk(request).cancel(await _find(request, id)))


@router.delete("/{id}", response_model=JobView | JobGone)
async def delete_job(request: Request, id: str) -> dict[str, Any]:
    """Cancels a job that runs; removes one that has ended, with its answer."""
    row = await _find(request, id)
    if row.is_open:
        return document(await _desk(request).cancel(row))
    await _desk(request).remove(row)
    return JobGone(id=id).model_dump()


async def _find(request: Request, id: str) -> JobRow:
    return await _desk(request).find(id, viewer_of(caller_of(request)))


def caller_of(request: Request) -> Caller:
    state: State = request.app.state.gateway
    return identify_request(request, state)


def viewer_of(caller: Caller) -> str | None:
    """None: whoever may see the jobs of all."""
    return None if caller.is_master else owner_of(caller)


def _desk(request: Request) -> Desk:
    return services(request).jobs
