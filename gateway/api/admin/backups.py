"""Backup and restore over HTTP: one file with everything, secrets still sealed."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from gateway.api.admin.identity import Person, administrator
from gateway.api.services import services
from gateway.errors import TooLarge
from gateway.store.backup import backup, restore
from gateway.store.records import Audit

router = APIRouter(prefix="/api/admin/backup", tags=["backup"])
Admin = Annotated[Person, Depends(administrator)]

_MAX_BYTES = 4 * 2**30


class Restored(BaseModel):
    revision: int
    rows: dict[str, int] = Field(description="How many rows of each table were in the file.")


@router.get(
    "",
    summary="Download a backup",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def download(
    request: Request, person: Admin, usage: Annotated[bool, Query(description="Also requests and bodies.")] = True
) -> FileResponse:
    """Keep it safe: provider keys in it are sealed, but names, limits and hashes are not."""
    known = services(request)
    folder = tempfile.TemporaryDirectory(prefix="backup-")
    name = f"chute-gateway-{datetime.now(UTC):%Y%m%d-%H%M%S}.backup"
    path = Path(folder.name) / name
    await backup(known.store, path, usage=usage)
    await known.store.write((), Audit(person.actor.name, "backup", "backup", name, address=person.actor.address))
    return FileResponse(
        path, media_type="application/octet-stream", filename=name, background=BackgroundTask(folder.cleanup)
    )


@router.post("/restore", summary="Restore a backup")
async def upload(request: Request, person: Admin) -> Restored:
    """The file as the body. It is checked whole before anything changes; then everybody is logged out."""
    known = services(request)
    with tempfile.TemporaryFile() as file:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > _MAX_BYTES:
                raise TooLarge(f"A backup has at most {_MAX_BYTES // 2**30} GB.")
            file.write(piece)
        told = Audit(person.actor.name, "restore", "backup", "", address=person.actor.address)
        revision, summary = await restore(known.store, file, told)
    await known.administration.follow()
    return Restored(revision=revision, rows=dict(summary.rows))
