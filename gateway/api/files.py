"""`/v1/files`: files of requests, uploaded for batches, and the files of their answers, as in OpenAI's Files API."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.datastructures import FormData

from gateway.api.jobs import caller_of, viewer_of
from gateway.api.paged import page
from gateway.api.services import services
from gateway.api.uploads import read_upload
from gateway.batches.documents import file_document
from gateway.batches.files import INPUT, FileDesk
from gateway.errors import InvalidRequest
from gateway.jobs.runner import owner_of
from gateway.openai_api.forms import clean_filename
from gateway.store.file_rows import FileRow

router = APIRouter(prefix="/v1/files", tags=["batches"])

_SECONDS = 60.0
"""In which a piece of an upload must come."""
SHORTEST, LONGEST = 3_600, 2_592_000
"""Seconds that `expires_after` may say. Source: https://platform.openai.com/docs/api-reference/files/create"""
_UPLOAD = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["purpose", "file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "One request per line, as JSON."},
                    "purpose": {"type": "string", "enum": [INPUT]},
                    "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                    "expires_after[seconds]": {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST},
                },
            }
        }
    },
}


class FileView(BaseModel):
    """Times are epoch seconds."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: Literal["batch", "batch_output"]
    status: Literal["processed"] = Field(description="As older clients expect it.")
    status_details: None


class FileList(BaseModel):
    object: Literal["list"]
    data: list[FileView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileGone(BaseModel):
    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


@router.post("", response_model=FileView, openapi_extra={"requestBody": _UPLOAD})
async def upload_file(request: Request) -> dict[str, Any]:
    """Keeps a file of requests for a batch: one JSON object on each line."""
    owner, desk = owner_of(caller_of(request)), _desk(request)
    desk.check_on()
    async with read_upload(request, desk.limits.max_file, _SECONDS) as (file, form):
        if form.get("purpose") != INPUT:
            raise InvalidRequest("'purpose' must be 'batch': files are kept for batches alone.", param="purpose")
        name = clean_filename(file.filename or "")
        row = await desk.upload(owner, name, file.file, file.size or 0, _lifetime(form))
    return file_document(row)


@router.get("", response_model=FileList)
async def list_files(
    request: Request,
    purpose: Annotated[Literal["batch", "batch_output"] | None, Query(description="Only these.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="At most this many.")] = 10_000,
    after: Annotated[str | None, Query(max_length=100, description="Continue behind this id.")] = None,
    order: Annotated[Literal["asc", "desc"], Query(description="Oldest or newest first.")] = "desc",
) -> dict[str, Any]:
    """The files of the key; of all keys for the master key."""
    owner = viewer_of(caller_of(request))
    rows, has_more = await _desk(request).listed(owner, purpose or "", limit, after, order == "desc")
    return page(rows, has_more, file_document)


@router.get("/{id}", response_model=FileView)
async def get_file(request: Request, id: str) -> dict[str, Any]:
    """What is known of it."""
    return file_document(await _find(request, id))


@router.get("/{id}/content")
async def get_content(request: Request, id: str) -> StreamingResponse:
    """Its bytes."""
    row = await _find(request, id)
    headers = {"content-length": str(row.size), "content-disposition": "attachment"}
    return StreamingResponse(_desk(request).content(row), headers=headers, media_type="application/octet-stream")


@router.delete("/{id}", response_model=FileGone)
async def delete_file(request: Request, id: str) -> dict[str, Any]:
    """Removes it; 409 while a batch reads it."""
    await _desk(request).delete(await _find(request, id))
    return FileGone(id=id).model_dump()


def _lifetime(form: FormData) -> float | None:
    """Seconds, None where the form says nothing of it."""
    seconds = form.get("expires_after[seconds]")
    if seconds is None:
        return None
    if form.get("expires_after[anchor]", "created_at") != "created_at":
        raise InvalidRequest("'expires_after[anchor]' must be 'created_at'.", param="expires_after[anchor]")
    if not (isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and len(seconds) < 10):
        seconds = "0"
    if not SHORTEST <= int(seconds) <= LONGEST:
        text = f"'expires_after[seconds]' must be a whole number from {SHORTEST} to {LONGEST}."
        raise InvalidRequest(text, param="expires_after[seconds]")
    return float(seconds)


async def _find(request: Request, id: str) -> FileRow:
    return await _desk(request).find(id, viewer_of(caller_of(request)))


def _desk(request: Request) -> FileDesk:
    return services(request).files
