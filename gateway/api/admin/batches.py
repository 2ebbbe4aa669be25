"""Batches and files of everybody: what runs in the background, whose it is, and ending it or making room."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from gateway.admin.owners import Owners
from gateway.api.admin.batch_views import (
    BatchDetail,
    BatchEntry,
    FileEntry,
    FilePage,
    batch_detail,
    batch_entry,
    file_entry,
)
from gateway.api.admin.changes import Deleted
from gateway.api.admin.identity import Person, administrator
from gateway.api.admin.lists import Page
from gateway.api.services import Services, services
from gateway.errors import InvalidRequest
from gateway.settings.strict import separated
from gateway.store.batch_rows import BatchFilter, BatchRow, BatchStatus
from gateway.store.file_rows import FileFilter
from gateway.store.records import Audit

router = APIRouter(prefix="/api/admin", tags=["batches"])
Admin = Annotated[Person, Depends(administrator)]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most this many.")]
Offset = Annotated[int, Query(ge=0, description="Skip this many.")]
Keys = Annotated[str, Query(description="Ids of keys, comma-separated.")]
Users = Annotated[str, Query(description="Ids of users, comma-separated.")]


@router.get("/batches", summary="List batches, newest first")
async def list_batches(
    request: Request,
    _: Admin,
    status: Annotated[str, Query(description="One or several, comma-separated.", examples=["in_progress"])] = "",
    key_id: Keys = "",
    user_id: Users = "",
    q: Annotated[
        str, Query(max_length=200, description="Text that id, endpoint, models, key or user contains, in any case.")
    ] = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[BatchEntry]:
    known = services(request)
    owners = _owners(known)
    wanted = BatchFilter(
        owners.chosen(separated(key_id), separated(user_id)), _statuses(status), q.strip(), owners.named(q.strip())
    )
    rows, total = await known.batches.page(wanted, limit, offset)
    sizes = await known.files.sizes([row.input_id for row in rows])
    data = [batch_entry(row, owners.of(row.owner), sizes.get(row.input_id)) for row in rows]
    return Page(data=data, total=total, limit=limit, offset=offset)


@router.get("/batches/{id}", summary="Read a batch with its errors")
async def read_batch(request: Request, _: Admin, id: str) -> BatchDetail:
    known = services(request)
    return await _detail(known, await known.batches.find(id, None))


@router.post("/batches/{id}/cancel", summary="Cancel a batch")
async def cancel_batch(request: Request, person: Admin, id: str) -> BatchDetail:
    """What was answered is kept. Returns at once; the status tells when it has ended. 409 for one that has ended."""
    known = services(request)
    told = Audit(person.actor.name, "cancel", "batches", id, address=person.actor.address)
    return await _detail(known, await known.batches.cancel(await known.batches.find(id, None), told))


@router.get("/files", summary="List the files of batches, newest first")
async def list_files(
    request: Request,
    _: Admin,
    purpose: Annotated[
        Literal["batch", "batch_output"] | None, Query(description="What was uploaded, or what was answered.")
    ] = None,
    key_id: Keys = "",
    user_id: Users = "",
    q: Annotated[str, Query(max_length=200, description="Text that id, name, key or user contains, in any case.")] = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> FilePage:
    known = services(request)
    owners = _owners(known)
    chosen = owners.chosen(separated(key_id), separated(user_id))
    wanted = FileFilter(chosen, purpose or "", q.strip(), owners.named(q.strip()))
    rows, total, size = await known.files.page(wanted, limit, offset)
    data: list[FileEntry] = [file_entry(row, owners.of(row.owner)) for row in rows]
    return FilePage(data=data, total=total, limit=limit, offset=offset, total_bytes=size)


@router.delete("/files/{id}", summary="Delete a file of a batch")
async def delete_file(request: Request, person: Admin, id: str) -> Deleted:
    """409 while a batch that is not finished reads it."""
    known = services(request)
    row = await known.files.find(id, None, "id")
    changes = {"name": [row.name, None], "bytes": [row.size, None]}
    await known.files.delete(row, Audit(person.actor.name, "delete", "files", id, changes, person.actor.address))
    return Deleted(id=id)


async def _detail(known: Services, row: BatchRow) -> BatchDetail:
    sizes = await known.files.sizes([row.input_id])
    failures = await known.batches.failures(row)
    return batch_detail(row, _owners(known).of(row.owner), sizes.get(row.input_id), failures)


def _owners(known: Services) -> Owners:
    return Owners(known.administration.directory)


def _statuses(text: str) -> list[BatchStatus]:
    """Raises InvalidRequest for one that there is not."""
    found = separated(text)
    if unknown := [one for one in found if one not in list(BatchStatus)]:
        text = f"'status': there is no '{unknown[0]}' (there are {', '.join(BatchStatus)})."
        raise InvalidRequest(text, param="status")
    return [BatchStatus(one) for one in found]
